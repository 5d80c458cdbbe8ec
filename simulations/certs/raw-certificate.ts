import { type KeyObject, X509Certificate, generateKeyPairSync, randomBytes, sign } from "node:crypto";

import type { Extension } from "../../certs/certificate.ts";
import { DER, encode, encodeOid, readSubject } from "../../certs/der.ts";
import { encodeName } from "../../certs/distinguished-name.ts";
import { encodePem } from "../../certs/pem.ts";

/** Certificates in which everything can be wrong: laid out by hand, because no library would. */

export interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** Who signs, and what is sent along. */
export interface RawAuthority {
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
}

export interface RawShape {
  readonly organization?: string;
  readonly commonName?: string;
  /** Another issuer than its signer's subject. */
  readonly issuer?: Uint8Array;
  readonly keys?: Keys;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly extensions?: readonly Extension[];
  /** 2 = version 3; absent = version 1, without a version field. */
  readonly version?: 2 | undefined;
  readonly signature?: "sha256" | "sha1" | "md5";
  /** A bit of the signature is turned. */
  readonly spoilt?: boolean;
}

const SIGNATURE_OID = {
  sha256: "1.2.840.113549.1.1.11",
  sha1: "1.2.840.113549.1.1.5",
  md5: "1.2.840.113549.1.1.4",
} as const;

/** One for all that have no key of their own: the tests are about certificates. */
export const RAW_KEYS: Keys = generateKeyPairSync("rsa", { modulusLength: 2_048 });

/** @returns PEM of the one certificate. */
export function rawCertificate(shape: RawShape, signer: RawAuthority | "itself"): string {
  const {
    keys = RAW_KEYS,
    extensions = [],
    signature = "sha256",
    organization = "forged",
    commonName = "forged",
  } = shape;
  const nowMs = Date.now();
  const subject = encodeName(organization, commonName);
  const issuer =
    shape.issuer ?? (signer === "itself" ? subject : readSubject(new X509Certificate(signer.certificatePem).raw)!);
  const algorithm = encode(DER.sequence, encode(DER.oid, encodeOid(SIGNATURE_OID[signature])), encode(DER.null));
  const hasVersion = !("version" in shape) || shape.version !== undefined;
  const toBeSigned = encode(
    DER.sequence,
    ...(hasVersion ? [encode(0xa0, encode(DER.integer, Uint8Array.of(2)))] : []),
    encode(DER.integer, Uint8Array.of(0x40, ...randomBytes(15))),
    algorithm,
    issuer,
    encode(DER.sequence, time(shape.fromMs ?? nowMs - 60_000), time(shape.toMs ?? nowMs + 3_600_000)),
    subject,
    keys.publicKey.export({ type: "spki", format: "der" }),
    ...(extensions.length === 0
      ? []
      : [encode(DER.extensions, encode(DER.sequence, ...extensions.map(encodeExtension)))]),
  );
  const signed = sign(signature, toBeSigned, signer === "itself" ? keys.privateKey : signer.privateKey);
  if (shape.spoilt === true) signed[10] = (signed[10] ?? 0) ^ 1;
  return encodePem(
    "CERTIFICATE",
    encode(DER.sequence, toBeSigned, algorithm, encode(DER.bits, Uint8Array.of(0), signed)),
  );
}

function encodeExtension({ oid, critical, value }: Extension): Uint8Array {
  const flag = critical ? [encode(DER.boolean, Uint8Array.of(0xff))] : [];
  return encode(DER.sequence, encode(DER.oid, encodeOid(oid)), ...flag, encode(DER.octets, value));
}

function time(ms: number): Uint8Array {
  const text = new Date(ms).toISOString().slice(0, 19).replaceAll(/\D/g, "");
  return encode(DER.utcTime, Buffer.from(`${text.slice(2)}Z`));
}
