import { createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Clock, systemClock } from "../../node/base/clock.ts";
import { type IssuingAuthority, type NetworkAuthorities, initNetwork, readIssuingAuthority } from "../authority.ts";
import { type CertificateOrder, type Extension, type Signer, signCertificate } from "../certificate.ts";
import { type AlternativeNames, alternativeNames, leafConstraints } from "../extensions.ts";
import { trustOf } from "../issue.ts";
import { type KeyPair, makeRsaKeyPair, privatePem } from "../key-pair.ts";
import { rootFiles } from "../layout.ts";
import { CLIENT_AUTH_OID, SERVER_AUTH_OID } from "../profile.ts";

/** A throw-away network in a temporary folder, and certificates that no honest authority would issue. */

export const DOMAIN = "west-midlands.corridor.example";

export interface TestNetwork {
  readonly dir: string;
  readonly authorities: NetworkAuthorities;
  readonly care: IssuingAuthority;
  readonly health: IssuingAuthority;
  readonly root: Signer;
  /** What a node's server trusts. */
  readonly trustPem: string;
  remove(): void;
}

/** A network of two collaboratives, `care` and `health`. */
export async function makeTestNetwork(clock: Clock = systemClock): Promise<TestNetwork> {
  const dir = mkdtempSync(join(tmpdir(), "corridor-certs-"));
  const authorities = await initNetwork(dir, { domain: DOMAIN, collaboratives: ["care", "health"], clock });
  const rootKey = createPrivateKey(readFileSync(rootFiles(dir).key));
  return {
    dir,
    authorities,
    care: readIssuingAuthority(dir, "care"),
    health: readIssuingAuthority(dir, "health"),
    trustPem: trustOf(dir),
    root: { certificatePem: authorities.rootPem, privateKey: rootKey },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** A key and the certificates sent with it: what one end of a handshake shows. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
}

export interface LeafShape {
  readonly names?: AlternativeNames;
  readonly usages?: readonly string[];
  readonly commonName?: string;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** Beside what a leaf has. */
  readonly extra?: readonly Extension[];
  /** Instead of what a leaf has. */
  readonly instead?: readonly Extension[];
  readonly keys?: KeyPair;
}

/** One key for all: the tests are about certificates. */
const sharedKeys = makeRsaKeyPair();

/** Signs whatever is asked for; where nothing is said, as an honest node's. */
export async function forgeLeaf(shape: LeafShape, signer: Signer | "itself"): Promise<Credentials> {
  const keys = shape.keys ?? (await sharedKeys);
  const nowMs = systemClock.wallMs();
  const { names, extra = [], usages = [SERVER_AUTH_OID, CLIENT_AUTH_OID] } = shape;
  const order: CertificateOrder = {
    subject: { commonName: shape.commonName ?? "forged", organization: DOMAIN },
    publicKey: keys.publicKey,
    notBeforeMs: shape.notBeforeMs ?? nowMs - 60_000,
    notAfterMs: shape.notAfterMs ?? nowMs + 3_600_000,
    extensions: shape.instead ?? [
      ...leafConstraints(usages),
      ...(names === undefined ? [] : [alternativeNames(names)]),
      ...extra,
    ],
  };
  if (signer === "itself") {
    return { cert: await signCertificate(order, { self: keys.privateKey }), key: privatePem(keys) };
  }
  return { cert: (await signCertificate(order, signer)) + signer.certificatePem, key: privatePem(keys) };
}
