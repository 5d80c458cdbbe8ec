import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from "node:crypto";

import { Concealed } from "../base/concealed.ts";
import type { Random } from "../base/random.ts";

/** Keeps dead letters unreadable for whoever has the index alone: AES-256-GCM, bound to each letter's id and feed. */
export interface LetterSeal {
  /** Names the key, and tells nothing of it. */
  readonly keyId: string;
  seal(of: LetterName, bytes: Uint8Array): Buffer;
  /** `undefined` where it was sealed under another key, or is damaged. */
  open(of: LetterName, sealed: Uint8Array): Concealed<Buffer> | undefined;
  /** The same for the same bytes; nobody without the key can try out whose it is. */
  markOf(bytes: Uint8Array): Buffer;
}

export interface LetterName {
  readonly id: string;
  readonly feed: string;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MARK_BYTES = 16;

export function makeLetterSeal(key: Uint8Array, random: Random): LetterSeal {
  const derive = (purpose: string): Buffer =>
    Buffer.from(hkdfSync("sha256", key, "", `corridor letters ${purpose}`, 32));
  const [cipherKey, markKey] = [derive("cipher"), derive("mark")];
  const markOf = (bytes: Uint8Array): Buffer =>
    createHmac("sha256", markKey).update(bytes).digest().subarray(0, MARK_BYTES);
  return {
    keyId: derive("name").subarray(0, 8).toString("hex"),
    markOf,
    seal(of, bytes) {
      const nonce = random.bytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", cipherKey, nonce, { authTagLength: TAG_BYTES }).setAAD(boundTo(of));
      return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    open(of, sealed) {
      if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const decipher = createDecipheriv("aes-256-gcm", cipherKey, nonce, { authTagLength: TAG_BYTES })
        .setAAD(boundTo(of))
        .setAuthTag(sealed.subarray(-TAG_BYTES));
      try {
        const bytes = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
        return new Concealed(Buffer.concat([bytes, decipher.final()]));
      } catch {
        return undefined;
      }
    },
  };
}

function boundTo({ id, feed }: LetterName): Buffer {
  return Buffer.from(JSON.stringify([id, feed]));
}
