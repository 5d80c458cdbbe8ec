import { readFile } from "node:fs/promises";

import { Failure } from "../base/failure.ts";
import { replaceFile } from "../base/replace-file.ts";

/** Remembers across restarts which manifest was in force, so that an older one cannot come back unseen. */
export interface SequenceMemory {
  /** The file, for messages. */
  readonly path: string;
  /**
   * The highest sequence that was kept; 0 where none was.
   *
   * @throws {Failure} `configuration`: the file cannot be read, or holds something else.
   */
  highest(): Promise<number>;
  /**
   * Durable when it resolves; nothing is done where it is not higher than before.
   *
   * @throws {Failure} `configuration`: the file cannot be written.
   */
  keep(sequence: number): Promise<void>;
}

/** Makes the memory in a file of the node's data folder; the folder is made where it is missing. */
export function openSequenceMemory(path: string): SequenceMemory {
  let known: number | undefined;
  const highest = async (): Promise<number> => (known ??= await readSequence(path));
  return {
    path,
    highest,
    async keep(sequence) {
      if (sequence <= (await highest())) return;
      try {
        await replaceFile(path, `${sequence}\n`);
      } catch (cause) {
        throw new Failure("configuration", `The manifest's sequence cannot be kept in ${path}.`, {
          where: path,
          cause,
        });
      }
      known = sequence;
    },
  };
}

async function readSequence(path: string): Promise<number> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return "0\n";
    throw new Failure("configuration", `${path} cannot be read: check that dataDir is a folder of the node's own.`, {
      where: path,
      cause,
    });
  });
  const sequence = /^\d{1,16}\n$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(sequence)) return sequence;
  throw new Failure(
    "configuration",
    `${path} does not hold the sequence of a manifest: restore it from the backup of the data folder, or remove it.`,
    { where: path },
  );
}
