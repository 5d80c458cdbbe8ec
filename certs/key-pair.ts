import { type KeyObject, generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

import { RSA_BITS } from "./profile.ts";

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const generate = promisify(generateKeyPair);

/** A key for certificates. Made on the thread pool: several at once use every core. */
export function makeRsaKeyPair(): Promise<KeyPair> {
  return generate("rsa", { modulusLength: RSA_BITS });
}

/** A key for assertions, verdicts or the manifest. */
export function makeEd25519KeyPair(): Promise<KeyPair> {
  return generate("ed25519");
}

export function privatePem({ privateKey }: KeyPair): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

export function publicPem({ publicKey }: KeyPair): string {
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}
