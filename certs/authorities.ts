import { X509Certificate } from "node:crypto";

import { Failure } from "../node/base/failure.ts";
import { keyFingerprint } from "./fingerprint.ts";
import { readCertificates } from "./pem.ts";

/**
 * The life of an authority: known to everybody before it issues anything; issuing; still believed, though what it issued
 * is to be replaced now; believed no more.
 */
export const AUTHORITY_STATES = ["prepared", "active", "tainted", "revoked"] as const;
export type AuthorityState = (typeof AUTHORITY_STATES)[number];

/** An authority as the manifest lists it: a root, or the issuing authority of a collaborative. */
export interface ListedAuthority {
  /** DER in base64. */
  readonly certificate: string;
  /** Whose nodes it certifies; absent of a root. */
  readonly collaborative?: string | undefined;
  readonly state: AuthorityState;
}

/** What is said of a key under which a node's certificate was issued. */
export type IssuerVerdict = "accepted" | "tainted" | "revoked" | "not-listed";

interface Known {
  readonly certificate: X509Certificate;
  readonly key: string;
  readonly collaborative: string | undefined;
  readonly state: AuthorityState;
  /** Neither it nor every root above it is revoked. */
  readonly isLive: boolean;
}

/** Which of several certificates of one key is shown, the first before the second. */
const SHOWN_FIRST: readonly AuthorityState[] = ["active", "tainted", "prepared"];

/**
 * Whom a network believes, as its manifest lists them. What counts of an issuing authority is its key: one key may have
 * certificates under two roots, so that a root is exchanged without a single new leaf.
 */
export class Authorities {
  readonly #known: readonly Known[];

  /** @throws {Failure} `not-authenticated`: an entry is no authority, or no listed root has signed it. */
  constructor(entries: readonly ListedAuthority[]) {
    const read = entries.map((entry) => ({ ...entry, certificate: readAuthority(entry) }));
    const roots = read.filter(({ collaborative }) => collaborative === undefined);
    this.#known = read.map(({ certificate, collaborative, state }) => {
      const above = roots.filter((root) => isSignedBy(certificate, root.certificate));
      if (above.length === 0) throw notTaken(certificate, "no root of the list has signed it");
      const isLive = state !== "revoked" && above.some((root) => root.state !== "revoked");
      return { certificate, collaborative, state, isLive, key: keyFingerprint(certificate.publicKey) };
    });
  }

  /** All of them, revoked ones too: their revocation lists are still read. */
  get certificates(): readonly X509Certificate[] {
    return this.#known.map(({ certificate }) => certificate);
  }

  /** Those who are believed: roots first. */
  live(): readonly X509Certificate[] {
    const live = this.#known.filter(({ isLive }) => isLive);
    const isRoot = ({ collaborative }: Known): boolean => collaborative === undefined;
    return [...live.filter(isRoot), ...live.filter((each) => !isRoot(each))].map(({ certificate }) => certificate);
  }

  /** True of a leaf that an authority of that collaborative has signed that is still believed. */
  hasIssued(collaborative: string, leaf: X509Certificate): boolean {
    return this.#known.some(
      (each) => each.isLive && each.collaborative === collaborative && leaf.verify(each.certificate.publicKey),
    );
  }

  /** The keys of those who are believed: of roots, or of issuing authorities. */
  liveKeys(which: "roots" | "issuing"): ReadonlySet<string> {
    const wanted = this.#known.filter(({ collaborative }) => (collaborative === undefined) === (which === "roots"));
    return new Set(wanted.filter(({ isLive }) => isLive).map(({ key }) => key));
  }

  /** Whether a leaf under this key (SHA-256, lower-case hex) is one of that collaborative's. */
  judge(collaborative: string, key: string): IssuerVerdict {
    const ofKey = this.#known.filter((each) => each.collaborative === collaborative && each.key === key);
    if (ofKey.length === 0) return "not-listed";
    const live = ofKey.filter(({ isLive }) => isLive);
    if (live.length === 0) return "revoked";
    return live.some(({ state }) => state !== "tainted") ? "accepted" : "tainted";
  }

  /**
   * Whom to believe in a handshake: everybody here who is, and of a node's own file those who are not in the list, as long as
   * their root is not revoked. The file may be newer than the list, where a node was away for long.
   *
   * @param ownPem the node's own trust file.
   * @returns PEM.
   */
  believe(ownPem: string): string {
    const dead = new Set(
      this.#known.filter(({ isLive }) => !isLive).map(({ certificate }) => certificate.fingerprint256),
    );
    const own = readCertificates(ownPem, "The trust file").filter(({ fingerprint256 }) => !dead.has(fingerprint256));
    const all = [...this.live(), ...own];
    const believed = all.filter((each) => all.some((root) => isSignedBy(root, root) && isSignedBy(each, root)));
    return [...new Set(believed.map(String))].join("");
  }

  /** The authority's certificate to show beside a leaf, PEM; `undefined` where the list has none that signed it. */
  shownWith(leaf: X509Certificate): string | undefined {
    const signers = this.#known.filter(({ isLive, certificate }) => isLive && isSignedBy(leaf, certificate));
    const best = SHOWN_FIRST.map((wanted) => signers.findLast(({ state }) => state === wanted));
    return best.find((each) => each !== undefined)?.certificate.toString();
  }
}

/**
 * What becomes of whom everybody believes, where that is more than one person should decide: another root would let strangers
 * in, and to believe a root or an issuing authority no more keeps members out. In words that follow "it".
 */
export function stepOfBelief(
  before: readonly ListedAuthority[],
  after: readonly ListedAuthority[],
): string | undefined {
  const [was, is] = [new Authorities(before), new Authorities(after)];
  const missing = (which: "roots" | "issuing", from: Authorities, to: Authorities): boolean => {
    const there = to.liveKeys(which);
    return [...from.liveKeys(which)].some((key) => !there.has(key));
  };
  if (missing("roots", is, was)) return "makes everybody believe another root";
  const fewer = missing("roots", was, is) || missing("issuing", was, is);
  return fewer ? "makes everybody believe an authority no more" : undefined;
}

/** What becomes of each authority from one list to another, in words. */
export function differencesOfAuthorities(
  before: readonly ListedAuthority[],
  after: readonly ListedAuthority[],
): string[] {
  const [was, is] = [before, after].map((list) => new Map(list.map((each) => [each.certificate, each]))) as [
    Map<string, ListedAuthority>,
    Map<string, ListedAuthority>,
  ];
  return [...new Map([...was, ...is])].flatMap(([certificate, { collaborative }]) => {
    const [from, to] = [was.get(certificate)?.state ?? "not there", is.get(certificate)?.state ?? "not there"];
    if (from === to) return [];
    const serial = parse(certificate).serialNumber.toLowerCase();
    const what = collaborative === undefined ? "root" : `issuing authority of ${collaborative}`;
    return [`${what} (serial ${serial}): was ${from}, is ${to}`];
  });
}

function readAuthority({ certificate: der, collaborative }: ListedAuthority): X509Certificate {
  const certificate = parse(der);
  if (!certificate.ca) throw notTaken(certificate, "it is none");
  if (collaborative === undefined && !isSignedBy(certificate, certificate)) {
    throw notTaken(certificate, "it is named as a root and has not signed itself");
  }
  return certificate;
}

function parse(der: string): X509Certificate {
  try {
    return new X509Certificate(Buffer.from(der, "base64"));
  } catch (cause) {
    throw new Failure("not-authenticated", "The manifest's list of authorities is not taken: one cannot be read.", {
      cause,
    });
  }
}

function isSignedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function notTaken({ subject }: X509Certificate, why: string): Failure {
  const name = subject.replaceAll(/[^\x20-\x7e]+/g, ", ").slice(0, 200);
  return new Failure("not-authenticated", `The manifest's list of authorities is not taken: of ${name}, ${why}.`);
}
