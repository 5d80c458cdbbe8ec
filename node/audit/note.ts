import { hash, type KeyObject, verify } from "node:crypto";

import { Failure } from "../base/failure.ts";

/** What a signature says: that the text was signed, or that a witness saw it at a time. */
export const NOTE_SIGNATURE = { text: 1, cosignature: 4 } as const;

/** One line below a note's text. */
export interface NoteSignature {
  /** Whose key: no space, no plus. */
  readonly name: string;
  /** The beginning of a hash over name, kind and key; with the name it says which key is meant. */
  readonly keyId: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A text with the signatures of those who vouch for it (C2SP signed-note). */
export interface Note {
  /** Ends with a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const NOTE_BYTES_MAX = 16 * 1024;
const SIGNATURES_MAX = 64;
const KEY_ID_BYTES = 4;
const ED25519_BYTES = 64;
const TIME_BYTES = 8;
const SIGNATURE_LINE = /^— ((?:(?!\p{Cc})[^\s+]){1,255}) ([A-Za-z0-9+/]+={0,2})$/u;

/** @throws {Failure} `invalid-input`: it is no note, or larger than any of ours. */
export function parseNote(note: string): Note {
  if (Buffer.byteLength(note) > NOTE_BYTES_MAX) throw notANote("it is too long");
  if (/(?!\n)\p{Cc}|\ufffd/u.test(note)) throw notANote("it has control characters");
  const end = note.lastIndexOf("\n\n");
  if (end < 0 || !note.endsWith("\n")) throw notANote("it has no signatures");
  const lines = note.slice(end + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) throw notANote("it has too many signatures");
  return { text: note.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${signatures.map(formatSignature).join("")}`;
}

/** @throws {Failure} `invalid-input`: it is no signature line. */
export function parseSignature(line: string): NoteSignature {
  const [, name, base64] = SIGNATURE_LINE.exec(line) ?? [];
  if (name === undefined || base64 === undefined) throw notANote("a line below the text is no signature");
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length <= KEY_ID_BYTES || bytes.toString("base64") !== base64) throw notANote("a signature is no base64");
  return { name, keyId: bytes.subarray(0, KEY_ID_BYTES), bytes: bytes.subarray(KEY_ID_BYTES) };
}

export function formatSignature({ name, keyId, bytes }: NoteSignature): string {
  return `— ${name} ${Buffer.concat([keyId, bytes]).toString("base64")}\n`;
}

/** Whose key, and which: as those who verify know it. */
export interface NoteKey {
  readonly name: string;
  /** Ed25519. */
  readonly key: KeyObject;
}

export function noteKeyId({ name, key }: NoteKey, kind: keyof typeof NOTE_SIGNATURE): Uint8Array {
  const named = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(NOTE_SIGNATURE[kind]), rawKey(key)]);
  return hash("sha256", named, "buffer").subarray(0, KEY_ID_BYTES);
}

/** True where one of the signatures is this key's over the text. Those of other keys say nothing. */
export function isSigned({ text, signatures }: Note, by: NoteKey): boolean {
  const keyId = noteKeyId(by, "text");
  return signatures.some(
    (each) =>
      each.name === by.name &&
      Buffer.compare(each.keyId, keyId) === 0 &&
      each.bytes.length === ED25519_BYTES &&
      verify(null, Buffer.from(text), by.key, each.bytes),
  );
}

/** What a witness signs: that at a time this was the largest tree that it had seen of the log (C2SP tlog-cosignature). */
export function cosignedText(text: string, atSeconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${atSeconds}\n${text}`);
}

export function cosignatureOf(by: NoteKey, atSeconds: number, signature: Uint8Array): NoteSignature {
  const time = Buffer.alloc(TIME_BYTES);
  time.writeBigUInt64BE(BigInt(atSeconds));
  return { name: by.name, keyId: noteKeyId(by, "cosignature"), bytes: Buffer.concat([time, signature]) };
}

/** When this witness says that it saw the text, in seconds since the epoch; `undefined` where it does not say so. */
export function cosignedAt({ text, signatures }: Note, by: NoteKey): number | undefined {
  const keyId = noteKeyId(by, "cosignature");
  for (const { name, keyId: claimed, bytes } of signatures) {
    if (name !== by.name || Buffer.compare(claimed, keyId) !== 0) continue;
    if (bytes.length !== TIME_BYTES + ED25519_BYTES) continue;
    const atSeconds = Number(Buffer.from(bytes.subarray(0, TIME_BYTES)).readBigUInt64BE());
    if (verify(null, cosignedText(text, atSeconds), by.key, bytes.subarray(TIME_BYTES))) return atSeconds;
  }
  return undefined;
}

function rawKey(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: "jwk" }).x ?? "", "base64url");
}

function notANote(why: string): Failure {
  return new Failure("invalid-input", `This is no signed note: ${why}.`);
}
