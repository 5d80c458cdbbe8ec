import { type KeyObject, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

import type { Member } from "../../topology/manifest.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";

/** Signed first, so that a signature made for one kind of document is worth nothing on another. */
const ASSERTION_PREFIX = Buffer.from("corridor.v1.assertion\n", "ascii");
const PRESENCE_PREFIX = Buffer.from("corridor.v1.presence-filter\n", "ascii");
const NO_PREFIX = Buffer.alloc(0);
const VERDICT_PREFIX = Buffer.from("corridor.v1.verdict\n", "ascii");

const ASSERTION_BYTES_MAX = 32 * 1024;
const SIGNATURE_BYTES = 64;

/** How far an asker's clock may be ahead of ours. */
const ISSUED_AHEAD_MS_MAX = 60_000;
/** The longest that an assertion may last. */
export const ASSERTION_LIFETIME_MS_MAX = 300_000;

/** Signs in this node's name, with its Ed25519 key. */
export interface AssertionSigner {
  /** @returns 64 bytes over the prefix of assertions and the payload. */
  sign(payload: Uint8Array): Promise<Uint8Array>;
  /** @returns 64 bytes over the prefix of verdicts and the payload. */
  signVerdict(payload: Uint8Array): Promise<Uint8Array>;
  /** @returns 64 bytes over the prefix of presence filters and the file. */
  signPresence(file: Uint8Array): Promise<Uint8Array>;
  /**
   * @param note that of a log or a witness, whose own format keeps it apart from everything else that is signed: its first
   * line is the log's name, or that of cosignatures.
   * @returns 64 bytes over the note alone.
   */
  signNote(note: Uint8Array): Promise<Uint8Array>;
}

/** @throws {Failure} `configuration`: the PEM is not a private Ed25519 key. */
export function makeAssertionSigner(keyPem: string): AssertionSigner {
  const key = readSigningKey(keyPem);
  return {
    sign: (payload) => signBytes(key, ASSERTION_PREFIX, payload),
    signVerdict: (payload) => signBytes(key, VERDICT_PREFIX, payload),
    signPresence: (file) => signBytes(key, PRESENCE_PREFIX, file),
    signNote: (note) => signBytes(key, NO_PREFIX, note),
  };
}

/** True where the member itself signed this assertion. Bytes over the limits are false without being looked at. */
export function verifyAssertion(
  member: Pick<Member, "assertionKey">,
  payload: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (payload.length > ASSERTION_BYTES_MAX) return Promise.resolve(false);
  return verifyBytes(keyOf(member), ASSERTION_PREFIX, payload, signature);
}

/** True where the member itself signed this verdict. */
export function verifyVerdict(
  member: Pick<Member, "assertionKey">,
  payload: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  return verifyBytes(keyOf(member), VERDICT_PREFIX, payload, signature);
}

/** True where the member itself signed this presence filter. */
export function verifyPresence(
  member: Pick<Member, "assertionKey">,
  file: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  return verifyBytes(keyOf(member), PRESENCE_PREFIX, file, signature);
}

/**
 * Judges an assertion's times (milliseconds since the epoch) by the holder's clock.
 *
 * @param forgottenToMs attempts that were answered up to this moment may have been forgotten (the audit comes from a
 * backup); what was issued by then could be a replay. 0 where nothing was forgotten.
 * @throws {Failure} `store-unavailable`: it could be a replay; an asker's next question, a minute later, is not.
 * @param whichClock what the holder knows of whose clock is wrong: the end of a sentence.
 * @throws {Failure} `not-authenticated`: lasting over five minutes.
 * @throws {Failure} `clocks-differ`: issued more than a minute ahead, or expired. The message says by how much, and whose
 * clock to check, for that is the usual cause.
 */
export function checkAssertionTimes(
  issuedAtMs: number,
  expiresAtMs: number,
  clock: Pick<Clock, "wallMs">,
  forgottenToMs = 0,
  whichClock: () => string = () => "check both clocks",
): void {
  const nowMs = clock.wallMs();
  const lifetimeMs = expiresAtMs - issuedAtMs;
  if (!(lifetimeMs > 0 && lifetimeMs <= ASSERTION_LIFETIME_MS_MAX)) {
    throw refusal("it must expire within five minutes of its issue");
  }
  if (issuedAtMs > nowMs + ISSUED_AHEAD_MS_MAX) {
    throw clocksDiffer(`it is issued ${seconds(issuedAtMs - nowMs)} ahead of the holder's clock: ${whichClock()}`);
  }
  if (forgottenToMs > 0 && issuedAtMs <= forgottenToMs + ISSUED_AHEAD_MS_MAX) {
    throw new Failure(
      "store-unavailable",
      "This node has just come back with an older audit and cannot tell whether it has answered this attempt: ask again in a minute.",
    );
  }
  if (nowMs >= expiresAtMs) {
    throw clocksDiffer(`it expired ${seconds(nowMs - expiresAtMs)} ago by the holder's clock: ${whichClock()}`);
  }
}

/** One key object for each member of each manifest, and none for longer than that manifest. */
const keys = new WeakMap<Pick<Member, "assertionKey">, KeyObject>();

function keyOf(member: Pick<Member, "assertionKey">): KeyObject {
  const known = keys.get(member);
  if (known !== undefined) return known;
  const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: member.assertionKey } });
  keys.set(member, key);
  return key;
}

function readSigningKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === "ed25519") return key;
  } catch (cause) {
    throw new Failure("configuration", "The assertion key is not a private key in PEM.", { cause });
  }
  throw new Failure("configuration", "The assertion key must be an Ed25519 key.");
}

/** There and then: handing so little to another thread and back takes longer, the more so on a busy machine. */
function signBytes(key: KeyObject, prefix: Uint8Array, payload: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve) => resolve(sign(null, Buffer.concat([prefix, payload]), key)));
}

/** Likewise. */
function verifyBytes(key: KeyObject, prefix: Uint8Array, payload: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (signature.length !== SIGNATURE_BYTES) return Promise.resolve(false);
  return new Promise((resolve) => resolve(verify(null, Buffer.concat([prefix, payload]), key, signature)));
}

function refusal(why: string): Failure {
  return new Failure("not-authenticated", `The assertion is refused: ${why}.`);
}

function clocksDiffer(why: string): Failure {
  return new Failure("clocks-differ", `The assertion is refused: ${why}.`, { where: "assertion" });
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}
