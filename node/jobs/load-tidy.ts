import { z } from "zod";

import { LOAD_TIDY } from "../requests/load-batch.ts";
import { defineJob, type JobKind } from "./job-kind.ts";

/**
 * What the end of a load leaves to be done, so that no feeder waits for it: dropping what waited too long.
 *
 * @param drop drops all of it in short steps, until it is told to stop; doing it twice does no harm.
 */
export function loadTidy(drop: (signal: AbortSignal) => Promise<void>): JobKind {
  return defineJob(LOAD_TIDY, z.strictObject({}), (_, { signal }) => drop(signal));
}
