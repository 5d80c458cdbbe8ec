import { createPublicKey } from "node:crypto";
import { open, readFile } from "node:fs/promises";

import { readPublicPem } from "../../certs/key-file.ts";
import { verifyManifest } from "../../topology/manifest.ts";
import { logKeyOf, witnessKeyOf } from "../audit/checkpoint.ts";
import type { NoteKey } from "../audit/note.ts";
import { Failure } from "../base/failure.ts";

/** What the commands about audits read besides the audit itself. */

/** @throws {Failure} `invalid-input`: there is no such file. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  const handle = await open(file).catch((cause: unknown) => {
    throw new Failure("invalid-input", `${file} cannot be read.`, { where: file, cause });
  });
  yield* handle.readLines();
}

/** Every member's keys: as the keeper of its log, and as a witness. */
export type Keys = readonly { readonly id: string; readonly log: NoteKey; readonly witness: NoteKey }[];

export async function keysIn(manifestPath: string, keyPath: string): Promise<Keys> {
  const jws = await readFile(manifestPath, "utf8").catch((cause: unknown) => {
    throw new Failure("configuration", `The manifest ${manifestPath} cannot be read.`, { where: manifestPath, cause });
  });
  const { network, members } = await verifyManifest(jws, readPublicPem(keyPath));
  return members.map(({ id, assertionKey }) => {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: assertionKey }, format: "jwk" });
    return { id, log: logKeyOf(id, network.domain, key), witness: witnessKeyOf(id, network.domain, key) };
  });
}

export function logKeyIn(keys: Keys, node: string): NoteKey {
  const found = keys.find(({ id }) => id === node);
  if (found === undefined) throw new Failure("invalid-input", `The manifest lists no node ${node}.`);
  return found.log;
}
