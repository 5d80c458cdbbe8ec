/**
 * A process that fills a store through its real writer for as long as it is let, and says on its standard output what was
 * acknowledged. It is the writer thread's composition root too.
 *
 * Arguments: the file, and the bytes of each row.
 */
import { writeSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

import type { Database } from "better-sqlite3";

import { systemClock } from "../../node/base/clock.ts";
import type { CommandHandlers } from "../../node/storage/executor.ts";
import { startThreadExecutor } from "../../node/storage/thread-executor.ts";
import { serveWriter } from "../../node/storage/writer-thread.ts";

declare module "../../node/storage/executor.ts" {
  interface StoreCommands {
    "filling.add": { payload: { value: number; bytes: number }; result: null };
  }
}

/** Where a row goes. */
export const FILLED_TABLE = "filled";

/** What a row is filled with: no two rows have a page alike. */
export function fillerOf(value: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, `row ${value}, `);
}

function makeHandlers(db: Database): CommandHandlers {
  db.exec(`CREATE TABLE IF NOT EXISTS ${FILLED_TABLE} (value INTEGER PRIMARY KEY, filler BLOB) STRICT`);
  const add = db.prepare(`INSERT INTO ${FILLED_TABLE} (value, filler) VALUES (?, ?)`);
  return {
    "filling.add": ({ value, bytes }) => {
      add.run(value, fillerOf(value, bytes));
      return null;
    },
  };
}

async function fill(file: string, bytes: number): Promise<void> {
  const executor = await startThreadExecutor({ file, store: "audit", writer: new URL(import.meta.url) });
  for (let value = 0; ; value++) {
    await executor.run("filling.add", { value, bytes });
    writeSync(1, `acked ${value}\n`);
  }
}

const [, script = "", file, bytes] = process.argv;
const makers = async () => [makeHandlers];
if (!isMainThread) await serveWriter({ index: makers, audit: makers }, systemClock);
else if (import.meta.url.endsWith(script.split("/").at(-1) ?? "-") && file !== undefined)
  await fill(file, Number(bytes));
