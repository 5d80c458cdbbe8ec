import { type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";

import { DER, type DerElement, encode, encodeOid, hexOf, readElements } from "./der.ts";

/** The signatures that this network gives and takes: RSA with SHA-256, and taken from others with its longer sisters. */

const SHA256_WITH_RSA = "1.2.840.113549.1.1.11";

/** By the object identifier of the signature. SHA-1 and MD5 are not among them, nor anything but RSA. */
const DIGEST_OF: ReadonlyMap<string, string> = new Map([
  [hexOf(encodeOid(SHA256_WITH_RSA)), "sha256"],
  [hexOf(encodeOid("1.2.840.113549.1.1.12")), "sha384"],
  [hexOf(encodeOid("1.2.840.113549.1.1.13")), "sha512"],
]);

/** The AlgorithmIdentifier of what {@link signWithRsa} makes. */
export const RSA_SIGNATURE = encode(DER.sequence, encode(DER.oid, encodeOid(SHA256_WITH_RSA)), encode(DER.null));

/** The digest that an AlgorithmIdentifier names; `undefined` for a signature that is not taken. */
export function digestOf(algorithm: DerElement | undefined): string | undefined {
  const [id, parameters, ...more] = (algorithm && readElements(algorithm.contents)) ?? [];
  const isPlain = hexOf(parameters?.whole ?? new Uint8Array()) === "0500" && more.length === 0;
  if (algorithm?.tag !== DER.sequence || id?.tag !== DER.oid || !isPlain) return undefined;
  return DIGEST_OF.get(hexOf(id.contents));
}

/** Signs on the thread pool, with SHA-256. */
export const signWithRsa = promisify(
  (data: Uint8Array, key: KeyObject, done: (error: Error | null, signature: Buffer) => void) =>
    sign("sha256", data, key, done),
);
