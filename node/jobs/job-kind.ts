import type { z } from "zod";

import { Failure } from "../base/failure.ts";

/** What a handler is told besides its payload. */
export interface JobContext {
  /**
   * The same for each try of one job. What the job writes, it writes with `finishJob` under this key, in one transaction:
   * then it is written once, however often it is tried, and by however many at a time.
   */
  readonly key: string;
  /** Aborted when the job has used up its time. */
  readonly signal: AbortSignal;
}

/** A kind of job, and what does it. */
export interface JobKind {
  readonly name: string;
  /**
   * Does the job; called at least once for each, and perhaps again after it succeeded, so it is idempotent by key.
   *
   * @throws {Failure} `invalid-input`: the payload is not this kind's; trying again is no use.
   */
  readonly run: (payload: string, context: JobContext) => Promise<void>;
}

/** Defines a kind of job. Its payload is parsed each time: a queue is a stranger. */
export function defineJob<Payload>(
  name: string,
  schema: z.ZodType<Payload>,
  run: (payload: Payload, context: JobContext) => Promise<void>,
): JobKind {
  return {
    name,
    run: async (text, context) => run(parsePayload(name, schema, text), context),
  };
}

function parsePayload<Payload>(name: string, schema: z.ZodType<Payload>, text: string): Payload {
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new Failure("invalid-input", `The payload of a ${name} job is not of its form.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
