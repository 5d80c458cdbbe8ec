import { existsSync } from "node:fs";

import { type KeyObject, X509Certificate } from "node:crypto";

import type { Clock } from "../node/base/clock.ts";
import { Failure } from "../node/base/failure.ts";
import { Authorities } from "./authorities.ts";
import { readRegister } from "./authority-register.ts";
import { type IssuingAuthority, listCollaboratives, readIssuingAuthority } from "./authority.ts";
import { type CallerRights, callerRightsSchema } from "./caller-rights.ts";
import { type Extension, type Subject, signCertificate } from "./certificate.ts";
import { alternativeNames, callerRightsExtension, leafConstraints } from "./extensions.ts";
import { keepOrMakeAssertionKey } from "./assertion-key.ts";
import { caFingerprint } from "./fingerprint.ts";
import { readPublicPem, replacePair, writePublicPem } from "./key-file.ts";
import { makeRsaKeyPair, privatePem } from "./key-pair.ts";
import { type CallerFiles, type NodeFiles, authorityFiles, callerFiles, checkId, nodeFiles } from "./layout.ts";
import {
  BACKDATED_MS,
  CLIENT_AUTH_OID,
  LEAF_DER_BYTES_MAX,
  LEAF_LIFETIME_MS,
  SERVER_AUTH_OID,
  callerUri,
  issuingServiceDns,
  nodeDns,
  nodeUri,
} from "./profile.ts";

export interface NodeOrder {
  readonly id: string;
  readonly collaborative: string;
  readonly clock: Clock;
  /** True: a new key and certificate take the place of those that are there. The assertion key stays. */
  readonly replace?: boolean;
}

export interface IssuedNode {
  readonly files: NodeFiles;
  /** For the manifest: SHA-256 of the issuing CA's public key, lower-case hex. */
  readonly issuingCa: string;
  /** For the manifest: the raw Ed25519 key, base64url. */
  readonly assertionKey: string;
}

/**
 * Issues a node's certificate, and makes its assertion key where it has none.
 *
 * @throws {Failure} `invalid-input`: the id is not a node's.
 * @throws {Failure} `configuration`: no such issuing authority, or the node has a key already and `replace` is not set.
 */
export async function issueNode(dir: string, order: NodeOrder): Promise<IssuedNode> {
  checkId(order.id, "node");
  const authority = readIssuingAuthority(dir, order.collaborative);
  const replace = order.replace ?? false;
  const files = nodeFiles(dir, order.id);
  checkFree(files.key, replace);
  const [keys, assertionKey] = await Promise.all([makeRsaKeyPair(), keepOrMakeAssertionKey(files)]);
  const leaf = await signNode(authority, order.clock, order.id, keys.publicKey);
  replacePair(files, privatePem(keys), leaf + authority.certificatePem);
  writePublicPem(files.trust, trustOf(dir), true);
  writePublicPem(files.manifestPublic, readPublicPem(authorityFiles(dir).manifestPublic), true);
  return { files, issuingCa: caFingerprint(authority.certificatePem), assertionKey };
}

/**
 * Signs the certificate of a node for a key that may lie elsewhere.
 *
 * @returns the leaf, as PEM.
 * @throws {Failure} `configuration`: the authority has expired.
 */
export function signNode(authority: IssuingAuthority, clock: Clock, id: string, publicKey: KeyObject): Promise<string> {
  const { domain } = authority;
  return signLeaf(authority, clock, publicKey, {
    subject: { commonName: id, organization: domain },
    extensions: [
      ...leafConstraints([SERVER_AUTH_OID, CLIENT_AUTH_OID]),
      alternativeNames({ uris: [nodeUri(domain, id)], dns: [nodeDns(domain, id)] }),
    ],
  });
}

/**
 * Signs the certificate that an issuing service shows to the nodes that renew theirs: a server's, and nobody's identity.
 *
 * @returns the leaf, as PEM.
 */
export function signIssuingService(authority: IssuingAuthority, clock: Clock, publicKey: KeyObject): Promise<string> {
  const { collaborative, domain } = authority;
  return signLeaf(authority, clock, publicKey, {
    subject: { commonName: `Issuing service ${collaborative}`, organization: domain },
    extensions: [
      ...leafConstraints([SERVER_AUTH_OID]),
      alternativeNames({ dns: [issuingServiceDns(domain, collaborative)] }),
    ],
  });
}

export interface CallerOrder {
  /** The node that this caller may ask. */
  readonly node: string;
  /** A system, not a person, for example `ed-tracking-board`: form as of a node id. */
  readonly name: string;
  readonly rights: CallerRights;
  readonly clock: Clock;
  /** True: a new key and certificate take the place of those that are there. */
  readonly replace?: boolean;
}

/**
 * Issues a caller's certificate, by the issuing authority of its node.
 *
 * @throws {Failure} `invalid-input`: the name or the rights are not well formed, or the rights are too many to carry.
 * @throws {Failure} `configuration`: the node has no certificate here, or the caller has a key already.
 */
export async function issueCaller(dir: string, order: CallerOrder): Promise<{ readonly files: CallerFiles }> {
  checkId(order.node, "node");
  checkId(order.name, "caller");
  checkRights(order.rights);
  const authority = issuingAuthorityOf(dir, order.node);
  const replace = order.replace ?? false;
  const files = callerFiles(dir, order.node, order.name);
  checkFree(files.key, replace);
  const keys = await makeRsaKeyPair();
  const leaf = await signLeaf(authority, order.clock, keys.publicKey, {
    subject: { commonName: `${order.name} at ${order.node}`, organization: authority.domain },
    extensions: [
      ...leafConstraints([CLIENT_AUTH_OID]),
      alternativeNames({ uris: [callerUri(authority.domain, order.node, order.name)] }),
      callerRightsExtension(order.rights),
    ],
  });
  replacePair(files, privatePem(keys), leaf + authority.certificatePem);
  writePublicPem(files.trust, trustOf(dir), true);
  return { files };
}

/**
 * Whom a node or an application trusts: the root, or two while one is exchanged. The issuing authorities follow it, as helpers
 * and not as anchors: some releases of Node.js (24.21 is one) forget the chain that a client sent and find a leaf's issuer only
 * among these certificates. And whoever has them goes on believing a node that shows its authority under the next root.
 */
export function trustOf(dir: string): string {
  return new Authorities(readRegister(dir)).live().map(String).join("");
}

interface LeafOrder {
  readonly subject: Subject;
  readonly extensions: readonly Extension[];
}

async function signLeaf(
  authority: IssuingAuthority,
  clock: Clock,
  publicKey: KeyObject,
  order: LeafOrder,
): Promise<string> {
  const nowMs = clock.wallMs();
  if (authority.notAfterMs <= nowMs) {
    throw new Failure("configuration", `The issuing authority ${authority.collaborative} has expired: renew it first.`);
  }
  const pem = await signCertificate(
    {
      ...order,
      publicKey,
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: Math.min(nowMs + LEAF_LIFETIME_MS, authority.notAfterMs),
    },
    authority,
  );
  if (new X509Certificate(pem).raw.length > LEAF_DER_BYTES_MAX) {
    throw new Failure("invalid-input", "The rights do not fit in a certificate: list fewer organisations or roles.");
  }
  return pem;
}

/** The authority that signed the node's certificate: the second of its file. */
function issuingAuthorityOf(dir: string, node: string): IssuingAuthority {
  const files = nodeFiles(dir, node);
  const leaf = new X509Certificate(readPublicPem(files.certificate));
  const authorities = new Authorities(readRegister(dir));
  const collaborative = listCollaboratives(dir).find((id) => authorities.hasIssued(id, leaf));
  if (collaborative === undefined) {
    throw new Failure("configuration", `No issuing authority here has signed ${files.certificate}.`, {
      where: files.certificate,
    });
  }
  return readIssuingAuthority(dir, collaborative);
}

function checkRights(rights: CallerRights): void {
  const { error } = callerRightsSchema.safeParse(rights);
  if (error === undefined) return;
  const faults = error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Failure("invalid-input", `The caller's rights are not well formed. ${faults.join("; ")}`, {
    where: "rights",
  });
}

function checkFree(key: string, replace: boolean): void {
  if (replace || !existsSync(key)) return;
  throw new Failure("configuration", `${key} exists already and has been left alone; ask for a replacement to renew.`, {
    where: key,
  });
}
