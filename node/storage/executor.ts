import type { Database } from "better-sqlite3";

/**
 * Runs commands against one SQLite file, in order, in group commits. A command is plain, cloneable data; the function
 * that decides inside the transaction is registered by name at the composition root of the writer (`node/writer.ts`).
 *
 * A resolved promise means committed and fsynced. A rejected one means that nothing of that command was kept: each runs
 * in its own savepoint, so a command that fails takes nothing else of its group with it.
 */
export interface StoreExecutor {
  /**
   * @throws {Failure} the handler's own failure, or `store-unavailable` where the file could not be written.
   */
  run<Name extends CommandName>(name: Name, payload: StoreCommands[Name]["payload"]): Promise<StoreCommands[Name]["result"]>;
  /** Finishes what was accepted, then closes the file. */
  close(): Promise<void>;
}

/** Every command of every store. Each ability adds its own by declaration merging, next to its handlers. */
// oxlint-disable-next-line typescript/no-empty-object-type
export interface StoreCommands {}

export type CommandName = keyof StoreCommands & string;

export type CommandHandler<Name extends CommandName> = (
  db: Database,
  payload: StoreCommands[Name]["payload"],
) => StoreCommands[Name]["result"];

export type CommandHandlers = { readonly [Name in CommandName]?: CommandHandler<Name> };
