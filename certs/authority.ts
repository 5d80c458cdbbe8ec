import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Clock } from "../node/base/clock.ts";
import { Failure } from "../node/base/failure.ts";
import { parseCollaborativeId } from "../node/base/words.ts";
import { signCertificate, type Signer } from "./certificate.ts";
import { authorityConstraints, nameConstraints, readPermittedNames } from "./extensions.ts";
import { caFingerprint } from "./fingerprint.ts";
import { readPrivateKey, readPublicPem, writePrivateKey, writePublicPem } from "./key-file.ts";
import { type KeyPair, makeEd25519KeyPair, makeRsaKeyPair, privatePem, publicPem } from "./key-pair.ts";
import { authorityFiles, collaborativeFiles, rootFiles } from "./layout.ts";
import { BACKDATED_MS, INTERMEDIATE_LIFETIME_MS, ROOT_LIFETIME_MS } from "./profile.ts";

export interface NetworkOrder {
  /** SPIFFE trust domain and DNS suffix of every node. */
  readonly domain: string;
  readonly collaboratives: readonly string[];
  readonly clock: Clock;
}

/** What a manifest needs to know of a new network's authorities. */
export interface NetworkAuthorities {
  readonly rootPem: string;
  /** By collaborative: SHA-256 of the issuing CA's public key, lower-case hex. */
  readonly issuingCas: ReadonlyMap<string, string>;
  /** PEM, private: signs the manifest. */
  readonly manifestKeyPem: string;
  readonly manifestPublicPem: string;
}

/**
 * Makes a network's authorities in a folder: the root, an intermediate for each collaborative, and the key that signs
 * the manifest. A second's work: keys are made in parallel.
 *
 * @throws {Failure} `invalid-input`: domain or collaboratives are not names; nothing has been written.
 * @throws {Failure} `configuration`: the folder holds a network already, which has been left alone.
 */
export async function initNetwork(dir: string, order: NetworkOrder): Promise<NetworkAuthorities> {
  checkNames(order);
  checkUnused(dir);
  const [rootKeys, manifestKeys, ...intermediateKeys] = await Promise.all([
    makeRsaKeyPair(),
    makeEd25519KeyPair(),
    ...order.collaboratives.map(makeRsaKeyPair),
  ]);
  const rootPem = await signRoot(order, rootKeys);
  const root: Signer = { certificatePem: rootPem, privateKey: rootKeys.privateKey };
  writeAuthority(rootFiles(dir), rootPem, rootKeys);
  const issuingCas = new Map<string, string>();
  for (const [index, collaborative] of order.collaboratives.entries()) {
    const keys = intermediateKeys[index]!;
    const pem = await signIntermediate(order, collaborative, keys.publicKey, root);
    writeAuthority(collaborativeFiles(dir, collaborative), pem, keys);
    issuingCas.set(collaborative, caFingerprint(pem));
  }
  const files = authorityFiles(dir);
  const manifestKeyPem = privatePem(manifestKeys);
  const manifestPublicPem = publicPem(manifestKeys);
  writePrivateKey(files.manifestKey, manifestKeyPem, false);
  writePublicPem(files.manifestPublic, manifestPublicPem, false);
  return { rootPem, issuingCas, manifestKeyPem, manifestPublicPem };
}

/** A collaborative's issuing authority, and the domain in which it may name nodes. */
export interface IssuingAuthority extends Signer {
  readonly collaborative: string;
  readonly domain: string;
  /** Milliseconds since the epoch; nothing that it issues lasts longer. */
  readonly notAfterMs: number;
}

/**
 * Reads a collaborative's issuing authority.
 *
 * @throws {Failure} `configuration`: it is not there, its key is open to others, or key and certificate do not match.
 */
export function readIssuingAuthority(dir: string, collaborative: string): IssuingAuthority {
  const files = collaborativeFiles(dir, collaborative);
  const certificatePem = readPublicPem(files.certificate);
  const privateKey = createPrivateKey(readPrivateKey(files.key));
  const certificate = new X509Certificate(certificatePem);
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Failure("configuration", `${files.key} is not the key of ${files.certificate}.`, { where: files.key });
  }
  const domain = readPermittedNames(certificate.raw)?.uriHosts[0];
  if (!certificate.ca || domain === undefined) {
    throw new Failure("configuration", `${files.certificate} is not an issuing authority of a network.`);
  }
  return { collaborative, certificatePem, privateKey, domain, notAfterMs: certificate.validToDate.getTime() };
}

/** The collaboratives whose issuing authorities lie in a folder. */
export function listCollaboratives(dir: string): string[] {
  const folder = join(dir, "collaboratives");
  return existsSync(folder) ? readdirSync(folder).toSorted() : [];
}

type Issue = Pick<NetworkOrder, "domain" | "clock">;

/** @returns PEM. */
export function signRoot({ domain, clock }: Issue, keys: KeyPair, name = "Root authority"): Promise<string> {
  const nowMs = clock.wallMs();
  return signCertificate(
    {
      subject: { commonName: name, organization: domain },
      publicKey: keys.publicKey,
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + ROOT_LIFETIME_MS,
      extensions: authorityConstraints(1),
    },
    { self: keys.privateKey },
  );
}

/**
 * @param name of the issuing authority: its collaborative's id, with a number where it is not the first.
 * @returns PEM.
 */
export function signIntermediate(
  { domain, clock }: Issue,
  name: string,
  publicKey: KeyObject,
  root: Signer,
): Promise<string> {
  const nowMs = clock.wallMs();
  return signCertificate(
    {
      subject: { commonName: `Issuing authority ${name}`, organization: domain },
      publicKey,
      notBeforeMs: nowMs - BACKDATED_MS,
      notAfterMs: nowMs + INTERMEDIATE_LIFETIME_MS,
      extensions: [...authorityConstraints(0), nameConstraints(domain)],
    },
    root,
  );
}

function writeAuthority(files: { certificate: string; key: string }, pem: string, keys: KeyPair): void {
  writePrivateKey(files.key, privatePem(keys), false);
  writePublicPem(files.certificate, pem, false);
}

function checkNames({ domain, collaboratives }: NetworkOrder): void {
  const labels = domain.split(".");
  if (
    labels.length < 2 ||
    domain.length > 200 ||
    !labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label))
  ) {
    throw new Failure("invalid-input", "The domain must be a lower-case DNS name of two labels or more.", {
      where: "domain",
    });
  }
  if (collaboratives.length === 0 || new Set(collaboratives).size !== collaboratives.length) {
    throw new Failure("invalid-input", "Name at least one collaborative, each once.", { where: "collaborative" });
  }
  for (const id of collaboratives) {
    if (parseCollaborativeId(id) !== undefined) continue;
    throw new Failure("invalid-input", `'${id}' is not an id: 2 to 40 lower-case letters, digits, inner hyphens.`, {
      where: "collaborative",
    });
  }
}

function checkUnused(dir: string): void {
  const taken = [rootFiles(dir).key, authorityFiles(dir).manifestKey].find((path) => existsSync(path));
  if (taken === undefined) return;
  throw new Failure("configuration", `${dirname(dirname(taken))} holds a network already; it has been left alone.`, {
    where: taken,
  });
}
