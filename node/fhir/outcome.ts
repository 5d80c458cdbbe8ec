import type { StatusCode } from "hono/utils/http-status";

import { asFailure, type FailureCode } from "../base/failure.ts";

/** Codes of FHIR's `issue-type` that this door uses. */
export type IssueCode =
  | "invalid"
  | "structure"
  | "not-supported"
  | "not-found"
  | "forbidden"
  | "login"
  | "conflict"
  | "business-rule"
  | "too-long"
  | "throttled"
  | "timeout"
  | "transient"
  | "exception"
  | "informational";

export interface Issue {
  readonly severity: "error" | "warning" | "information";
  readonly code: IssueCode;
  /** What is wrong and what to do. Never a value of the message. */
  readonly diagnostics: string;
  /** The element at fault, as in `Patient.birthDate`. */
  readonly element?: string;
  readonly spineCode?: string;
  /** Instead of a code of the Spine's, where it is no error. */
  readonly coding?: { readonly system: string; readonly code: string };
}

const SPINE_CODES = "https://fhir.nhs.uk/CodeSystem/Spine-ErrorOrWarningCode";

/** What a request is answered with. */
export interface Answer {
  readonly status: StatusCode;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent instead of the body, as fast as it is taken. */
  readonly stream?: AsyncGenerator<Uint8Array, void>;
}

export interface RefusalDetail {
  /** The element at fault, as in `Patient.birthDate`. */
  readonly element?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Of `Spine-ErrorOrWarningCode`, where there is one. */
  readonly spineCode?: string;
}

/** A request that is not done. Thrown within this door only; its message carries no value of the request. */
export class Refusal extends Error {
  readonly status: StatusCode;
  readonly code: IssueCode;
  readonly element: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly spineCode: string | undefined;

  constructor(
    status: StatusCode,
    code: IssueCode,
    message: string,
    { element, headers = {}, spineCode }: RefusalDetail = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.element = element;
    this.headers = headers;
    this.spineCode = spineCode;
  }
}

/** The answer to each failure. */
const ANSWER_OF = {
  "invalid-input": [422, "invalid"],
  "not-authenticated": [401, "login"],
  "not-permitted": [403, "forbidden"],
  "purpose-refused": [403, "forbidden"],
  "role-refused": [403, "forbidden"],
  "restricted-record": [403, "forbidden"],
  "identity-not-known": [404, "not-found"],
  "no-agreement": [403, "forbidden"],
  "not-covered": [404, "not-found"],
  replayed: [409, "conflict"],
  "deadline-too-short": [503, "timeout"],
  "timed-out": [503, "timeout"],
  unreachable: [503, "transient"],
  incompatible: [501, "not-supported"],
  "directory-stale": [503, "transient"],
  overloaded: [503, "throttled"],
  "over-quota": [429, "throttled"],
  "clocks-differ": [401, "login"],
  "not-served": [501, "not-supported"],
  "store-unavailable": [503, "transient"],
  configuration: [503, "transient"],
  internal: [500, "exception"],
} as const satisfies Record<FailureCode, readonly [StatusCode, IssueCode]>;

/** What the Spine calls a refusal of which it is not known better. For the other statuses it has no word of its own. */
const SPINE_CODE_OF: ReadonlyMap<StatusCode, string> = new Map<StatusCode, string>([
  [400, "BAD_REQUEST"],
  [401, "ACCESS_DENIED"],
  [403, "ACCESS_DENIED"],
  [404, "RESOURCE_NOT_FOUND"],
  [422, "UNPROCESSABLE_ENTITY"],
]);

/** Said instead of the message where that could name what is inside the node. */
const FIXED_TEXT: Partial<Record<FailureCode, string>> = {
  internal: "Something went wrong inside the node; its log has the details.",
  configuration: "The node is not set up for this; its log has the details.",
  "store-unavailable": "The node cannot write now. Nothing is acknowledged: send it again.",
};

/** The answer to whatever was thrown, and the failure for the log. */
export function answerTo(thrown: unknown): Answer {
  if (thrown instanceof Refusal) {
    const { status, code, message, element, headers, spineCode = SPINE_CODE_OF.get(status) } = thrown;
    const spine = spineCode === undefined ? {} : { spineCode };
    const issue = { severity: "error", code, diagnostics: message, ...at(element), ...spine } as const;
    return { status, headers, body: outcome(issue) };
  }
  const { code: failure, message, where } = asFailure(thrown);
  const [status, code] = ANSWER_OF[failure];
  const fixed = FIXED_TEXT[failure];
  const element = fixed === undefined ? where : undefined;
  const spineCode = SPINE_CODE_OF.get(status);
  const spine = spineCode === undefined ? {} : { spineCode };
  return {
    status,
    body: outcome({ severity: "error", code, diagnostics: fixed ?? message, ...at(element), ...spine }),
  };
}

function at(element: string | undefined): { readonly element?: string } {
  return element === undefined ? {} : { element };
}

/** An OperationOutcome. */
export function outcome({ severity, code, diagnostics, element, spineCode, coding }: Issue): object {
  const said = coding ?? (spineCode === undefined ? undefined : { system: SPINE_CODES, code: spineCode });
  const details = said === undefined ? {} : { details: { coding: [said] } };
  const issue = { severity, code, ...details, diagnostics, ...(element !== undefined && { expression: [element] }) };
  return { resourceType: "OperationOutcome", issue: [issue] };
}
