import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";

import { Decrypter, Encrypter } from "age-encryption";
import { z } from "zod";

import { Failure, asFailure } from "../base/failure.ts";
import { readPrivateKey } from "../../certs/key-file.ts";

/** The files of a node's data folder that a backup holds, beside its manifest and that one's signature. */
export const BACKED_UP = [
  "index.db",
  "audit.db",
  "token.key",
  "letters.key",
  "manifest.sequence",
  "quarantine.json",
] as const;
export type BackedUp = (typeof BACKED_UP)[number];

export const MANIFEST_NAME = "backup.json";
export const SIGNATURE_NAME = "backup.json.sig";

const fileSchema = z.strictObject({
  name: z.enum(BACKED_UP),
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of a store: everything acknowledged before this moment is in it. Milliseconds since the epoch. */
  holdsToMs: z.int().optional(),
  groups: z.int().optional(),
  rows: z.record(z.string(), z.int()).optional(),
});

const manifestSchema = z.strictObject({
  format: z.literal("corridor-backup-1"),
  node: z.string(),
  madeAtMs: z.int(),
  files: z.array(fileSchema),
});

/** What a backup says of itself: first in the archive, signed by the node's assertion key. */
export type BackupManifest = z.infer<typeof manifestSchema>;

/** Signed first, so that a signature made for one kind of document is worth nothing on another. */
const PREFIX = Buffer.from("corridor.v1.backup\n", "ascii");

export function signBackup(manifest: Uint8Array, keyPem: string): Uint8Array {
  return sign(null, Buffer.concat([PREFIX, manifest]), createPrivateKey(keyPem));
}

/**
 * Reads a backup's manifest.
 *
 * @throws {Failure} `not-authenticated`: another node signed it, or nobody.
 * @throws {Failure} `invalid-input`: it is of another version, or no manifest.
 */
export function openManifest(bytes: Uint8Array, signature: Uint8Array, publicPem: string): BackupManifest {
  if (!verify(null, Buffer.concat([PREFIX, bytes]), createPublicKey(publicPem), signature)) {
    throw new Failure(
      "not-authenticated",
      "The backup is not signed with this node's assertion key. If the node was issued a new one since, name the old public key with --signed-by.",
    );
  }
  const manifest = manifestSchema.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  if (manifest.success) return manifest.data;
  throw new Failure("invalid-input", "The backup was made by another version of Corridor: restore it with that one.");
}

/** Reads public keys (`age1…`), one a line; lines that begin with # say nothing. */
export function readRecipients(path: string): string[] {
  return keysIn(readText(path), /^age1[0-9a-z]+$/, path, "public keys (age1…)");
}

/** Reads secret keys (`AGE-SECRET-KEY-…`), one a line. @throws {Failure} `configuration`: others may read the file. */
export function readIdentities(path: string): string[] {
  return keysIn(readPrivateKey(path), /^AGE-SECRET-KEY-[0-9A-Z-]+$/, path, "secret keys (AGE-SECRET-KEY-…)");
}

function keysIn(text: string, form: RegExp, path: string, what: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length > 0 && keys.every((key) => form.test(key))) return keys;
  throw new Failure("configuration", `${path} must hold ${what}, one a line, and nothing else.`, { where: path });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Failure("configuration", `${path} cannot be read: check its name and permissions.`, {
      where: path,
      cause,
    });
  }
}

/** Encrypts for everybody who has one of these keys, in the age format (https://age-encryption.org/v1). */
export async function encrypted(plain: Readable, recipients: readonly string[]): Promise<Readable> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return fromWeb(await encrypter.encrypt(toWeb(plain)));
}

/** @throws {Failure} `not-permitted`: none of these keys opens it; `invalid-input`: it is no encrypted backup. */
export async function decrypted(sealed: Readable, identities: readonly string[]): Promise<Readable> {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  try {
    return fromWeb(await decrypter.decrypt(toWeb(sealed)));
  } catch (thrown) {
    const { cause } = asFailure(thrown);
    if (cause instanceof Error && /no identity matched/.test(cause.message)) {
      throw new Failure(
        "not-permitted",
        "None of these keys opens the backup: give the one that it was encrypted for.",
      );
    }
    throw new Failure("invalid-input", "This is not an encrypted backup, or its beginning is damaged.", { cause });
  }
}

// The two declarations of the same web stream, Node's and the browser's, do not know each other.
const toWeb = (stream: Readable) => Readable.toWeb(stream) as unknown as globalThis.ReadableStream<Uint8Array>;
const fromWeb = (stream: unknown) => Readable.fromWeb(stream as ReadableStream<Uint8Array>);
