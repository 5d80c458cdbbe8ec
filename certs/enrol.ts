import { type X509Certificate, createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, rmSync } from "node:fs";

import type { Clock } from "../node/base/clock.ts";
import { Failure } from "../node/base/failure.ts";
import { keepOrMakeAssertionKey } from "./assertion-key.ts";
import { CSR_BYTES_MAX, type CertificateRequest, readRequest, signRequest } from "./csr.ts";
import { assertionPublicKey, keyFingerprint } from "./fingerprint.ts";
import { readIdentity } from "./identity.ts";
import {
  makePrivateDirectory,
  readPrivateKey,
  readPublicPem,
  replacePair,
  writePrivateKey,
  writePublicPem,
} from "./key-file.ts";
import { makeRsaKeyPair, privatePem } from "./key-pair.ts";
import { type NodeFiles, checkId, nodeFilesIn } from "./layout.ts";
import { decodePem, encodePem, readCertificates } from "./pem.ts";
import { faultsOfCertificate } from "./verify.ts";

/**
 * How a node gets its certificate without its key ever leaving it: the node asks, people compare a fingerprint, the
 * authority approves (`approve.ts`), the node installs. Two files travel, neither of them secret.
 */

/** What a node sends: its request, and the public half of its assertion key for the manifest. */
export interface Enrolment {
  readonly request: CertificateRequest;
  /** SHA-256 over both keys, lower-case hex: what the two people compare, on the telephone. */
  readonly fingerprint: string;
  /** For the manifest: raw Ed25519, base64url. */
  readonly assertionKey: string;
  readonly assertionPem: string;
}

/**
 * Makes a new key in a node's own folder and writes the request for its certificate. A key in use stays in use.
 *
 * @returns the request as it was written.
 * @throws {Failure} `invalid-input`: the id is not a node's. `configuration`: the folder cannot be written.
 */
export async function requestCertificate(dir: string, id: string, domain: string): Promise<Enrolment> {
  checkId(id, "node");
  const files = nodeFilesIn(dir);
  makePrivateDirectory(dir);
  const [keys] = await Promise.all([makeRsaKeyPair(), keepOrMakeAssertionKey(files)]);
  const request = encodePem("CERTIFICATE REQUEST", await signRequest(domain, id, keys));
  writePrivateKey(files.nextKey, privatePem(keys), true);
  writePublicPem(files.request, request + readPublicPem(files.assertionPublic), true);
  return readEnrolment(readPublicPem(files.request));
}

/**
 * Reads what a node has sent.
 *
 * @throws {Failure} `invalid-input`: it is not one request and one assertion key, or {@link readRequest} refuses it.
 */
export function readEnrolment(text: string): Enrolment {
  const [, requestPem, assertionPem] = ENROLMENT.exec(text.length > 2 * CSR_BYTES_MAX ? "" : text) ?? [];
  if (requestPem === undefined || assertionPem === undefined) {
    throw new Failure(
      "invalid-input",
      "Not one request and one public key in PEM, as 'corridor certs request' writes them.",
    );
  }
  const request = readRequest(decodePem("CERTIFICATE REQUEST", requestPem));
  const assertionKey = readAssertionKey(assertionPem);
  const fingerprint = keyFingerprint(request.publicKey, createPublicKey(assertionPem));
  return { request, fingerprint, assertionKey, assertionPem: `${assertionPem.trim()}\n` };
}

const ENROLMENT =
  /^\s*(-----BEGIN CERTIFICATE REQUEST-----[^-]+-----END CERTIFICATE REQUEST-----)\s+(-----BEGIN PUBLIC KEY-----[^-]{1,200}-----END PUBLIC KEY-----)\s*$/;

function readAssertionKey(pem: string): string {
  try {
    return assertionPublicKey(pem);
  } catch (cause) {
    throw new Failure("invalid-input", "The assertion key that was sent is not an Ed25519 key.", { cause });
  }
}

export interface Installation {
  readonly approved: string;
  /** {@link networkFingerprint} of the network to believe. Needed where the folder knows none, or another. */
  readonly network: string | undefined;
  /** Roots, PEM, that a running node believes by its directory, whatever its file has. */
  readonly believed?: string;
  readonly clock: Clock;
}

/**
 * Puts an approved certificate in use, with the key that was made for it. A running node takes it up by itself.
 *
 * @throws {Failure} `invalid-input`: it is not for that key or that node, would be refused, or comes from another
 * network than the one named or known; nothing has been changed.
 */
export function installCertificate(dir: string, installation: Installation): X509Certificate {
  const { approved, network, believed, clock } = installation;
  const files = nodeFilesIn(dir);
  const keyPem = readPrivateKey(files.nextKey);
  const { id, domain } = readEnrolment(readPublicPem(files.request)).request;
  const certificates = readCertificates(approved, "The approved certificate");
  const [leaf, issuer, ...trusted] = certificates;
  const manifestPublic = MANIFEST_KEY.exec(approved)?.[0];
  if (leaf === undefined || issuer === undefined || trusted.length === 0 || manifestPublic === undefined) {
    throw refused("is not whole: the certificate, its authority, whom to trust, and the manifest's key");
  }
  if (believed === undefined || !isBelieved(trusted, manifestPublic, believed, files)) {
    checkNetwork(networkFingerprint(trusted, manifestPublic), network, files);
  }
  const faults = faultsOfCertificate({ chain: [leaf, issuer], trusted, domain, nowMs: clock.wallMs() });
  if (faults.length > 0) throw refused(`would be refused: ${faults.join("; ")}`);
  const identity = readIdentity(leaf, domain);
  if (identity.kind !== "node" || identity.nodeId !== id) throw refused(`is not of node ${id}`);
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem))) throw refused(`is not for the key in ${files.nextKey}`);

  const pemOf = (some: readonly X509Certificate[]): string => some.map(String).join("");
  writePublicPem(files.trust, pemOf(trusted), true);
  writePublicPem(files.manifestPublic, `${manifestPublic}\n`, true);
  replacePair(files, keyPem, pemOf([leaf, issuer]));
  for (const path of [files.nextKey, files.request]) rmSync(path, { force: true });
  return leaf;
}

const MANIFEST_KEY = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/;

/**
 * SHA-256 over the keys of a network's roots and of its manifest, lower-case hex: whom a node is to believe, in one number
 * that two people can compare.
 */
export function networkFingerprint(certificates: readonly X509Certificate[], manifestPem: string): string {
  const roots = certificates.filter((certificate) => certificate.checkIssued(certificate));
  return keyFingerprint(...roots.map(({ publicKey }) => publicKey), createPublicKey(manifestPem));
}

/** True where every root that was sent is one that the node believes already, and the manifest's key is the one it has. */
function isBelieved(
  sent: readonly X509Certificate[],
  manifestPem: string,
  believed: string,
  { manifestPublic }: NodeFiles,
): boolean {
  const known = new Set(
    readCertificates(believed, "What the node believes").map(({ fingerprint256 }) => fingerprint256),
  );
  const roots = sent.filter((certificate) => certificate.checkIssued(certificate));
  const keyOf = (pem: string): string => keyFingerprint(createPublicKey(pem));
  const isSameKey = existsSync(manifestPublic) && keyOf(readPublicPem(manifestPublic)) === keyOf(manifestPem);
  return isSameKey && roots.length > 0 && roots.every(({ fingerprint256 }) => known.has(fingerprint256));
}

/** Another network is believed only where people have compared it: whoever carries the file could have changed it. */
function checkNetwork(offered: string, named: string | undefined, { trust, manifestPublic }: NodeFiles): void {
  const isKnown = existsSync(trust) && existsSync(manifestPublic);
  const believed =
    named?.toLowerCase() ??
    (isKnown ? networkFingerprint(readCertificates(readPublicPem(trust), trust), readPublicPem(manifestPublic)) : "");
  if (offered === believed) return;
  throw refused(
    `comes with the network ${offered}, ${named === undefined ? "which is not known here: compare it with the authority's people, then give it with --network" : "not the one that was named"}`,
  );
}

function refused(why: string): Failure {
  return new Failure("invalid-input", `The approved certificate ${why}. Nothing has been changed.`);
}
