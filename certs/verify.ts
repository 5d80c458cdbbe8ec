import type { X509Certificate } from "node:crypto";

import { readPermittedNames } from "./extensions.ts";
import { readAlternativeNames, readIdentity } from "./identity.ts";
import { oneLine } from "./inspect.ts";

/** A leaf, one intermediate, the root. */
const CHAIN_LENGTH_MAX = 3;

export interface VerifyOrder {
  /** The leaf first, then what it came with. */
  readonly chain: readonly X509Certificate[];
  /** Only those that signed themselves are roots; others may lie on the way to one. */
  readonly trusted: readonly X509Certificate[];
  /** The network's; absent: that of the leaf's authority. */
  readonly domain: string | undefined;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A mistake by its name, which stays the same whatever the words. */
export interface CertificateFault {
  readonly name:
    | "no-certificate"
    | "self-signed"
    | "missing-intermediate"
    | "wrong-root"
    | "not-an-authority"
    | "not-yet-valid"
    | "expired"
    | "name-not-permitted"
    | "wrong-identity";
  readonly text: string;
}

/** {@link namedFaultsOfCertificate}, in words alone. */
export function faultsOfCertificate(order: VerifyOrder): string[] {
  return namedFaultsOfCertificate(order).map(({ text }) => text);
}

/**
 * Says why a certificate would not be accepted in a network: an empty list where it would.
 *
 * A diagnosis for people, with signatures checked by OpenSSL through node:crypto. At work the handshake decides (OpenSSL
 * builds and judges the chain), and then the directory: whether the network still counts this one in is not asked here.
 */
export function namedFaultsOfCertificate({ chain, trusted, domain, nowMs }: VerifyOrder): CertificateFault[] {
  const [leaf, ...sent] = chain;
  if (leaf === undefined) return [{ name: "no-certificate", text: "there is no certificate" }];
  const roots = trusted.filter((certificate) => signed(certificate, certificate));
  const untrusted = [...sent, ...trusted.filter((certificate) => !roots.includes(certificate))];
  const { path, fault } = buildPath(leaf, untrusted, roots);
  const issuer = path[1];
  const permitted = issuer && readPermittedNames(issuer.raw);
  const ownDomain = domain ?? permitted?.uriHosts[0];
  return [
    ...(fault === undefined ? [] : [fault]),
    ...path.flatMap((certificate) => dateFaults(certificate, nowMs)),
    ...(issuer === undefined || roots.includes(issuer) ? [] : constraintFaults(leaf, issuer)),
    ...(ownDomain === undefined ? [] : identityFaults(leaf, ownDomain)),
  ];
}

interface Path {
  readonly path: readonly X509Certificate[];
  readonly fault: CertificateFault | undefined;
}

function buildPath(
  leaf: X509Certificate,
  untrusted: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): Path {
  const path = [leaf];
  for (let last = leaf; path.length < CHAIN_LENGTH_MAX; path.push(last)) {
    const child = last;
    const root = roots.find((candidate) => signed(child, candidate));
    if (root !== undefined) return { path: [...path, root], fault: undefined };
    const next = untrusted.find((candidate) => !path.includes(candidate) && signed(child, candidate));
    if (next === undefined) return { path, fault: whyNotSigned(child, path.length, [...roots, ...untrusted]) };
    last = next;
  }
  const text = `its chain does not end at a trusted root within ${CHAIN_LENGTH_MAX} certificates`;
  return { path, fault: { name: "wrong-root", text } };
}

function signed(child: X509Certificate, authority: X509Certificate): boolean {
  return authority.ca && child.checkIssued(authority) && child.verify(authority.publicKey);
}

function whyNotSigned(child: X509Certificate, depth: number, known: readonly X509Certificate[]): CertificateFault {
  const issuer = oneLine(child.issuer);
  const named = known.filter((candidate) => candidate.subject === child.issuer);
  if (child.issuer === child.subject) {
    return { name: "self-signed", text: `${oneLine(child.subject)} has signed itself and is not trusted` };
  }
  if (named.length === 0) {
    return {
      name: depth === 1 ? "missing-intermediate" : "wrong-root",
      text: `its issuer (${issuer}) is neither trusted nor in the file: add the intermediate, or check --trust`,
    };
  }
  if (!named.some(({ ca }) => ca))
    return { name: "not-an-authority", text: `its issuer (${issuer}) is not an authority` };
  return {
    name: "wrong-root",
    text: `an authority of the right name (${issuer}) is there, but another key has signed it: it is of another network`,
  };
}

function dateFaults(certificate: X509Certificate, nowMs: number): CertificateFault[] {
  const [from, to] = [certificate.validFromDate, certificate.validToDate];
  const subject = oneLine(certificate.subject);
  if (nowMs < from.getTime()) {
    return [{ name: "not-yet-valid", text: `${subject} is not valid before ${from.toISOString()}` }];
  }
  return nowMs >= to.getTime() ? [{ name: "expired", text: `${subject} expired at ${to.toISOString()}` }] : [];
}

function constraintFaults(leaf: X509Certificate, issuer: X509Certificate): CertificateFault[] {
  const permitted = readPermittedNames(issuer.raw);
  const fault = (text: string): CertificateFault => ({ name: "name-not-permitted", text });
  if (permitted === undefined) return [fault("its issuing authority is not confined to a network's names")];
  const names = readAlternativeNames(leaf);
  const within = (name: string): boolean =>
    permitted.dns.some((domain) => name === domain || name.endsWith(`.${domain}`));
  return [
    ...(names?.dns ?? []).filter((name) => !within(name)),
    ...(names?.uris ?? []).filter((uri) => !permitted.uriHosts.includes(hostOf(uri))),
  ].map((name) => fault(`its issuing authority may not certify the name ${oneLine(name)}`));
}

function identityFaults(leaf: X509Certificate, domain: string): CertificateFault[] {
  const identity = readIdentity(leaf, domain);
  return identity.kind === "unusable" ? [{ name: "wrong-identity", text: `it ${identity.reason} (${domain})` }] : [];
}

function hostOf(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).host : "";
}
