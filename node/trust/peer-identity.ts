import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

import type { Authorities, IssuerVerdict } from "../../certs/authorities.ts";
import type { CallerRights } from "../../certs/caller-rights.ts";
import { keyFingerprint } from "../../certs/fingerprint.ts";
import { readIdentity } from "../../certs/identity.ts";
import { oneLine } from "../../certs/inspect.ts";
import type { Member } from "../../topology/manifest.ts";
import { Failure, type FailureCode } from "../base/failure.ts";
import type { NodeId } from "../base/words.ts";
import type { Directory } from "./directory.ts";

/** What a peer proved itself with in a finished TLS handshake. */
export interface PeerCertificateChain {
  readonly leaf: X509Certificate;
  /** What the peer sent as the leaf's issuer; absent on a resumed session, which carries no chain. */
  readonly issuer: X509Certificate | undefined;
}

/** For the operator's log: which certificate it was. */
export interface CertificateName {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
}

interface Proven {
  /** The node itself, or the node that a caller belongs to. */
  readonly nodeId: NodeId;
  /** SHA-256 of the public key that signed the leaf, lower-case hex. */
  readonly issuingCa: string;
  /** Of the issuing authority's own certificate, lower-case hex. */
  readonly issuerSerial: string;
  /** Within both, leaf and issuer are valid; milliseconds since the epoch. */
  readonly validFromMs: number;
  readonly validToMs: number;
  readonly certificate: CertificateName;
}

/** Who a certificate says that the peer is. Whether it may be here is {@link authorisePeer}'s to say. */
export type PeerIdentity =
  | ({ readonly kind: "node" } & Proven)
  | ({ readonly kind: "caller"; readonly name: string; readonly rights: CallerRights } & Proven);

/** A peer whom the directory in force admits. */
export type AuthorisedPeer =
  | { readonly kind: "node"; readonly member: Member }
  | { readonly kind: "caller"; readonly name: string; readonly rights: CallerRights };

/**
 * Takes the certificates out of a socket whose handshake OpenSSL has verified.
 *
 * @throws {Failure} `not-authenticated`: there is no certificate, or OpenSSL did not accept it.
 */
export function chainOf(socket: TLSSocket): PeerCertificateChain {
  if (!socket.authorized) {
    throw new Failure("not-authenticated", "The peer's certificate was not accepted in the handshake.");
  }
  return chainOfCertificate(socket.getPeerCertificate(true));
}

/**
 * The same, from the certificate that node:tls hands to `checkServerIdentity`, which it calls after OpenSSL's verdict.
 *
 * @throws {Failure} `not-authenticated`: there is no certificate.
 */
export function chainOfCertificate(peer: Partial<DetailedPeerCertificate>): PeerCertificateChain {
  if (peer.raw === undefined) throw new Failure("not-authenticated", "The peer showed no certificate.");
  const issuer = peer.issuerCertificate?.raw;
  return { leaf: new X509Certificate(peer.raw), issuer: issuer && new X509Certificate(issuer) };
}

/**
 * Reads who a peer is, once for each connection: everything about the certificate that does not change while it lasts.
 *
 * @param domain the network's: names of any other are refused.
 * @throws {Failure} `not-authenticated`: not a certificate of this network's form. The message names it by subject,
 * issuer and serial.
 */
export function identifyPeer(chain: PeerCertificateChain, domain: string): PeerIdentity {
  const certificate = nameOf(chain.leaf);
  const identity = readIdentity(chain.leaf, domain);
  if (identity.kind === "unusable") throw refusal("not-authenticated", identity.reason, certificate);
  const issuer = signerOf(chain);
  if (issuer === undefined) {
    throw refusal("not-authenticated", "came without the authority that signed it", certificate);
  }
  const [issuingCa, issuerSerial] = [keyFingerprint(issuer.publicKey), issuer.serialNumber.toLowerCase()];
  return { ...identity, ...validity(chain.leaf, issuer), issuingCa, issuerSerial, certificate };
}

/**
 * Says whether a peer may ask now: called for every question, because the directory and the time change under an open
 * connection. Compares what was read before; no cryptography.
 *
 * @throws {Failure} `not-authenticated`: outside its dates, not a member, not issued by that member's authority, or revoked.
 * @throws {Failure} `not-permitted`: a member that is not live, or a caller of another node.
 * @throws {Failure} `directory-stale`: this node's directory is too old to say who is a member.
 */
export function authorisePeer(
  identity: PeerIdentity,
  directory: Pick<Directory, "inForce" | "member">,
  ownId: string,
): AuthorisedPeer {
  const { atMs, state, revocations, authorities } = directory.inForce();
  const refuse = (code: FailureCode, why: string): Failure => refusal(code, why, identity.certificate);
  if (atMs < identity.validFromMs) {
    throw refuse("not-authenticated", `is not valid before ${instant(identity.validFromMs)}`);
  }
  if (atMs >= identity.validToMs) throw refuse("not-authenticated", `expired at ${instant(identity.validToMs)}`);
  if (identity.kind === "caller" && identity.nodeId !== ownId) {
    throw refuse("not-permitted", "is of another node's caller");
  }

  const member = directory.member(identity.nodeId);
  if (member === undefined) throw refuse("not-authenticated", "is not of a member of this network");
  const issuer = judgeIssuer(member, identity.issuingCa, authorities);
  if (issuer === "revoked") throw refuse("not-authenticated", "is of an authority that is revoked");
  if (issuer === "not-listed") {
    throw refuse("not-authenticated", "is not issued by the authority that the directory names for this member");
  }
  const { issuingCa, issuerSerial, certificate } = identity;
  const revoked = revocations?.reasonOf({ issuingCa, issuerSerial, serial: certificate.serial });
  if (revoked === "revoked") throw refuse("not-authenticated", "is revoked");
  if (revoked !== undefined) throw refuse("not-authenticated", "is of an authority that is revoked");
  if (identity.kind === "caller") return identity;

  if (state === "stale") {
    throw new Failure("directory-stale", "This node's directory is over 14 days old: peers are refused.");
  }
  if (member.status !== "live") throw refuse("not-permitted", `is of a member that is ${member.status}, not live`);
  return { kind: "node", member };
}

/** What the directory says of the key that signed a member's certificate (SHA-256, lower-case hex). */
export function judgeIssuer(
  member: Pick<Member, "collaborative" | "issuingCa">,
  key: string,
  authorities: Authorities | undefined,
): IssuerVerdict {
  if (authorities !== undefined) return authorities.judge(member.collaborative, key);
  return member.issuingCa === key ? "accepted" : "not-listed";
}

/** The issuer that the peer sent is only a claim until its key has verified the leaf's signature. */
function signerOf({ leaf, issuer }: PeerCertificateChain): X509Certificate | undefined {
  if (issuer === undefined || !issuer.ca || !leaf.checkIssued(issuer)) return undefined;
  return leaf.verify(issuer.publicKey) ? issuer : undefined;
}

function validity(leaf: X509Certificate, issuer: X509Certificate): Pick<Proven, "validFromMs" | "validToMs"> {
  return {
    validFromMs: Math.max(leaf.validFromDate.getTime(), issuer.validFromDate.getTime()),
    validToMs: Math.min(leaf.validToDate.getTime(), issuer.validToDate.getTime()),
  };
}

function nameOf(certificate: X509Certificate): CertificateName {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase().slice(0, 64),
  };
}

function refusal(code: FailureCode, why: string, { subject, issuer, serial }: CertificateName): Failure {
  return new Failure(code, `The certificate ${why}: subject ${subject}; issuer ${issuer}; serial ${serial}.`);
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
