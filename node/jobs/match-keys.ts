import { z } from "zod";

import { FILL_MATCH_KEYS } from "../mpi/search.ts";
import { defineJob, type JobKind } from "./job-kind.ts";

/**
 * Gives identities their match keys that came before there were any, a stretch at a time.
 *
 * @param fill fills the stretch behind a row in short steps, until it is told to stop; doing it twice does no harm.
 */
export function matchKeys(fill: (after: number, signal: AbortSignal) => Promise<void>): JobKind {
  const payload = z.strictObject({
    after: z
      .string()
      .regex(/^\d{1,15}$/)
      .default("0"),
  });
  return defineJob(FILL_MATCH_KEYS, payload, ({ after }, { signal }) => fill(Number(after), signal));
}
