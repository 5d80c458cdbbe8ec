import { type KeyObject, createPublicKey, verify } from "node:crypto";

import { Failure } from "../node/base/failure.ts";
import { DER, encode, hexOf, readElements, readOnly } from "./der.ts";
import { encodeName, readName } from "./distinguished-name.ts";
import { type KeyPair } from "./key-pair.ts";
import { RSA_BITS } from "./profile.ts";
import { RSA_SIGNATURE, digestOf, signWithRsa } from "./rsa-signature.ts";

/**
 * Requests for a certificate (PKCS #10). Whoever asks proves that it has the key, and says who it is; nothing else is taken
 * from a request, and one that says more is refused: what a certificate may do is the authority's to say.
 */

/** Above this, nothing in a request is read. */
export const CSR_BYTES_MAX = 8_192;
const RSA_BITS_MAX = 4_096;
const EXPONENT = 65_537n;
/** AlgorithmIdentifier of a plain RSA key: not one bound to another padding, and no other kind. */
const RSA_KEY = "300d06092a864886f70d0101010500";
const ATTRIBUTES = 0xa0;

export interface CertificateRequest {
  /** As the request says; the authority compares it with whom it means to certify. */
  readonly domain: string;
  readonly id: string;
  readonly publicKey: KeyObject;
}

/** Asks for a certificate of a node of this network. @returns DER. */
export async function signRequest(domain: string, id: string, keys: KeyPair): Promise<Uint8Array> {
  const publicKey = keys.publicKey.export({ type: "spki", format: "der" });
  const version = encode(DER.integer, Uint8Array.of(0));
  const wanted = encode(DER.sequence, version, encodeName(domain, id), publicKey, encode(ATTRIBUTES));
  const signature = await signWithRsa(wanted, keys.privateKey);
  return encode(DER.sequence, wanted, RSA_SIGNATURE, encode(DER.bits, Uint8Array.of(0), signature));
}

/**
 * Reads a request and checks its proof of the key. A walk along a fixed path over at most 8 KiB: there is nothing to nest.
 *
 * @throws {Failure} `invalid-input`: why it is refused.
 */
export function readRequest(der: Uint8Array): CertificateRequest {
  if (der.length > CSR_BYTES_MAX) throw refused(`is over ${CSR_BYTES_MAX} bytes`);
  const request = readOnly(der, DER.sequence);
  const [wanted, algorithm, signature, ...more] = (request && readElements(request)) ?? [];
  const [version, subject, key, attributes, ...rest] = (wanted && readElements(wanted.contents)) ?? [];
  if (wanted === undefined || subject?.tag !== DER.sequence || key?.tag !== DER.sequence) throw refused("is broken");
  if (more.length + rest.length > 0 || version?.tag !== DER.integer || hexOf(version.contents) !== "00") {
    throw refused("is not of version 1");
  }
  if (attributes !== undefined && (attributes.tag !== ATTRIBUTES || attributes.contents.length > 0)) {
    throw refused("asks for names or uses of its own: only the key and the subject are taken, leave extensions out");
  }
  const publicKey = readKey(key.whole);
  const digest = digestOf(algorithm);
  if (digest === undefined) throw refused("is not signed by SHA-256 or better with RSA");
  if (
    signature?.tag !== DER.bits ||
    signature.contents[0] !== 0 ||
    !verify(digest, wanted.whole, publicKey, signature.contents.subarray(1))
  ) {
    throw refused("does not prove that its sender has the key");
  }
  return { ...identityOf(subject.whole), publicKey };
}

/** Judged before the key is used: a key of a strange size or exponent could take long. */
function readKey(spki: Uint8Array): KeyObject {
  const algorithm = readElements(readOnly(spki, DER.sequence) ?? new Uint8Array())?.[0];
  if (algorithm === undefined || hexOf(algorithm.whole) !== RSA_KEY) throw refused("is not for an RSA key");
  const key = attempt(() => createPublicKey({ key: Buffer.from(spki), type: "spki", format: "der" }));
  const { modulusLength = 0, publicExponent } = key?.asymmetricKeyDetails ?? {};
  if (key === undefined) throw refused("has a key that cannot be read");
  if (modulusLength < RSA_BITS || modulusLength > RSA_BITS_MAX || publicExponent !== EXPONENT) {
    throw refused(`must be for a key of ${RSA_BITS} to ${RSA_BITS_MAX} bits with the exponent ${EXPONENT}`);
  }
  return key;
}

function identityOf(subject: Uint8Array): { domain: string; id: string } {
  const parts = readName(readElements(subject)?.[0]);
  const textOf = (kind: string): string => parts.find((part) => part.kind === kind)?.text ?? "";
  if (parts.length !== 2 || textOf("O") === "" || textOf("CN") === "") {
    throw refused("must name its subject by the network's domain (O) and the node's id (CN), and by nothing else");
  }
  return { domain: textOf("O"), id: textOf("CN") };
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function refused(why: string): Failure {
  return new Failure("invalid-input", `The request for a certificate ${why}.`);
}
