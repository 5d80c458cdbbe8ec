import type { X509Certificate } from "node:crypto";

import { keyFingerprint } from "../../certs/fingerprint.ts";
import { type Crl, readCrl, verifyCrl } from "../../certs/crl.ts";
import { Failure } from "../base/failure.ts";

/** What is to be known of a certificate to say whether it is revoked. */
export interface Revocable {
  /** SHA-256 of the public key that signed it, lower-case hex. */
  readonly issuingCa: string;
  /** Lower-case hex. */
  readonly serial: string;
  /** Of the authority's own certificate, which another authority may have revoked. */
  readonly issuerSerial: string;
}

/** The revocation lists in force: one of each authority that has one. */
export interface Revocations {
  /** Why a certificate counts no more; `undefined` where it does. */
  reasonOf(certificate: Revocable): "revoked" | "its authority is revoked" | undefined;
  /** When the first of them should be followed by another, milliseconds since the epoch; `undefined` where there is none. */
  readonly nextUpdateMs: number | undefined;
  /** The numbers of the lists, by their authority's key. */
  readonly numbers: ReadonlyMap<string, bigint>;
}

/** Whoever has no list has revoked nobody. */
export const NOBODY_REVOKED: Revocations = {
  reasonOf: () => undefined,
  nextUpdateMs: undefined,
  numbers: new Map(),
};

/**
 * Reads the lists that came with a manifest. Each must be signed by an authority that this node trusts, besides the
 * manifest's own signature.
 *
 * @param lists DER in base64.
 * @param authorities the root and the issuing authorities.
 * @throws {Failure} `not-authenticated`: a list is broken, is nobody's, or there are two of one authority.
 */
export function readRevocations(lists: readonly string[], authorities: readonly X509Certificate[]): Revocations {
  if (lists.length === 0) return NOBODY_REVOKED;
  const byAuthority = new Map<string, Crl>();
  const rootKeys = new Set(authorities.filter((each) => each.checkIssued(each)).map(fingerprintOf));
  for (const list of lists) {
    const crl = read(list);
    const signer = authorities.find(({ publicKey }) => verifyCrl(crl, publicKey));
    if (signer === undefined) throw untrusted(`${crl.issuerName} is no authority of this network, or did not sign it`);
    if (byAuthority.has(fingerprintOf(signer))) throw untrusted(`there are two of ${crl.issuerName}`);
    byAuthority.set(fingerprintOf(signer), crl);
  }
  const crls = [...byAuthority.values()];
  const roots = [...byAuthority].filter(([key]) => rootKeys.has(key)).map(([, crl]) => crl);
  return {
    reasonOf({ issuingCa, serial, issuerSerial }) {
      if (byAuthority.get(issuingCa)?.revoked.has(serial) === true) return "revoked";
      return roots.some(({ revoked }) => revoked.has(issuerSerial)) ? "its authority is revoked" : undefined;
    },
    nextUpdateMs: Math.min(...crls.map(({ nextUpdateMs }) => nextUpdateMs)),
    numbers: new Map([...byAuthority].map(([key, { number }]) => [key, number])),
  };
}

/**
 * Refuses lists that would bring back what was revoked.
 *
 * @param believed the keys of the authorities that still are, where they are known: the list of another may go with it.
 * @throws {Failure} `not-authenticated`: a list is missing that was there, or has a lower number.
 */
export function checkRevocationsSucceed(before: Revocations, next: Revocations, believed?: readonly string[]): void {
  for (const [authority, number] of before.numbers) {
    const now = next.numbers.get(authority);
    if (now === undefined && believed?.includes(authority) === false) continue;
    if (now === undefined) throw untrusted("one that was in force is missing");
    if (now < number) throw untrusted(`one has number ${now}, and ${number} was in force`);
  }
}

function read(list: string): Crl {
  try {
    return readCrl(Buffer.from(list, "base64"));
  } catch (thrown) {
    if (thrown instanceof Failure) throw untrusted(thrown.message, thrown);
    throw thrown;
  }
}

function fingerprintOf({ publicKey }: X509Certificate): string {
  return keyFingerprint(publicKey);
}

function untrusted(why: string, cause?: Failure): Failure {
  return new Failure("not-authenticated", `The manifest's revocation lists are not taken: ${why}.`, { cause });
}
