import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";

import { Failure } from "../base/failure.ts";
import { formatCheckpoint, parseCheckpoint } from "./checkpoint.ts";
import {
  cosignatureOf,
  cosignedAt,
  cosignedText,
  formatNote,
  isSigned,
  type Note,
  noteKeyId,
  parseNote,
} from "./note.ts";

const ROOT = Buffer.alloc(32, 7);
const TEXT = formatCheckpoint({ origin: "wm-bsol.corridor.example/audit", size: 3, root: ROOT });

function aKey(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { privateKey, noteKey: { name, key: publicKey } };
}

const log = aKey("wm-bsol.corridor.example/audit");
const witness = aKey("wm-cw.corridor.example/witness");

function signed(text: string): Note {
  const bytes = sign(null, Buffer.from(text), log.privateKey);
  return { text, signatures: [{ name: log.noteKey.name, keyId: noteKeyId(log.noteKey, "text"), bytes }] };
}

describe("a signed note", () => {
  it("is read as others write it: the example of Go's package note", () => {
    const note = parseNote(
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    );
    const x = Buffer.from("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "base64").subarray(1).toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    const by = { name: "PeterNeumann", key };
    assert.equal(Buffer.from(noteKeyId(by, "text")).toString("hex"), "c74f20a3");
    assert.ok(isSigned(note, by));
    assert.ok(!isSigned({ ...note, text: note.text.replace("problem,", "problem;") }, by));
  });

  it("is written as it is read", () => {
    const note = formatNote(signed(TEXT));
    assert.equal(formatNote(parseNote(note)), note);
    assert.deepEqual(parseCheckpoint(parseNote(note).text), {
      origin: "wm-bsol.corridor.example/audit",
      size: 3,
      root: ROOT,
    });
  });

  it("is signed by a key only where name, key and text are that key's", () => {
    const note = signed(TEXT);
    assert.ok(isSigned(note, log.noteKey));
    assert.ok(!isSigned(note, { ...log.noteKey, name: "wm-cw.corridor.example/audit" }));
    assert.ok(!isSigned(note, { ...log.noteKey, key: witness.noteKey.key }));
    assert.ok(!isSigned({ ...note, text: TEXT.replace("\n3\n", "\n4\n") }, log.noteKey));
  });

  it("says when a witness saw it, and no other time", () => {
    const at = 1_795_000_000;
    const bytes = sign(null, cosignedText(TEXT, at), witness.privateKey);
    const line = cosignatureOf(witness.noteKey, at, bytes);
    assert.equal(cosignedAt({ text: TEXT, signatures: [line] }, witness.noteKey), at);
    assert.equal(cosignedAt(signed(TEXT), witness.noteKey), undefined);
    const later = cosignatureOf(witness.noteKey, at + 60, bytes);
    assert.equal(cosignedAt({ text: TEXT, signatures: [later] }, witness.noteKey), undefined);
    const changed = TEXT.replace("\n3\n", "\n4\n");
    assert.equal(cosignedAt({ text: changed, signatures: [line] }, witness.noteKey), undefined);
  });

  const key = Buffer.alloc(68).toString("base64");
  const hostile: [what: string, note: string][] = [
    ["nothing", ""],
    ["no signatures", TEXT],
    ["no end", `${TEXT}\n— a ${key}`],
    ["a control character", `a\u0007b\n\n— a ${key}\n`],
    ["bytes that were no UTF-8", `a\ufffd\n\n— a ${key}\n`],
    ["another dash", `${TEXT}\n- a ${key}\n`],
    ["no name", `${TEXT}\n—  ${key}\n`],
    ["a plus in the name", `${TEXT}\n— a+b ${key}\n`],
    ["no base64", `${TEXT}\n— a !!!!\n`],
    ["base64 that is not its own", `${TEXT}\n— a AAAAAB==\n`],
    ["a signature without bytes", `${TEXT}\n— a AAAAAA==\n`],
    ["too many signatures", `${TEXT}\n${`— a ${key}\n`.repeat(65)}`],
    ["a megabyte", `${"a".repeat(2 ** 20)}\n\n— a ${key}\n`],
  ];
  for (const [what, note] of hostile) {
    it(`is refused: ${what}`, () => {
      assert.throws(
        () => parseNote(note),
        (thrown) => thrown instanceof Failure && thrown.code === "invalid-input",
      );
    });
  }

  const root = ROOT.toString("base64");
  for (const text of [
    "",
    "a\n",
    `\n3\n${root}\n`,
    `a\n-1\n${root}\n`,
    `a\n03\n${root}\n`,
    `a\n3\n${root}=\n`,
    `a\n3\nAAAA\n`,
    `a\n99999999999999999\n${root}\n`,
  ]) {
    it(`holds no checkpoint: ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseCheckpoint(text),
        (thrown) => thrown instanceof Failure && thrown.code === "invalid-input",
      );
    });
  }
});
