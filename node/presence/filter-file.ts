import { createHash } from "node:crypto";

import { z } from "zod";

import { Failure } from "../base/failure.ts";
import { type BinaryFuse, FUSE_KEYS_MAX, fuseBytes } from "./binary-fuse.ts";

/**
 * A filter as it is written, sent and kept: `corridor-presence 1`, a line feed; the head as one line of JSON; the
 * fingerprints, one byte a place; the holder's Ed25519 signature over all of that, 64 bytes. DESIGN.md has the format.
 */

const MAGIC = "corridor-presence ";
const VERSION = 1;
const SIGNATURE_BYTES = 64;
const HEAD_BYTES_MAX = 4_096;
/** A filter of the most keys there may be, with its head. */
export const FILTER_FILE_BYTES_MAX = 8 * 1_024 * 1_024;

const headSchema = z.strictObject({
  /** Node id of the holder, whose people are in it. */
  holder: z.string().max(40),
  /** Rises with every filter that is built anew. */
  epoch: z.number().int().positive(),
  /** ISO 8601 instant of the newest write that is surely in it. */
  asOf: z.iso.datetime(),
  /** Which key its tokens were made with (`presenceKeyId`). */
  keyId: z.string().regex(/^[0-9a-f]{16}$/),
  keys: z.number().int().min(0).max(FUSE_KEYS_MAX),
  seed: z.number().int().min(0).max(0xffff_ffff),
  segmentLength: z
    .number()
    .int()
    .min(1)
    .max(1 << 18)
    .refine((length) => (length & (length - 1)) === 0, "a power of two"),
  segmentCount: z.number().int().min(1).max(FUSE_KEYS_MAX),
  /** Of the fingerprints, hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export type FilterHead = z.infer<typeof headSchema>;

export interface FilterFile {
  readonly head: FilterHead;
  readonly filter: BinaryFuse;
  /** What is signed, and by what. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a head says beside the shape of its filter. */
export type FilterSaid = Pick<FilterHead, "holder" | "epoch" | "asOf" | "keyId" | "keys">;

/** @param sign in the holder's name. */
export async function writeFilterFile(
  said: FilterSaid,
  { fingerprints, seed, segmentLength, segmentCount }: BinaryFuse,
  sign: (bytes: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const head: FilterHead = { ...said, seed, segmentLength, segmentCount, sha256: sha256Of(fingerprints) };
  const signed = Buffer.concat([Buffer.from(`${MAGIC}${VERSION}\n${JSON.stringify(head)}\n`), fingerprints]);
  return Buffer.concat([signed, await sign(signed)]);
}

/**
 * Reads a filter from bytes of which nothing is known. Whether the signature is the holder's is for the caller to find out.
 *
 * @throws {Failure} `incompatible`: written by another version. `invalid-input`: it is no filter, or not whole.
 */
export function readFilterFile(bytes: Uint8Array): FilterFile {
  if (bytes.length > FILTER_FILE_BYTES_MAX) throw notOne(`it has more than ${FILTER_FILE_BYTES_MAX} bytes`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = buffer.subarray(0, MAGIC.length + 8).toString("latin1");
  if (!start.startsWith(MAGIC)) throw notOne("it does not begin as one");
  const version = /^\d+(?=\n)/.exec(start.slice(MAGIC.length))?.[0];
  if (version === undefined) throw notOne("its version is not a number");
  if (version !== String(VERSION)) {
    throw new Failure("incompatible", `The filter has format ${version}; this version knows format ${VERSION}.`);
  }
  const headAt = MAGIC.length + version.length + 1;
  const headEnd = buffer.subarray(headAt, headAt + HEAD_BYTES_MAX).indexOf("\n");
  if (headEnd === -1) throw notOne("its head does not end");
  const head = readHead(buffer.subarray(headAt, headAt + headEnd).toString("utf8"));
  const from = headAt + headEnd + 1;
  const to = from + fuseBytes(head);
  if (buffer.length !== to + SIGNATURE_BYTES) throw notOne("its length is not what its head says");
  const fingerprints = Uint8Array.from(buffer.subarray(from, to));
  if (sha256Of(fingerprints) !== head.sha256) throw notOne("its fingerprints were changed or damaged");
  const { seed, segmentLength, segmentCount } = head;
  const filter = { seed, segmentLength, segmentCount, fingerprints };
  return { head, filter, signed: buffer.subarray(0, to), signature: buffer.subarray(to) };
}

function readHead(text: string): FilterHead {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notOne("its head is not JSON");
  }
  const { data, error } = headSchema.safeParse(value);
  if (data !== undefined) return data;
  throw notOne(error.issues.map(({ path, message }) => `${path.join(".") || "head"}: ${message}`).join("; "));
}

function sha256Of(fingerprints: Uint8Array): string {
  return createHash("sha256").update(fingerprints).digest("hex");
}

function notOne(why: string): Failure {
  return new Failure("invalid-input", `This is no presence filter, or not a whole one: ${why}.`);
}
