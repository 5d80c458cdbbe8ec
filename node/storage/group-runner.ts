import type { Database } from "better-sqlite3";

import { check } from "../base/check.ts";
import { Failure } from "../base/failure.ts";
import type { CommandHandlers } from "./executor.ts";
import { type SentFailure, sendFailure } from "./sent-failure.ts";

/** One command as it travels: its registered name, and data. */
export interface Command {
  readonly name: string;
  readonly payload: unknown;
}

export type Reply =
  { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly failure: SentFailure };

/** What became of a group: a reply for each command, in order; `broken` where the file is at fault. */
export interface GroupReply {
  readonly replies: readonly Reply[];
  readonly broken?: SentFailure;
}

/** Watches over the file that groups are written to. */
export interface GroupKeeper {
  /** Why nothing can be taken now, if so; the next group may be. */
  refusal(): Failure | undefined;
  /** A group's transaction has begun: what is written here is part of it. */
  begun(): void;
  /** It is committed and fsynced; nobody has been told. */
  committed(): void;
}

export type RunGroup = (commands: readonly Command[]) => GroupReply;

/** Faults of the file, not of a command: whatever SQLite says afterwards is not to be trusted until a new start. */
const FILE_FAULTS = [
  "SQLITE_IOERR",
  "SQLITE_FULL",
  "SQLITE_CORRUPT",
  "SQLITE_NOTADB",
  "SQLITE_READONLY",
  "SQLITE_CANTOPEN",
  "SQLITE_NOMEM",
  "SQLITE_PERM",
  "SQLITE_PROTOCOL",
  "SQLITE_INTERNAL",
];

/**
 * Makes the function that runs a group of commands in one transaction, a savepoint each, and commits once.
 *
 * A reply that says `broken` must be the last: an fsync that failed once may seem to succeed when it is repeated, because
 * the kernel has dropped the pages. The queue sees to it.
 */
export function makeGroupRunner(db: Database, handlers: CommandHandlers, keeper?: GroupKeeper): RunGroup {
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  const rollback = db.prepare("ROLLBACK");
  const savepoint = db.prepare("SAVEPOINT command");
  const release = db.prepare("RELEASE command");
  const undo = db.prepare("ROLLBACK TO command");
  const registered = new Map(Object.entries(handlers)) as ReadonlyMap<string, (payload: unknown) => unknown>;

  const runOne = ({ name, payload }: Command): Reply => {
    savepoint.run();
    try {
      const handler = registered.get(name);
      check(handler !== undefined, `the store ${db.name} has a handler for the command ${name}`);
      const result = handler(payload);
      refusePromise(result, name);
      release.run();
      return { ok: true, result };
    } catch (thrown) {
      if (isFileFault(thrown) || !db.inTransaction) throw thrown;
      undo.run();
      release.run();
      return { ok: false, failure: sendFailure(thrown) };
    }
  };

  return (commands) => {
    const refusal = keeper?.refusal();
    if (refusal !== undefined) return refuseAll(commands, sendFailure(refusal), false);
    try {
      begin.run();
      keeper?.begun();
      const replies = commands.map(runOne);
      commit.run();
      keeper?.committed();
      return { replies };
    } catch (thrown) {
      const failure = sendFailure(describeFault(thrown, db.name));
      // Another connection kept its lock too long: nothing was begun, and the next group may well succeed.
      if (isBusy(thrown) && !db.inTransaction) return refuseAll(commands, failure, false);
      try {
        if (db.inTransaction) rollback.run();
      } catch {
        // The file is given up already; recovery at the next start rolls back.
      }
      return refuseAll(commands, failure, true);
    }
  };
}

function refuseAll(commands: readonly Command[], failure: SentFailure, isBroken: boolean): GroupReply {
  const replies = commands.map(() => ({ ok: false, failure }) as const);
  return isBroken ? { replies, broken: failure } : { replies };
}

/** A handler that waits would write outside its transaction. */
function refusePromise(result: unknown, name: string): void {
  if (!(result instanceof Promise)) return;
  result.catch(() => undefined);
  check(false, `the handler of ${name} decides and writes without waiting, and so returns no promise`);
}

/** A fault of a store file as a failure that names it and says what to do. */
export function describeFault(thrown: unknown, file: string): Failure {
  if (thrown instanceof Failure) return thrown;
  const what = thrown instanceof Error ? thrown.message : String(thrown);
  const advice = isBusy(thrown)
    ? "another process holds its lock: end it"
    : "check the disk and its free space, then start the node again";
  return new Failure(
    "store-unavailable",
    `The store ${file} cannot be written (${sqliteCode(thrown)}: ${what}): ${advice}.`,
    {
      where: file,
      cause: thrown,
    },
  );
}

function isFileFault(thrown: unknown): boolean {
  const code = sqliteCode(thrown);
  return FILE_FAULTS.some((fault) => code.startsWith(fault));
}

function isBusy(thrown: unknown): boolean {
  return sqliteCode(thrown).startsWith("SQLITE_BUSY");
}

function sqliteCode(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : "unexpected";
}
