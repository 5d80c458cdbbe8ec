import { inspect } from "node:util";

import { asFailure, Failure, type FailureCode } from "../base/failure.ts";

/** A failure as plain data, so that it crosses between threads with its code, message and `where` intact. */
export interface SentFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly where?: string;
  /** The cause's stack, for the log. */
  readonly cause?: string;
}

export function sendFailure(thrown: unknown): SentFailure {
  const { code, message, where, cause } = asFailure(thrown);
  return {
    code,
    message,
    ...(where === undefined ? {} : { where }),
    ...(cause === undefined ? {} : { cause: cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause) }),
  };
}

export function receiveFailure(sent: SentFailure): Failure {
  return new Failure(sent.code, sent.message, {
    ...(sent.where === undefined ? {} : { where: sent.where }),
    ...(sent.cause === undefined ? {} : { cause: new Error(sent.cause) }),
  });
}
