import { type KeyObject, X509Certificate, verify } from "node:crypto";

import { check } from "../node/base/check.ts";
import { Failure } from "../node/base/failure.ts";
import type { Signer } from "./certificate.ts";
import {
  DER,
  type DerElement,
  encode,
  encodeOid,
  hexOf,
  readElements,
  readExtension,
  readOnly,
  readSubject,
} from "./der.ts";
import { describeName, readName } from "./distinguished-name.ts";
import { decodePem, encodePem } from "./pem.ts";
import { RSA_SIGNATURE, digestOf, signWithRsa } from "./rsa-signature.ts";

/**
 * Certificate revocation lists (RFC 5280, version 2): whole lists of one authority, signed with RSA.
 *
 * Laid out here and not with forge: every node reads them, and would have to hold forge in memory for it.
 */

/** A list above this size is neither written nor read: some ten thousand certificates. */
export const CRL_BYTES_MAX = 256 * 1024;

/** Why a certificate is revoked, as RFC 5280 numbers it. */
export const REVOCATION_REASONS = {
  unspecified: 0,
  "key-compromise": 1,
  "ca-compromise": 2,
  "affiliation-changed": 3,
  superseded: 4,
  "cessation-of-operation": 5,
  "privilege-withdrawn": 9,
} as const;

export type RevocationReason = keyof typeof REVOCATION_REASONS;

/** One certificate that its authority no longer stands for. */
export interface Revocation {
  /** Lower-case hex, whole bytes, as `X509Certificate.serialNumber` has it in upper case. */
  readonly serial: string;
  /** Milliseconds since the epoch, kept to the second. */
  readonly atMs: number;
  /** One that is not in our list is read as `unspecified`. */
  readonly reason: RevocationReason;
}

/** A list as it was read. Nothing in it counts before {@link verifyCrl} has said so. */
export interface Crl {
  /** For people: its parts on one line, in printable ASCII. */
  readonly issuerName: string;
  /** Rises with every list of one authority. */
  readonly number: bigint;
  readonly thisUpdateMs: number;
  /** By then its authority publishes the next one. */
  readonly nextUpdateMs: number;
  /** The serials of {@link entries}. */
  readonly revoked: ReadonlySet<string>;
  readonly entries: readonly Revocation[];
  readonly signed: { readonly bytes: Uint8Array; readonly digest: string; readonly signature: Uint8Array };
}

export interface CrlOrder {
  readonly issuer: Signer;
  readonly number: bigint;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  readonly revoked: readonly Revocation[];
}

const OID = {
  keyIdentifier: "2.5.29.14",
  authorityKeyIdentifier: "2.5.29.35",
  crlNumber: "2.5.29.20",
  reason: "2.5.29.21",
} as const;

/**
 * Signs an authority's list.
 *
 * @returns DER.
 * @throws {Failure} `invalid-input`: it would be over 256 KiB.
 */
export async function signCrl(order: CrlOrder): Promise<Buffer> {
  const authority = new X509Certificate(order.issuer.certificatePem);
  const issuer = readSubject(authority.raw);
  check(issuer !== undefined, "an authority's certificate has a subject");
  const revoked = order.revoked.map(encodeRevocation);
  const toBeSigned = encode(
    DER.sequence,
    encode(DER.integer, Uint8Array.of(1)),
    RSA_SIGNATURE,
    issuer,
    encodeTime(order.thisUpdateMs),
    encodeTime(order.nextUpdateMs),
    ...(revoked.length === 0 ? [] : [encode(DER.sequence, ...revoked)]),
    encode(DER.listExtensions, encode(DER.sequence, ...keyIdentifierOf(authority), numberExtension(order.number))),
  );
  const signature = await signWithRsa(toBeSigned, order.issuer.privateKey);
  const list = encode(DER.sequence, toBeSigned, RSA_SIGNATURE, encode(DER.bits, Uint8Array.of(0), signature));
  if (list.length > CRL_BYTES_MAX) {
    throw new Failure("invalid-input", `The revocation list would be over ${CRL_BYTES_MAX} bytes.`);
  }
  return Buffer.from(list);
}

/**
 * Reads a list in DER or PEM. Whose it is, {@link verifyCrl} says.
 *
 * @throws {Failure} `invalid-input`: it is over 256 KiB, is not a whole list of one authority (not a delta, not for others),
 * is not signed by SHA-256 or better with RSA, or has no number or no end.
 */
export function readCrl(bytes: Uint8Array): Crl {
  if (bytes.length > CRL_BYTES_MAX) throw fault(`is over ${CRL_BYTES_MAX} bytes`);
  const list = readOnly(derOf(bytes), DER.sequence);
  const [toBeSigned, algorithm, signature, ...more] = (list && readElements(list)) ?? [];
  if (
    toBeSigned?.tag !== DER.sequence ||
    signature?.tag !== DER.bits ||
    signature.contents[0] !== 0 ||
    more.length > 0
  ) {
    throw fault("is not one in DER or PEM");
  }
  const fields = [...(readElements(toBeSigned.contents) ?? [])];
  const take = (...tags: readonly number[]): DerElement | undefined =>
    tags.includes(fields[0]?.tag ?? -1) ? fields.shift() : undefined;
  const version = take(DER.integer);
  const signedWith = take(DER.sequence);
  const issuer = take(DER.sequence);
  const thisUpdate = take(DER.utcTime, DER.generalizedTime);
  const nextUpdate = take(DER.utcTime, DER.generalizedTime);
  const revoked = take(DER.sequence);
  const extensions = take(DER.listExtensions);
  if (version?.contents.length !== 1 || version.contents[0] !== 1 || fields.length > 0) {
    throw fault("is not of version 2");
  }
  const entries = (revoked === undefined ? [] : elementsOf(revoked.contents)).map(readRevocation);
  return {
    issuerName: describeName(readName(issuer)),
    number: numberOf(extensions),
    thisUpdateMs: readTime(thisUpdate),
    nextUpdateMs: readTime(nextUpdate),
    revoked: new Set(entries.map(({ serial }) => serial)),
    entries,
    signed: {
      bytes: toBeSigned.whole,
      digest: digestNamed(signedWith, algorithm),
      signature: signature.contents.subarray(1),
    },
  };
}

/** Whether this key, and no other, has signed the list as it stands. */
export function verifyCrl({ signed: { bytes, digest, signature } }: Crl, issuerPublicKey: KeyObject): boolean {
  return issuerPublicKey.asymmetricKeyType === "rsa" && verify(digest, bytes, issuerPublicKey, signature);
}

/** A list in PEM, as `openssl crl` reads it. */
export function crlPem(der: Uint8Array): string {
  return encodePem(PEM_LABEL, der);
}

const PEM_LABEL = "X509 CRL";

/** DER begins with a sequence, PEM with text. */
function derOf(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === DER.sequence) return bytes;
  return decodePem(PEM_LABEL, Buffer.from(bytes).toString("latin1"));
}

/** What signed it is named inside and outside: the two must be one. */
function digestNamed(inside: DerElement | undefined, outside: DerElement | undefined): string {
  const digest = digestOf(inside);
  if (digest === undefined || hexOf(inside!.whole) !== hexOf(outside!.whole)) {
    throw fault("is not signed by SHA-256 or better with RSA");
  }
  return digest;
}

interface ListExtension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

function readExtensions(list: Uint8Array | undefined): readonly ListExtension[] {
  return (list === undefined ? [] : elementsOf(list)).map(({ contents }) => {
    const [id, ...rest] = elementsOf(contents);
    const critical = rest[0]?.tag === DER.boolean ? rest.shift()?.contents[0] !== 0 : false;
    if (id?.tag !== DER.oid || rest.length !== 1 || rest[0]?.tag !== DER.octets) throw fault("has a broken extension");
    return { oid: hexOf(id.contents), critical, value: rest[0].contents };
  });
}

/** What is critical changes what the list means: a part of a list, or one for other authorities. */
function refuseCritical(extensions: readonly ListExtension[]): void {
  if (extensions.some(({ critical }) => critical)) throw fault("has a critical extension: only whole lists are read");
}

function numberOf(wrapper: DerElement | undefined): bigint {
  const extensions = readExtensions(wrapper && readOnly(wrapper.contents, DER.sequence));
  refuseCritical(extensions);
  const id = hexOf(encodeOid(OID.crlNumber));
  const [found, ...more] = extensions.filter(({ oid: each }) => each === id);
  const number = found && readOnly(found.value, DER.integer);
  if (number === undefined || more.length > 0) throw fault("has no number");
  return BigInt(`0x${readPositive(number, "number")}`);
}

function readRevocation({ tag, contents }: DerElement): Revocation {
  const [serial, at, extensions, ...more] = elementsOf(contents);
  if (tag !== DER.sequence || serial?.tag !== DER.integer || more.length > 0) throw fault("has a broken entry");
  const read = readExtensions(extensions?.contents);
  refuseCritical(read);
  return { serial: readPositive(serial.contents, "serial"), atMs: readTime(at), reason: reasonOf(read) };
}

function reasonOf(extensions: readonly ListExtension[]): RevocationReason {
  const id = hexOf(encodeOid(OID.reason));
  const found = extensions.find(({ oid: each }) => each === id);
  const code = found && readOnly(found.value, DER.enumerated)?.[0];
  const named = Object.entries(REVOCATION_REASONS).find(([, number]) => number === code);
  return (named?.[0] ?? "unspecified") as RevocationReason;
}

/** A positive number of at most 20 bytes, as hex without the zero byte that keeps its sign. */
function readPositive(contents: Uint8Array, what: string): string {
  const [first = 0x80] = contents;
  if (first >= 0x80 || contents.length > 21) throw fault(`has a ${what} that is not positive, or too large`);
  return hexOf(first === 0 && contents.length > 1 ? contents.subarray(1) : contents);
}

/** UTCTime means 1950 to 2049 (RFC 5280); both are to the second, and in UTC. */
function readTime(element: DerElement | undefined): number {
  const text = Buffer.from(element?.contents ?? []).toString("latin1");
  const full = element?.tag === DER.utcTime ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const iso = full.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6.000Z");
  const ms = Date.parse(iso);
  // The way there and back also refuses the 30th of February.
  if (!Number.isFinite(ms) || new Date(ms).toISOString() !== iso)
    throw fault("has a time missing, or one not readable");
  return ms;
}

function encodeTime(ms: number): Uint8Array {
  const iso = new Date(ms).toISOString();
  const text = `${iso.slice(0, 19).replaceAll(/\D/g, "")}Z`;
  const isShort = Number(iso.slice(0, 4)) < 2_050;
  return encode(isShort ? DER.utcTime : DER.generalizedTime, Buffer.from(isShort ? text.slice(2) : text));
}

function encodeRevocation({ serial, atMs, reason }: Revocation): Uint8Array {
  const code = encode(DER.enumerated, Uint8Array.of(REVOCATION_REASONS[reason]));
  // RFC 5280 wants an unspecified reason left out.
  const extensions = reason === "unspecified" ? [] : [encode(DER.sequence, extension(OID.reason, code))];
  return encode(DER.sequence, encode(DER.integer, positive(serial)), encodeTime(atMs), ...extensions);
}

function positive(hex: string): Uint8Array {
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  return (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Uint8Array.of(0), bytes]);
}

function numberExtension(number: bigint): Uint8Array {
  return extension(OID.crlNumber, encode(DER.integer, positive(number.toString(16))));
}

function keyIdentifierOf(authority: X509Certificate): Uint8Array[] {
  const value = readExtension(authority.raw, OID.keyIdentifier);
  const identifier = value && readOnly(value, DER.octets);
  // The identifier is the first, implicitly tagged field of its sequence.
  return identifier === undefined
    ? []
    : [extension(OID.authorityKeyIdentifier, encode(DER.sequence, encode(0x80, identifier)))];
}

function extension(id: string, value: Uint8Array): Uint8Array {
  return encode(DER.sequence, oid(id), encode(DER.octets, value));
}

function oid(id: string): Uint8Array {
  return encode(DER.oid, encodeOid(id));
}

function elementsOf(bytes: Uint8Array): readonly DerElement[] {
  const elements = readElements(bytes);
  if (elements === undefined) throw fault("is broken");
  return elements;
}

function fault(why: string): Failure {
  return new Failure("invalid-input", `The revocation list ${why}.`);
}
