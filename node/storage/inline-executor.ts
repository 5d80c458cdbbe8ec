import type { Database } from "better-sqlite3";

import type { Failure } from "../base/failure.ts";
import type { CommandHandlers, StoreExecutor } from "./executor.ts";
import { makeGroupQueue } from "./group-queue.ts";
import { makeGroupRunner } from "./group-runner.ts";

/**
 * An executor on the caller's own thread, for simulations and tests; it keeps the same contract as the writer thread's.
 * Payloads and results are cloned here too, so that what is no data is noticed. Closing it closes the database.
 */
export function makeInlineExecutor(
  db: Database,
  handlers: CommandHandlers,
  options: { readonly onFatal?: (failure: Failure) => void } = {},
): StoreExecutor {
  const runGroup = makeGroupRunner(db, handlers);
  return makeGroupQueue(db.name, {
    deliver: async (commands) => structuredClone(runGroup(structuredClone(commands))),
    finish: async () => void db.close(),
    onFatal: options.onFatal ?? (() => undefined),
  });
}
