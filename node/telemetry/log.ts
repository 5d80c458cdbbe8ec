import { pino } from "pino";

import type { LogLevel } from "../base/log-level.ts";
import { NhsNumber } from "../base/nhs-number.ts";

/** What a log line may carry: coded words, ids, counts. The concealed types of a patient are not among them. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  /** The thrown value's message and stack are kept for the operator, masked like every line. */
  error(event: string, thrown: unknown, fields?: LogFields): void;
  with(fields: LogFields): Log;
}

/**
 * A log of one JSON object a line.
 *
 * The type keeps patients out; the mask is the second lock: whatever passes NHS number validation is replaced before a
 * line leaves.
 */
export function makeLog(level: LogLevel, write: (line: string) => void): Log {
  const root = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, hooks: { streamWrite: maskNhsNumbers } },
    { write },
  );
  return wrap(root);
}

/** A log that keeps nothing. */
export const silentLog: Log = { info() {}, warn() {}, error() {}, with: () => silentLog };

/** Replaces every ten-digit text that is a valid NHS number, written as people write it. */
export function maskNhsNumbers(line: string): string {
  return line.replace(/(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)/g, (digits) =>
    NhsNumber.parse(digits) === undefined ? digits : "[nhs-number]",
  );
}

function wrap(logger: pino.Logger): Log {
  return {
    info: (event, fields = {}) => logger.info({ event, ...fields }),
    warn: (event, fields = {}) => logger.warn({ event, ...fields }),
    error: (event, thrown, fields = {}) => logger.error({ event, ...fields, error: describe(thrown) }),
    with: (fields) => wrap(logger.child(fields)),
  };
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause = thrown.cause === undefined ? "" : ` (cause: ${describe(thrown.cause)})`;
  return `${thrown.stack ?? thrown.message}${cause}`;
}
