import { createHash, createHmac, createSecretKey } from "node:crypto";

import type { NhsNumber } from "../base/nhs-number.ts";

/**
 * What stands for an NHS number in a filter of one epoch: 64 bits. Asked through this interface alone, because an oblivious
 * evaluator, which lets nobody test number after number, is to take the place of the key one day (RFC 9497).
 */
export interface PresenceTokens {
  token(nhsNumber: NhsNumber): bigint;
}

export const PRESENCE_KEY_BYTES = 32;
const PREFIX = "corridor.v1.presence\n";

/** HMAC-SHA-256 under the key of one epoch, cut to 64 bits: whoever has the key can make the token of any number. */
export function keyedTokens(key: Uint8Array, epoch: number): PresenceTokens {
  // Read in once: read in for each of millions, it costs more than the hashing.
  const secret = createSecretKey(key);
  const head = `${PREFIX}${epoch}\n`;
  return {
    token: (nhsNumber) =>
      createHmac("sha256", secret)
        .update(head + nhsNumber.expose())
        .digest()
        .readBigUInt64LE(0),
  };
}

/** Names a key without telling it: the first eight bytes of its SHA-256, in hexadecimal digits. */
export function presenceKeyId(key: Uint8Array): string {
  return createHash("sha256").update(PREFIX).update(key).digest("hex").slice(0, 16);
}
