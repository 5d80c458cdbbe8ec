import { statSync } from "node:fs";

import type { Authorities } from "../../certs/authorities.ts";
import { readIdentity } from "../../certs/identity.ts";
import { nodeFilesIn } from "../../certs/layout.ts";
import { readCertificates } from "../../certs/pem.ts";
import { faultsOfCertificate } from "../../certs/verify.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { type TlsFiles, clientContext, readNodeTls } from "./tls-files.ts";

/** How often the files are looked at. */
const POLL_MS = 1_000;
const DAY_MS = 86_400_000;
/** Renewal is due at half life: with less than this share left it has failed for days. */
const WARN_AT_SHARE = 1 / 3;
const WARN_AT_MS = 7 * DAY_MS;
const URGENT_AT_MS = 2 * DAY_MS;

/** What this node shows and whom it believes, as its files say now. */
export interface OwnCertificate {
  /** The newest whole pair: key and certificate belong together, and would be accepted. */
  current(): TlsFiles;
  /** When the certificate begins and ends, milliseconds since the epoch. */
  validity(): Validity;
  /** Calls back after each change; at once where there has been one since the watch began. */
  onChange(tell: (files: TlsFiles) => void): void;
  /** Looks at the files at once, as it otherwise does each second. */
  look(): void;
  close(): void;
}

export interface Validity {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface OwnCertificateOrder {
  /** The node's folder of certificates. */
  readonly dir: string;
  readonly ownId: string;
  /** The network's. */
  readonly domain: string;
  readonly clock: Clock;
  /** Whom the directory in force lists: believed beside the trust file, and shown in place of the file's. */
  readonly authorities?: () => Authorities | undefined;
  /** Told the days that are left, each day and at each change, and when too few are. */
  readonly log: Log;
}

/**
 * Watches the node's key, certificate and trust files, and takes up what is put in their place: only as a whole pair that the
 * network would accept. Anything else (half written, of another key, of another node, expired) is left alone with an alarm,
 * and the last good pair stays.
 *
 * @throws {Failure} `configuration`: the files are not a pair, cannot be read, or others may read the key.
 */
export function watchOwnCertificate(order: OwnCertificateOrder): OwnCertificate {
  const listeners: ((files: TlsFiles) => void)[] = [];
  let stamp = stampOf(order.dir);
  let listed = order.authorities?.();
  const first = readFirst(order);
  let current = first;
  let fault = { text: "", seen: 0 };
  const expiry = makeExpiryAlarm(order, () => current);

  function look(): void {
    const [seen, seenListed] = [stampOf(order.dir), order.authorities?.()];
    if (seen === stamp && seenListed === listed) return;
    try {
      const next = readGood(order);
      [stamp, listed] = [seen, seenListed];
      fault = { text: "", seen: 0 };
      if (isSame(next.files, current.files)) return;
      current = next;
      for (const tell of listeners) tell(next.files);
      expiry.changed();
    } catch (thrown) {
      alarm(asFailure(thrown));
    }
  }

  /** At the second look: whoever writes file after file may be in the midst of it at the first. */
  function alarm(failure: Failure): void {
    fault = { text: failure.message, seen: fault.text === failure.message ? fault.seen + 1 : 1 };
    if (fault.seen === 2) order.log.error("certificate-not-taken", failure);
  }

  const poll = order.clock.every(POLL_MS, () => {
    look();
    if (listeners.length > 0) expiry.check();
  });
  return {
    current: () => current.files,
    validity: () => current,
    onChange(tell) {
      listeners.push(tell);
      expiry.check(); // from now on the node runs: one that does not start has other things to say
      if (current !== first) tell(current.files);
    },
    look,
    close: () => poll.cancel(),
  };
}

interface Read extends Validity {
  readonly files: TlsFiles;
  readonly serial: string;
}

/** A node whose certificate has faults starts all the same: its own people can still be told, and may mend it. */
function readFirst(order: OwnCertificateOrder): Read {
  const { read, faults } = readAndJudge(order);
  for (const fault of faults) order.log.warn("certificate-fault", { text: fault });
  return read;
}

function readGood(order: OwnCertificateOrder): Read {
  const { read, faults } = readAndJudge(order);
  if (faults.length === 0) return read;
  const { certificate } = nodeFilesIn(order.dir);
  throw new Failure(
    "configuration",
    `The new certificate ${certificate} would be refused: ${faults.join("; ")}. The one before stays in use.`,
    { where: certificate },
  );
}

function readAndJudge(order: OwnCertificateOrder): { read: Read; faults: readonly string[] } {
  const { dir, ownId, domain, clock } = order;
  const files = asListed(readNodeTls(dir), order.authorities?.());
  clientContext(files); // OpenSSL's own word that the two are a pair
  const paths = nodeFilesIn(dir);
  const chain = readCertificates(files.certificate, paths.certificate);
  const leaf = chain[0]!;
  const trusted = readCertificates(files.trust, paths.trust);
  const identity = readIdentity(leaf, domain);
  const isOwn = identity.kind === "node" && identity.nodeId === ownId;
  return {
    read: {
      files,
      serial: leaf.serialNumber.toLowerCase(),
      fromMs: leaf.validFromDate.getTime(),
      toMs: leaf.validToDate.getTime(),
    },
    faults: [
      ...faultsOfCertificate({ chain, trusted, domain, nowMs: clock.wallMs() }),
      ...(isOwn ? [] : [`it is not of this node, ${ownId}`]),
    ],
  };
}

/** With the directory's list: whom it believes, and the leaf with the authority's certificate that is active now. */
function asListed(files: TlsFiles, authorities: Authorities | undefined): TlsFiles {
  if (authorities === undefined) return files;
  const [leaf] = readCertificates(files.certificate, "The node's certificate");
  const authority = authorities.shownWith(leaf!);
  return {
    key: files.key,
    certificate: authority === undefined ? files.certificate : leaf!.toString() + authority,
    trust: authorities.believe(files.trust),
  };
}

type Level = "in-order" | "expiring" | "urgent" | "expired";

/** Says how long the certificate still holds: each day, and whenever that becomes worse. */
function makeExpiryAlarm({ clock, log }: OwnCertificateOrder, current: () => Read): { check(): void; changed(): void } {
  let said: Level | undefined;
  let saidAtMs = -Infinity;
  function check(): void {
    const { fromMs, toMs, serial } = current();
    const level = levelOf({ fromMs, toMs }, clock.wallMs());
    if (level === said && clock.monotonicMs() - saidAtMs < DAY_MS) return;
    said = level;
    saidAtMs = clock.monotonicMs();
    const fields = { serial, daysLeft: Math.floor((toMs - clock.wallMs()) / DAY_MS) };
    if (level === "in-order") return log.info("certificate", fields);
    const text = `${level === "expired" ? "peers refuse this node" : "peers will refuse this node"}: renew it with 'corridor certs request', 'approve' and 'install', or see why the issuing service does not`;
    if (level === "expiring") return log.warn("certificate-expiring", { ...fields, text });
    log.error(`certificate-${level}`, new Failure("configuration", text), fields);
  }
  return {
    check,
    changed() {
      said = undefined;
      check();
    },
  };
}

function levelOf({ fromMs, toMs }: Validity, nowMs: number): Level {
  const leftMs = toMs - nowMs;
  if (leftMs <= 0) return "expired";
  if (leftMs <= URGENT_AT_MS) return "urgent";
  return leftMs <= Math.max(WARN_AT_MS, (toMs - fromMs) * WARN_AT_SHARE) ? "expiring" : "in-order";
}

function isSame(one: TlsFiles, other: TlsFiles): boolean {
  return one.certificate === other.certificate && one.key === other.key && one.trust === other.trust;
}

/** What to recognise the files by without reading them. */
function stampOf(dir: string): string {
  const { key, certificate, trust } = nodeFilesIn(dir);
  return [key, certificate, `${certificate}.new`, trust]
    .map((path) => {
      const found = statSync(path, { bigint: true, throwIfNoEntry: false });
      return found === undefined ? "absent" : `${found.ino} ${found.ctimeNs} ${found.size}`;
    })
    .join();
}
