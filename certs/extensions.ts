import { callerRightsSchema, type CallerRights } from "./caller-rights.ts";
import type { Extension } from "./certificate.ts";
import { DER, encode, encodeOid, join, readElements, readExtension, readOnly } from "./der.ts";
import { CALLER_RIGHTS_OID, KEY_USAGE_OID } from "./profile.ts";

/** The extensions of our certificates, as DER: what each kind may be used for, and the names it may carry. */

const BASIC_CONSTRAINTS = "2.5.29.19";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const SUBJECT_ALT_NAME = "2.5.29.17";
const NAME_CONSTRAINTS = "2.5.29.30";

/** Context tags: GeneralName's choices, and the two lists of NameConstraints. */
const TAG = { dns: 0x82, uri: 0x86, ip: 0x87, permitted: 0xa0, excluded: 0xa1 } as const;

/** `pathLength` authorities may follow below this one. */
export function authorityConstraints(pathLength: number): Extension[] {
  const isAuthority = [...encode(0x01, Uint8Array.of(0xff)), ...encode(0x02, Uint8Array.of(pathLength))];
  return [
    { oid: BASIC_CONSTRAINTS, critical: true, value: encode(DER.sequence, Uint8Array.from(isAuthority)) },
    // keyCertSign and cRLSign: bits 5 and 6.
    { oid: KEY_USAGE_OID, critical: true, value: Uint8Array.of(0x03, 0x02, 0x01, 0x06) },
  ];
}

/** Not an authority; signs handshakes, for these uses only. */
export function leafConstraints(usageOids: readonly string[]): Extension[] {
  const usages = Uint8Array.from(usageOids.flatMap((oid) => [...encode(DER.oid, encodeOid(oid))]));
  return [
    { oid: BASIC_CONSTRAINTS, critical: true, value: encode(DER.sequence, new Uint8Array()) },
    // digitalSignature: bit 0. TLS 1.3 needs no other.
    { oid: KEY_USAGE_OID, critical: true, value: Uint8Array.of(0x03, 0x02, 0x07, 0x80) },
    { oid: EXTENDED_KEY_USAGE, critical: false, value: encode(DER.sequence, usages) },
  ];
}

export interface AlternativeNames {
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
}

export function alternativeNames({ uris = [], dns = [] }: AlternativeNames): Extension {
  const names = [...uris.map((uri) => text(TAG.uri, uri)), ...dns.map((name) => text(TAG.dns, name))];
  return { oid: SUBJECT_ALT_NAME, critical: false, value: encode(DER.sequence, join(names)) };
}

/**
 * Permits DNS names in the domain and below, and URIs whose host is the domain; excludes every IP address. It cannot
 * speak about a URI's path, so one intermediate could name another's node: the manifest pins each member's authority.
 */
export function nameConstraints(domain: string): Extension {
  const permitted = [text(TAG.dns, domain), text(TAG.uri, domain)];
  // Address and mask, all zero: every IPv4 address, every IPv6 address.
  const excluded = [encode(TAG.ip, new Uint8Array(8)), encode(TAG.ip, new Uint8Array(32))];
  const value = join([encode(TAG.permitted, subtrees(permitted)), encode(TAG.excluded, subtrees(excluded))]);
  return { oid: NAME_CONSTRAINTS, critical: true, value: encode(DER.sequence, value) };
}

/** What a caller may claim. Not critical: only our nodes read it, and they demand it. */
export function callerRightsExtension(rights: CallerRights): Extension {
  const json = JSON.stringify(callerRightsSchema.parse(rights));
  return { oid: CALLER_RIGHTS_OID, critical: false, value: text(DER.utf8, json) };
}

/** What an authority's certificate permits. */
export interface PermittedNames {
  readonly dns: readonly string[];
  readonly uriHosts: readonly string[];
}

/** Reads the permitted names of an authority's certificate; `undefined` where it has no name constraints. */
export function readPermittedNames(certificateDer: Uint8Array): PermittedNames | undefined {
  const value = readExtension(certificateDer, NAME_CONSTRAINTS);
  const lists = value && readElements(readOnly(value, DER.sequence) ?? new Uint8Array());
  const permitted = lists?.find(({ tag }) => tag === TAG.permitted);
  if (permitted === undefined) return undefined;
  const names = (readElements(permitted.contents) ?? []).flatMap(({ contents }) => readElements(contents)?.[0] ?? []);
  const having = (wanted: number): string[] =>
    names.filter(({ tag }) => tag === wanted).map(({ contents }) => Buffer.from(contents).toString("latin1"));
  return { dns: having(TAG.dns), uriHosts: having(TAG.uri) };
}

function subtrees(names: readonly Uint8Array[]): Uint8Array {
  return join(names.map((name) => encode(DER.sequence, name)));
}

function text(tag: number, value: string): Uint8Array {
  return encode(tag, new TextEncoder().encode(value));
}
