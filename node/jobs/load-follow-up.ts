import { z } from "zod";

import { LOAD_FOLLOW_UP } from "../requests/load-batch.ts";
import { defineJob, type JobKind } from "./job-kind.ts";

/** How many items of the batch changed something. */
const payload = z.strictObject({ changed: z.string().regex(/^[1-9]\d{0,8}$/) });

/**
 * The work that a loaded batch leaves behind: whatever is counted from the index is counted again.
 *
 * @param refresh counts anew from what stands in the index, so that doing it twice does no harm.
 */
export function loadFollowUp(refresh: () => Promise<void> | void): JobKind {
  return defineJob(LOAD_FOLLOW_UP, payload, async () => refresh());
}
