import { type X509Certificate, createPublicKey } from "node:crypto";
import { existsSync } from "node:fs";

import type { Clock } from "../node/base/clock.ts";
import { Failure } from "../node/base/failure.ts";
import { Authorities } from "./authorities.ts";
import { readRegister } from "./authority-register.ts";
import { type IssuingAuthority, readIssuingAuthority } from "./authority.ts";
import type { Enrolment } from "./enrol.ts";
import { keyFingerprint } from "./fingerprint.ts";
import { readIdentity } from "./identity.ts";
import { signNode, trustOf } from "./issue.ts";
import { readPublicPem, writePublicPem } from "./key-file.ts";
import { authorityFiles, checkId, nodeFiles } from "./layout.ts";
import { RENEWED_LATE_MS_MAX } from "./profile.ts";
import { isRevoked } from "./revoke.ts";

export interface Approval {
  /** Whom the authority means to certify: the request must say the same. */
  readonly id: string;
  readonly collaborative: string;
  readonly enrolment: Enrolment;
  readonly clock: Clock;
}

/**
 * Certifies the key of a node, in the authority's folder, and keeps there what the manifest needs to know of it.
 *
 * @returns what goes back to the node: its certificate, whom it is to trust, and the manifest's key, as PEM.
 * @throws {Failure} `invalid-input`: the request is of another node or another network, or for the authority's own key.
 * @throws {Failure} `configuration`: there is no such authority here.
 */
export async function approveRequest(dir: string, { id, collaborative, enrolment, clock }: Approval): Promise<string> {
  checkId(id, "node");
  const authority = readIssuingAuthority(dir, collaborative);
  const { request, assertionPem } = enrolment;
  if (request.id !== id || request.domain !== authority.domain) {
    throw new Failure("invalid-input", `The request is not of ${id} in ${authority.domain}.`, { where: "request" });
  }
  if (keyFingerprint(request.publicKey) === keyFingerprint(createPublicKey(authority.certificatePem))) {
    throw new Failure("invalid-input", "The request is for the authority's own key.", { where: "request" });
  }
  const leaf = await signNode(authority, clock, id, request.publicKey);
  const files = nodeFiles(dir, id);
  const manifestPublic = readPublicPem(authorityFiles(dir).manifestPublic);
  // Where the node's own key lies here too (a network on one machine), its certificate is put in place by the node.
  if (!existsSync(files.key)) writePublicPem(files.certificate, leaf + authority.certificatePem, true);
  writePublicPem(files.assertionPublic, assertionPem, true);
  return leaf + authority.certificatePem + trustOf(dir) + manifestPublic;
}

/** What the directory says of a node that wants its certificate renewed. */
export interface KnownNode {
  readonly collaborative: string;
  /** Raw Ed25519, base64url. */
  readonly assertionKey: string;
  readonly mayRenew: boolean;
}

export interface Renewal {
  readonly collaborative: string;
  /** What was shown in the handshake, which proved that its key is there. Nothing else about it has been verified. */
  readonly shown: X509Certificate | undefined;
  readonly enrolment: Enrolment;
  /** As the manifest in force has it; `undefined` for nobody. */
  readonly known: (id: string) => KnownNode | undefined;
  readonly clock: Clock;
}

/**
 * Certifies a new key for a node that shows its certificate: the same id, and nothing else new. No person looks at it, so
 * whatever is not as it was is refused.
 *
 * @throws {Failure} `not-authenticated`: the certificate is not of this authority, revoked, or expired for over a week.
 * @throws {Failure} `not-permitted`: of another node, not of a member, or with another assertion key.
 * @throws {Failure} `invalid-input`: the key is not new.
 */
export async function approveRenewal(dir: string, renewal: Renewal): Promise<{ approved: string; id: string }> {
  const { collaborative, shown, enrolment, known, clock } = renewal;
  const authority = readIssuingAuthority(dir, collaborative);
  const id = whoShows(shown, new Authorities(readRegister(dir)), authority, clock.wallMs());
  if (shown === undefined || isRevoked(dir, collaborative, shown.serialNumber.toLowerCase())) {
    throw new Failure("not-authenticated", "The certificate is revoked.");
  }
  const node = known(id);
  if (enrolment.request.id !== id) throw new Failure("not-permitted", "A node renews its own certificate only.");
  if (node?.mayRenew !== true || node.collaborative !== collaborative) {
    throw new Failure("not-permitted", "The manifest does not list it as a member of this collaborative.");
  }
  if (node.assertionKey !== enrolment.assertionKey) {
    throw new Failure("not-permitted", "Its assertion key is not the one in the manifest.");
  }
  if (keyFingerprint(enrolment.request.publicKey) === keyFingerprint(shown.publicKey)) {
    throw new Failure("invalid-input", "The key is not a new one.");
  }
  return { id, approved: await approveRequest(dir, { id, collaborative, enrolment, clock }) };
}

function whoShows(
  shown: X509Certificate | undefined,
  authorities: Authorities,
  { collaborative, domain }: IssuingAuthority,
  nowMs: number,
): string {
  const refuse = (why: string): Failure => new Failure("not-authenticated", `The certificate ${why}.`);
  if (shown === undefined) throw refuse("was not shown");
  if (!authorities.hasIssued(collaborative, shown)) throw refuse("is not of this authority");
  if (nowMs < shown.validFromDate.getTime()) throw refuse("is not valid yet");
  if (nowMs >= shown.validToDate.getTime() + RENEWED_LATE_MS_MAX) throw refuse("expired over a week ago: enrol anew");
  const identity = readIdentity(shown, domain);
  if (identity.kind !== "node") throw refuse(identity.kind === "caller" ? "is an application's" : identity.reason);
  return identity.nodeId;
}
