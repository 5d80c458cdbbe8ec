import type { KeyObject, X509Certificate } from "node:crypto";

import { type NodeId, parseNodeId } from "../node/base/words.ts";
import { type CallerRights, readCallerRights } from "./caller-rights.ts";
import { DER, readExtension, readOnly } from "./der.ts";
import { CLIENT_AUTH_OID, KEY_USAGE_OID, LEAF_DER_BYTES_MAX, SERVER_AUTH_OID, nodeDns } from "./profile.ts";

const RSA_BITS_MIN = 2_048;

/** Who a leaf certificate says that it is, or why it says nothing that a network accepts. */
export type CertificateIdentity =
  | { readonly kind: "node"; readonly nodeId: NodeId }
  | { readonly kind: "caller"; readonly nodeId: NodeId; readonly name: string; readonly rights: CallerRights }
  /** The reason ends a sentence that begins with "the certificate". */
  | { readonly kind: "unusable"; readonly reason: string };

/**
 * Reads who a leaf certificate stands for, by its form alone; whether anybody trusted has signed it is not asked here.
 *
 * Exactly one URI, and for a node exactly one DNS name that says the same: a second name, a wildcard, an address or
 * another domain is refused, so that there is never a choice of whom to believe.
 */
export function readIdentity(leaf: X509Certificate, domain: string): CertificateIdentity {
  if (leaf.raw.length > LEAF_DER_BYTES_MAX) return unusable("is over 8 KiB");
  if (leaf.ca) return unusable("is an authority's, not a node's or a caller's");
  if (isWeak(leaf.publicKey)) return unusable("has a key that is too weak");
  if (!maySign(leaf)) return unusable("has a key that may not sign a handshake");
  const names = readAlternativeNames(leaf);
  const path = names === undefined ? undefined : identityPath(names, domain);
  if (names === undefined || path === undefined) return unusable("does not carry exactly one identity of this network");
  return path.caller === undefined
    ? asNode(leaf, names, domain, path.nodeId)
    : asCaller(leaf, names, path.nodeId, path.caller);
}

/** The names of a certificate by kind, as node:crypto shows them. */
export interface AlternativeNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly others: readonly string[];
}

/** `undefined` where a name could be misread: node:crypto puts those into quotation marks, and none of ours has any. */
export function readAlternativeNames({ subjectAltName }: X509Certificate): AlternativeNames | undefined {
  if (subjectAltName?.includes('"') === true) return undefined;
  const names = subjectAltName?.split(", ") ?? [];
  const after = (prefix: string): string[] =>
    names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const others = names.filter((name) => !name.startsWith("URI:") && !name.startsWith("DNS:"));
  return { uris: after("URI:"), dns: after("DNS:"), others };
}

function identityPath(
  { uris, others }: AlternativeNames,
  domain: string,
): { readonly nodeId: NodeId; readonly caller: string | undefined } | undefined {
  const prefix = `spiffe://${domain}/node/`;
  const [uri = "", ...more] = uris;
  if (more.length > 0 || others.length > 0 || !uri.startsWith(prefix)) return undefined;
  const [id = "", word, caller, ...rest] = uri.slice(prefix.length).split("/");
  const nodeId = parseNodeId(id);
  if (nodeId === undefined || rest.length > 0) return undefined;
  if (word === undefined) return { nodeId, caller: undefined };
  return word === "caller" && caller !== undefined && parseNodeId(caller) !== undefined
    ? { nodeId, caller }
    : undefined;
}

function asNode(leaf: X509Certificate, { dns }: AlternativeNames, domain: string, nodeId: NodeId): CertificateIdentity {
  if (dns.length !== 1 || dns[0] !== nodeDns(domain, nodeId)) {
    return unusable("does not carry its identity's DNS name, and no other");
  }
  if (usages(leaf) !== [SERVER_AUTH_OID, CLIENT_AUTH_OID].join()) return unusable("is not for server and client use");
  return { kind: "node", nodeId };
}

function asCaller(leaf: X509Certificate, { dns }: AlternativeNames, nodeId: NodeId, name: string): CertificateIdentity {
  if (dns.length > 0) return unusable("names a caller and a server at once");
  if (usages(leaf) !== CLIENT_AUTH_OID) return unusable("is not for client use only");
  const rights = readCallerRights(leaf.raw);
  return rights === undefined
    ? unusable("does not say what its caller may claim")
    : { kind: "caller", nodeId, name, rights };
}

/** The extended key usages; empty where the certificate has none. */
function usages(leaf: X509Certificate): string {
  const oids = leaf.keyUsage as readonly string[] | undefined;
  return (oids ?? []).toSorted().join();
}

/** OpenSSL asks this of clients only. Bit 0 of the key usage, where there is one. */
function maySign(leaf: X509Certificate): boolean {
  const value = readExtension(leaf.raw, KEY_USAGE_OID);
  if (value === undefined) return true;
  const [, bits = 0] = readOnly(value, DER.bits) ?? [];
  return (bits & 0x80) !== 0;
}

function isWeak(key: KeyObject): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits < RSA_BITS_MIN;
}

function unusable(reason: string): CertificateIdentity {
  return { kind: "unusable", reason };
}
