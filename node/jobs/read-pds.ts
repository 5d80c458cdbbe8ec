import { z } from "zod";

import { READ_PDS } from "../requests/pds-events.ts";
import { defineJob, type JobContext, type JobKind } from "./job-kind.ts";

const PAYLOAD = z.strictObject({ event: z.string().regex(/^\d{1,15}$/) });

/**
 * What an event of the national demographics service leaves to be done: asking the service what changed.
 *
 * @param read asks for the event of that number, and keeps the answer; doing it twice does no harm.
 */
export function readPdsJob(read: (job: JobContext & { readonly eventNo: number }) => Promise<void>): JobKind {
  return defineJob(READ_PDS, PAYLOAD, ({ event }, context) => read({ ...context, eventNo: Number(event) }));
}
