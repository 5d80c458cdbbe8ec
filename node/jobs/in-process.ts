import type { Jobs, JobsNeeds } from "./jobs.ts";
import { startRounds } from "./rounds.ts";
import { makeTries, type Tries } from "./tries.ts";

/** Drains the outbox in this process, one job at a time, oldest first. */
export function startInProcess(needs: JobsNeeds): Jobs {
  const tries = makeTries(needs);
  return startRounds((stopping) => drain(tries, stopping), needs);
}

/** Does what is due, oldest first, until nothing is. Rejects where it could not be written what became of a job. */
export async function drain(tries: Tries, stopping: AbortSignal): Promise<void> {
  for (let [job] = tries.due(1); job !== undefined && !stopping.aborted; [job] = tries.due(1)) await tries.make(job);
}
