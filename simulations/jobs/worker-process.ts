/** One worker's process, for trials that kill it: drains the outbox of a folder that it shares with others. */
import { setTimeout as sleep } from "node:timers/promises";

import { Concealed } from "../../node/base/concealed.ts";
import { startJobs } from "../../node/jobs/jobs.ts";
import { openJobStore } from "./a-job-store.ts";

const [, , folder, url, queue, lockMs] = process.argv;
if (folder === undefined || url === undefined || queue === undefined) throw new Error("folder, URL, queue, lock");

const store = openJobStore(folder);
const kind = store.kind(() => sleep(20));
await startJobs(
  { ...store.needs(), kinds: [kind] },
  { url: new Concealed(new URL(url)), queue, lockMs: Number(lockMs) },
);
console.log("ready");
process.stdin.on("close", () => process.exit()).resume(); // it never outlives its trial
