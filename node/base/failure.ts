/**
 * The one failure vocabulary of the network. Callers act on the code, people read the message, logs keep the cause.
 * `docs/errors.md` explains each code; edges translate them (gRPC status, exit code) exhaustively.
 */
export const FAILURE_CODES = [
  "invalid-input",
  "not-authenticated",
  "not-permitted",
  "purpose-refused",
  "role-refused",
  "restricted-record",
  "identity-not-known",
  "no-agreement",
  "not-covered",
  "replayed",
  "clocks-differ",
  "deadline-too-short",
  "timed-out",
  "unreachable",
  "incompatible",
  "directory-stale",
  "overloaded",
  "over-quota",
  "not-served",
  "store-unavailable",
  "configuration",
  "internal",
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

export interface FailureDetail {
  /** The field, file, host or limit at fault; never a value that a patient or user gave. */
  readonly where?: string;
  /** After how many milliseconds asking again makes sense. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Something in the world went wrong. The message says what, where and what to do, and never carries patient data. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly where: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: FailureCode, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "Failure";
    this.code = code;
    this.where = detail.where;
    this.retryAfterMs = detail.retryAfterMs;
  }
}

/** The failure itself, or `internal` around anything else that was thrown. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  return new Failure("internal", "Something went wrong inside the node; its log has the details.", { cause: thrown });
}
