import type { Database } from "better-sqlite3";

/**
 * Runs commands against one SQLite file, in order, in group commits. A command is plain, cloneable data; the function
 * that decides inside the transaction is registered by name at the composition root of the writer (`node/writer.ts`).
 *
 * A resolved promise means committed and fsynced. A rejected one means that nothing of that command was kept: each runs
 * in its own savepoint, so a command that fails takes nothing else of its group with it. The one exception is
 * `store-unavailable` after a failed commit: whether the group was kept is not known until the file is opened again.
 */
export interface StoreExecutor {
  /**
   * @throws {Failure} the handler's own failure with its code, message and `where`.
   * @throws {Failure} `store-unavailable`: the file could not be written, or the store is closed. After a fault of the
   * file every later command gets this too, until the node is started again.
   * @throws {Failure} `overloaded`: too many commands wait already; nothing of this one was begun.
   * @throws {Failure} `internal`: a mistake of ours in the handler or the payload; the cause is for the log.
   */
  run<Name extends CommandName>(
    name: Name,
    payload: StoreCommands[Name]["payload"],
  ): Promise<StoreCommands[Name]["result"]>;
  /** Takes no more, finishes what was accepted, then closes the file. */
  close(): Promise<void>;
}

/** The stores of a node: one file and one writer each. */
export type StoreName = "index" | "audit";

/** Every command of every store. Each ability adds its own by declaration merging, next to its handlers. */
// oxlint-disable-next-line typescript/no-empty-object-type -- abilities fill it by declaration merging
export interface StoreCommands {}

export type CommandName = keyof StoreCommands & string;

/** Decides and writes, synchronously, inside the group's transaction. It closes over its database and statements. */
export type CommandHandler<Name extends CommandName> = (
  payload: StoreCommands[Name]["payload"],
) => StoreCommands[Name]["result"];

export type CommandHandlers = { readonly [Name in CommandName]?: CommandHandler<Name> };

/**
 * Makes the handlers of one store file's commands, its statements prepared once. Every `*-store.ts` exports one as
 * `makeHandlers`; `node/writer.ts` collects them.
 */
export type HandlersMaker = (db: Database) => CommandHandlers;
