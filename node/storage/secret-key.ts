import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";

const KEY_BYTES = 32;

/**
 * Reads a secret key of a node's data folder, and makes it at the first start: 32 bytes, for its owner alone.
 *
 * @param what names the key in a failure: "the audit's token key".
 * @throws {Failure} `configuration`: others may read the file, or it does not hold a key.
 */
export function openSecretKey(path: string, what: string, random: Random): Uint8Array {
  const unusable = (why: string, cause?: unknown): Failure =>
    new Failure("configuration", `${what} ${path} ${why}.`, { where: path, cause });
  try {
    writeNewKey(path, random.bytes(KEY_BYTES));
  } catch (thrown) {
    if (!isExisting(thrown)) throw unusable("cannot be made: check that the folder may be written", thrown);
  }
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0) throw unusable(`may be read by others: run chmod 600 ${path}`);
  const key = readFileSync(path);
  if (key.length === KEY_BYTES) return key;
  throw unusable(`does not hold ${KEY_BYTES} bytes: restore it from the backup of the data folder`);
}

function writeNewKey(path: string, key: Uint8Array): void {
  const file = openSync(path, "wx", 0o600);
  try {
    writeSync(file, key);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  const folder = openSync(dirname(path), "r");
  fsyncSync(folder);
  closeSync(folder);
}

function isExisting(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST";
}
