import { Metadata, status as Status } from "@grpc/grpc-js";

import { FAILURE_CODES, Failure, type FailureCode, asFailure } from "../base/failure.ts";

/** The gRPC status of each failure. The code itself travels beside it. */
const STATUS_OF = {
  "invalid-input": Status.INVALID_ARGUMENT,
  "not-authenticated": Status.UNAUTHENTICATED,
  "not-permitted": Status.PERMISSION_DENIED,
  "purpose-refused": Status.PERMISSION_DENIED,
  "role-refused": Status.PERMISSION_DENIED,
  "restricted-record": Status.PERMISSION_DENIED,
  "identity-not-known": Status.FAILED_PRECONDITION,
  "no-agreement": Status.PERMISSION_DENIED,
  "not-covered": Status.FAILED_PRECONDITION,
  replayed: Status.PERMISSION_DENIED,
  "clocks-differ": Status.UNAUTHENTICATED,
  "deadline-too-short": Status.DEADLINE_EXCEEDED,
  "timed-out": Status.DEADLINE_EXCEEDED,
  unreachable: Status.UNAVAILABLE,
  incompatible: Status.FAILED_PRECONDITION,
  "directory-stale": Status.FAILED_PRECONDITION,
  overloaded: Status.RESOURCE_EXHAUSTED,
  "over-quota": Status.RESOURCE_EXHAUSTED,
  "not-served": Status.UNIMPLEMENTED,
  "store-unavailable": Status.UNAVAILABLE,
  configuration: Status.INTERNAL,
  internal: Status.INTERNAL,
} as const satisfies Record<FailureCode, Status>;

/** Said instead of the message where that could name what is inside the node: files, statements, our own mistakes. */
const FIXED_TEXT: Partial<Record<FailureCode, string>> = {
  internal: "Something went wrong inside the node; its log has the details.",
  configuration: "The node is not set up for this; its log has the details.",
  "store-unavailable": "The node cannot write its audit or its index: nothing has been disclosed.",
};

/** What a bare gRPC status means where no failure code came with it: from gRPC itself, or from a stranger. */
const FAILURE_OF = {
  [Status.OK]: "internal",
  [Status.CANCELLED]: "timed-out",
  [Status.UNKNOWN]: "internal",
  [Status.INVALID_ARGUMENT]: "invalid-input",
  [Status.DEADLINE_EXCEEDED]: "timed-out",
  [Status.NOT_FOUND]: "not-served",
  [Status.ALREADY_EXISTS]: "internal",
  [Status.PERMISSION_DENIED]: "not-permitted",
  [Status.RESOURCE_EXHAUSTED]: "overloaded",
  [Status.FAILED_PRECONDITION]: "incompatible",
  [Status.ABORTED]: "timed-out",
  [Status.OUT_OF_RANGE]: "invalid-input",
  [Status.UNIMPLEMENTED]: "not-served",
  [Status.INTERNAL]: "internal",
  [Status.UNAVAILABLE]: "unreachable",
  [Status.DATA_LOSS]: "internal",
  [Status.UNAUTHENTICATED]: "not-authenticated",
} as const satisfies Record<Status, FailureCode>;

/** Trailers that carry the failure beside the status. */
const FAILURE_HEADER = "corridor-failure";
const WHERE_HEADER = "corridor-where";
/** Milliseconds, as digits. */
const RETRY_AFTER_HEADER = "corridor-retry-after-ms";

const DETAILS_CHARACTERS_MAX = 1_000;
/** A field's path or a limit's name; anything else stays in the log. */
const WHERE = /^[a-z][\w.[\]-]{0,99}$/i;

export interface WireStatus {
  readonly code: Status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The status that tells the other side of a failure; of anything else thrown, only that something went wrong. */
export function statusOf(thrown: unknown): WireStatus {
  const { code, message, where, retryAfterMs } = asFailure(thrown);
  const fixed = FIXED_TEXT[code];
  const metadata = new Metadata();
  metadata.set(FAILURE_HEADER, code);
  if (fixed === undefined && where !== undefined && WHERE.test(where)) metadata.set(WHERE_HEADER, where);
  if (retryAfterMs !== undefined) metadata.set(RETRY_AFTER_HEADER, String(Math.ceil(retryAfterMs)));
  return { code: STATUS_OF[code], details: fixed ?? printable(message), metadata };
}

/** The same for one question of many on a stream, where there are no trailers. */
export interface RefusalParts {
  readonly status: number;
  readonly failure: string;
  /** 0 where nothing is said of it. */
  readonly retryAfterMs: number;
  readonly details: string;
  /** Empty where there is none. */
  readonly where: string;
}

export function refusalParts(thrown: unknown): RefusalParts {
  const error = statusOf(thrown);
  const { code: status, details } = error;
  const retryAfterMs = Number(headerOf(error, RETRY_AFTER_HEADER) ?? 0);
  const where = headerOf(error, WHERE_HEADER) ?? "";
  return { status, failure: asFailure(thrown).code, retryAfterMs, details, where };
}

/** What gRPC knows about a call that did not end well. */
export interface CallError {
  readonly code: Status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** True for the errors that gRPC's client gives. */
export function isCallError(thrown: unknown): thrown is CallError {
  return thrown instanceof Error && "code" in thrown && "details" in thrown && "metadata" in thrown;
}

/**
 * True where the call ended without a word of the other node's: its connection or its stream broke off. Whether the node
 * had done what it was asked is not known then.
 */
export function isBrokenOff(error: CallError): boolean {
  return BROKEN_OFF.has(error.code) && headerOf(error, FAILURE_HEADER) === undefined;
}

/** What gRPC makes of a stream that was reset, and of a connection that was lost or said goodbye. */
const BROKEN_OFF: ReadonlySet<Status> = new Set([
  Status.CANCELLED,
  Status.UNKNOWN,
  Status.INTERNAL,
  Status.UNAVAILABLE,
]);

/**
 * The failure that a status tells of, typed. The other side's words are kept as it said them, on one line; its code counts
 * only where it fits its status.
 */
export function failureOf(error: CallError): Failure {
  const said = FAILURE_CODES.find((code) => code === headerOf(error, FAILURE_HEADER));
  const where = headerOf(error, WHERE_HEADER);
  const retryAfter = headerOf(error, RETRY_AFTER_HEADER);
  const code = said !== undefined && STATUS_OF[said] === error.code ? said : codeOf(error);
  return new Failure(code, said === undefined ? inOwnWords(code, error.details) : printable(error.details), {
    cause: error,
    ...(where !== undefined && WHERE.test(where) && { where }),
    ...(retryAfter !== undefined && /^\d{1,9}$/.test(retryAfter) && { retryAfterMs: Number(retryAfter) }),
  });
}

/** The failure that a refusal on a stream tells of: its code counts only where it fits its status. */
export function refusalOf({ status, failure, retryAfterMs, details, where }: RefusalParts): Failure {
  const said = FAILURE_CODES.find((code) => code === failure);
  const known = Object.entries(FAILURE_OF).find(([each]) => Number(each) === status)?.[1] ?? "internal";
  const code = said !== undefined && statusNumber(said) === status ? said : known;
  return new Failure(code, printable(details), {
    ...(retryAfterMs > 0 && { retryAfterMs }),
    ...(WHERE.test(where) && { where }),
  });
}

function statusNumber(code: FailureCode): number {
  return STATUS_OF[code];
}

/** A stream that was reset is a connection that broke off, and no mistake inside the other node, as gRPC would have it. */
function codeOf({ code, details }: CallError): FailureCode {
  return code === Status.INTERNAL && details.startsWith("Received RST_STREAM") ? "unreachable" : FAILURE_OF[code];
}

/** The library's own words are about its insides; of those, only what the system said of the connection helps anybody. */
function inOwnWords(code: FailureCode, details: string): string {
  const [, systemSaid] = /Last error: (?:Error: )?(.+?)(?:\. Resolution note|$)/.exec(details) ?? [];
  if (code === "timed-out") return "The node did not answer in time.";
  if (code !== "unreachable") return printable(details);
  const why = systemSaid === undefined ? "" : ` (${printable(systemSaid)})`;
  return `The node could not be reached${why}: check its address and port, and that both certificates are of one network.`;
}

function headerOf({ metadata }: Pick<CallError, "metadata">, name: string): string | undefined {
  const [value] = metadata.get(name);
  return typeof value === "string" ? value : undefined;
}

function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .slice(0, DETAILS_CHARACTERS_MAX);
}
