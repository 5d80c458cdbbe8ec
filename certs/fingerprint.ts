import { type KeyObject, X509Certificate, createHash, createPublicKey } from "node:crypto";

import { Failure } from "../node/base/failure.ts";

/** SHA-256 of the DER SubjectPublicKeyInfo of an issuing CA's certificate (PEM), lower-case hex: how a manifest names it. */
export function caFingerprint(pem: string): string {
  return keyFingerprint(new X509Certificate(pem).publicKey);
}

/** SHA-256 of a key's DER SubjectPublicKeyInfo, lower-case hex; of several, over one after the other. */
export function keyFingerprint(...keys: readonly KeyObject[]): string {
  const hash = createHash("sha256");
  for (const key of keys) hash.update(key.export({ type: "spki", format: "der" }));
  return hash.digest("hex");
}

/**
 * The raw Ed25519 public key, base64url, of a PEM that holds either half: how a manifest names an assertion key.
 *
 * @throws {Failure} `configuration`: the PEM is not an Ed25519 key.
 */
export function assertionPublicKey(pem: string): string {
  const key = createPublicKey(pem);
  const { x } = key.export({ format: "jwk" });
  if (key.asymmetricKeyType !== "ed25519" || x === undefined) {
    throw new Failure("configuration", "An assertion key must be an Ed25519 key.");
  }
  return x;
}
