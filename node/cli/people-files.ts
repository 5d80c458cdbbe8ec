import { existsSync, mkdirSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";

import { Failure } from "../base/failure.ts";

/** Characters kept back before they are written: fewer writes, and memory stays bounded. */
const KEPT_CHARACTERS_MAX = 256 * 1_024;

/** Something that text is written to, piece by piece; `false` from `add` means: `flush` and wait before you go on. */
export interface TextSink {
  readonly name: string;
  add(text: string): boolean;
  /** Writes what was added. */
  flush(): Promise<void>;
  close(): Promise<void>;
  /** Bytes written. */
  bytes(): number;
}

type Write = (piece: Buffer) => Promise<void>;

function makeSink(name: string, write: Write, close: () => Promise<void>): TextSink {
  let kept = "";
  let written = 0;
  return {
    name,
    add(text) {
      kept += text;
      return kept.length < KEPT_CHARACTERS_MAX;
    },
    async flush() {
      if (kept === "") return;
      const piece = Buffer.from(kept, "utf8");
      kept = "";
      await attempt(name, () => write(piece));
      written += piece.length;
    },
    close,
    bytes: () => written,
  };
}

/** A folder of files that nobody but their owner may read. */
export interface PeopleFolder {
  readonly sinks: ReadonlyMap<string, TextSink>;
  /** Writes the last file, which says that the others are complete. */
  finish(text: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens all files at once, so that nothing is written where one cannot be; but the last one is there only when it is done.
 *
 * @param last the name of the file that says that the others are complete.
 * @throws {Failure} `configuration`: some are there already and are not to be replaced; `store-unavailable`: cannot be written.
 */
export async function openFolder(
  dir: string,
  names: readonly string[],
  last: string,
  replace: boolean,
): Promise<PeopleFolder> {
  const there = [...names, last].filter((name) => existsSync(join(dir, name)));
  if (there.length > 0 && !replace) {
    const more = there.length === 1 ? "" : ` and ${there.length - 1} more`;
    throw new Failure(
      "configuration",
      `${dir} holds ${there[0]}${more} already: name another folder, or add --force.`,
      {
        where: "--out",
      },
    );
  }
  await attempt(dir, () => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    rmSync(join(dir, last), { force: true }); // of what was there before, which is complete no longer
  });
  const sinks = new Map<string, TextSink>();
  const close = async (): Promise<void> => {
    for (const sink of sinks.values()) await sink.close();
  };
  try {
    for (const name of names) sinks.set(name, await openFile(dir, name, replace));
  } catch (thrown) {
    await close();
    throw thrown;
  }
  const finish = async (text: string): Promise<void> => {
    const sink = await openFile(dir, last, replace);
    try {
      sink.add(text);
      await sink.flush();
    } finally {
      await sink.close();
    }
  };
  return { sinks, finish, close };
}

async function openFile(dir: string, name: string, replace: boolean): Promise<TextSink> {
  const path = join(dir, name);
  const file = await attempt(path, () => openOwn(path, replace));
  return makeSink(
    path,
    (piece) => file.appendFile(piece),
    () => file.close(),
  );
}

/** A file that was there keeps its permissions when it is opened: they are set once more. */
async function openOwn(path: string, replace: boolean): Promise<FileHandle> {
  const file = await open(path, replace ? "w" : "wx", 0o600);
  await file.chmod(0o600);
  return file;
}

/** Standard output: whoever reads it sets the pace. */
export function standardOutput(): TextSink {
  let lost: Error | undefined;
  const remember = (error: Error): void => {
    lost = error;
  };
  process.stdout.on("error", remember);
  const write = (piece: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      if (lost !== undefined) return reject(lost);
      process.stdout.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  return makeSink("standard output", write, async () => {});
}

async function attempt<T>(where: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
    throw new Failure("store-unavailable", `${where} cannot be written: ${code}. What is there is not complete.`, {
      where,
      cause,
    });
  }
}
