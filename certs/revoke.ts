import { X509Certificate, createPrivateKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Clock } from "../node/base/clock.ts";
import { Failure } from "../node/base/failure.ts";
import { readIssuingAuthority } from "./authority.ts";
import type { Signer } from "./certificate.ts";
import { type Crl, type Revocation, type RevocationReason, crlPem, readCrl, signCrl, verifyCrl } from "./crl.ts";
import { readPrivateKey, readPublicPem, writePublicPem } from "./key-file.ts";
import { collaborativeFiles, rootFiles } from "./layout.ts";
import { BACKDATED_MS, LEAF_LIFETIME_MS } from "./profile.ts";

/** How long a list may be relied on: the authority signs the next one before, also where nothing was revoked. */
const CRL_LIFETIME_MS = 7 * 86_400_000;

export interface RevocationOrder {
  /** A collaborative's id, or `root` to revoke an issuing authority. */
  readonly authority: string;
  /** Lower-case hex; absent: the next list revokes nobody more. */
  readonly serial?: string;
  readonly reason?: RevocationReason;
  readonly clock: Clock;
}

/** An authority's newest list, and where it lies. */
export interface WrittenCrl {
  readonly crl: Crl;
  readonly path: string;
}

/**
 * Writes an authority's next revocation list: what the one before held, and one certificate more. Leaves that would have
 * expired since are left out. Whoever publishes the manifest sends it along; until then nothing changes at any node.
 *
 * @throws {Failure} `configuration`: no such authority here, or the list in its folder is not its own.
 */
export async function writeNextCrl(dir: string, order: RevocationOrder): Promise<WrittenCrl> {
  const { authority, serial, reason = "unspecified", clock } = order;
  const signer = authority === "root" ? readRoot(dir) : readIssuingAuthority(dir, authority);
  const path = crlPath(dir, authority);
  const nowMs = clock.wallMs();
  const before = existsSync(path) ? readOwn(path, signer) : undefined;
  const kept = (before?.entries ?? []).filter(
    (entry) => entry.serial !== serial && (authority === "root" || entry.atMs > nowMs - FORGOTTEN_AFTER_MS),
  );
  const already = before?.entries.find((entry) => entry.serial === serial);
  const added: Revocation[] = serial === undefined ? [] : [already ?? { serial, atMs: nowMs, reason }];
  const der = await signCrl({
    issuer: signer,
    number: (before?.number ?? 0n) + 1n,
    thisUpdateMs: nowMs - BACKDATED_MS,
    nextUpdateMs: nowMs + CRL_LIFETIME_MS,
    revoked: [...kept, ...added],
  });
  writePublicPem(path, crlPem(der), true);
  return { crl: readCrl(der), path };
}

/** No leaf lives longer; one list more, as RFC 5280 asks. */
const FORGOTTEN_AFTER_MS = LEAF_LIFETIME_MS + CRL_LIFETIME_MS;

/**
 * Whether an authority's newest list has this serial.
 *
 * @throws {Failure} `configuration`: the list in its folder is not its own.
 */
export function isRevoked(dir: string, collaborative: string, serial: string): boolean {
  const path = crlPath(dir, collaborative);
  return existsSync(path) && readOwn(path, readIssuingAuthority(dir, collaborative)).revoked.has(serial);
}

/** Where an authority's newest list lies. */
function crlPath(dir: string, authority: string): string {
  const { certificate } = authority === "root" ? rootFiles(dir) : collaborativeFiles(dir, authority);
  return join(dirname(certificate), "crl.pem");
}

/**
 * The serial that is meant by a certificate's file, or by the serial itself as tools print it.
 *
 * @throws {Failure} `invalid-input`: it is neither.
 */
export function serialOf(text: string): string {
  if (existsSync(text)) return new X509Certificate(readPublicPem(text)).serialNumber.toLowerCase();
  const hex = text.replaceAll(":", "").toLowerCase();
  if (/^[0-9a-f]{2,40}$/.test(hex) && hex.length % 2 === 0) return hex;
  throw new Failure("invalid-input", `'${text}' is neither a certificate's file nor a serial in hex.`, {
    where: "serial",
  });
}

function readRoot(dir: string): Signer {
  const { certificate, key } = rootFiles(dir);
  return { certificatePem: readPublicPem(certificate), privateKey: createPrivateKey(readPrivateKey(key)) };
}

function readOwn(path: string, { certificatePem }: Signer): Crl {
  const crl = readCrl(readFileSync(path));
  if (verifyCrl(crl, new X509Certificate(certificatePem).publicKey)) return crl;
  throw new Failure("configuration", `${path} is not a list that this authority has signed: put back its own.`, {
    where: path,
  });
}
