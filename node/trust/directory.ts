import { createPublicKey, type X509Certificate } from "node:crypto";
import { open } from "node:fs/promises";

import { Authorities } from "../../certs/authorities.ts";
import { readPublicPem } from "../../certs/key-file.ts";
import {
  MANIFEST_BYTES_MAX,
  MANIFEST_FUTURE_MS,
  type Manifest,
  type ManifestState,
  type Member,
  manifestState,
  verifyManifest,
} from "../../topology/manifest.ts";
import { isApproved, type ManifestFile, splitManifestFile } from "../../topology/manifest-approval.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import { replaceFile } from "../base/replace-file.ts";
import { whyApprovalIsNeeded } from "./needs-approval.ts";
import { checkRevocationsSucceed, readRevocations, type Revocations } from "./revocations.ts";
import type { SequenceMemory } from "./sequence-memory.ts";

/** How often the file is looked at: the node knows of a new manifest within this and the time to read it. */
const POLL_MS = 1_000;

/** The manifest that rules now, judged at one moment. */
export interface InForce {
  readonly manifest: Manifest;
  /** Since it was issued, or since a list of it should have been followed by another; 0 where that is still to come. */
  readonly ageMs: number;
  /** `stale`: peers are refused until a newer one comes. */
  readonly state: ManifestState;
  /** The moment of this judgement, milliseconds since the epoch: certificates are judged at it too. */
  readonly atMs: number;
  /** Absent: nobody is revoked. */
  readonly revocations?: Revocations;
  /** Absent: the manifest lists none, and each member has the one issuing authority that it names. */
  readonly authorities?: Authorities;
}

/** Who is in the network, as its authority last said. */
export interface Directory {
  inForce(): InForce;
  /** The member of the manifest in force, whatever its status. */
  member(id: string): Member | undefined;
  /** The signed document in force, as others may take it. */
  signed(): string;
  /**
   * Takes a newer manifest from anybody: what counts is its signature. In force when it resolves, and in the place of the
   * file, so that it is there after a restart; where that cannot be written, it is in force all the same, with an alarm. One
   * that is in force already, or older, changes nothing.
   *
   * @throws {Failure} `configuration`, `not-authenticated` …: it is not one that this node would take from its file.
   */
  offer(signed: string): Promise<void>;
  /** Stops looking at the file. */
  close(): void;
}

export interface DirectoryOrder {
  /** The signed manifest. Whoever replaces it does so in one step (write beside it, rename). */
  readonly path: string;
  /** The authority's Ed25519 key, PEM. */
  readonly publicKeyPath: string;
  readonly ownId: string;
  readonly clock: Clock;
  /** The root and the issuing authorities, whose revocation lists are believed. */
  readonly authorities: () => readonly X509Certificate[];
  /** What was in force before a restart. Absent: for tools that only look. */
  readonly memory?: SequenceMemory;
  /** Told, once for each cause, that a manifest was not taken. The last good one stays in force. */
  readonly alarm: (text: string) => void;
}

/**
 * Opens the directory and keeps it up to date. A stale manifest is opened all the same, and says so: the node's own
 * people still need their own index.
 *
 * @throws {Failure} `configuration`: the manifest cannot be read, is not signed by that key, is of another format, is
 * issued in the future, does not list this node, or is older than one that this node has enforced.
 */
export async function openDirectory(order: DirectoryOrder): Promise<Directory> {
  const publicKeyPem = readPublicKey(order.publicKeyPath);
  const first = await takeFirst(order, publicKeyPem);
  return watch(order, publicKeyPem, first);
}

/** A manifest file as it was read, and what to recognise it by without reading it again. */
interface Taken {
  readonly manifest: Manifest;
  /** The whole file. */
  readonly jws: string;
  readonly file: ManifestFile;
  readonly stamp: string;
  /** From when on it ages: its issue, or the end of its first list to end, whichever comes first. */
  readonly asOfMs: number;
  readonly revocations: Revocations;
  readonly authorities?: Authorities;
  readonly members: ReadonlyMap<string, Member>;
}

async function takeFirst(order: DirectoryOrder, publicKeyPem: string): Promise<Taken> {
  try {
    const first = await take(order, publicKeyPem, await readFileAndStamp(order.path));
    if (!first.members.has(order.ownId)) {
      throw new Failure("configuration", `The manifest ${order.path} does not list this node, ${order.ownId}.`);
    }
    await checkNotOlder(order, first.manifest);
    await order.memory?.keep(first.manifest.sequence);
    return first;
  } catch (thrown) {
    const { message } = asFailure(thrown);
    throw new Failure("configuration", message, { where: order.path, cause: thrown });
  }
}

/** Whoever puts an older file in place before a restart would bring back members that were removed since. */
async function checkNotOlder({ path, memory }: DirectoryOrder, { sequence }: Manifest): Promise<void> {
  const highest = (await memory?.highest()) ?? 0;
  if (sequence >= highest) return;
  throw new Failure(
    "configuration",
    `The manifest ${path} has sequence ${sequence}, but ${highest} has been in force here: put the newest manifest in ` +
      `its place. Only where the network was founded anew, remove ${memory?.path}.`,
  );
}

function watch(order: DirectoryOrder, publicKeyPem: string, first: Taken): Directory {
  let current = first;
  let lastAlarm = "";
  let looking = false;
  let closed = false;
  /** The end of a revocation list that was alarmed of. */
  let lapsedMs: number | undefined;

  const readAgain = async (): Promise<void> => {
    const candidate = await readFileAndStamp(order.path, current.stamp);
    if (candidate === "unchanged") return;
    // Taken first: another may have come in force meanwhile, and this one must follow that.
    const next = candidate.jws.trim() === current.jws.trim() ? undefined : await take(order, publicKeyPem, candidate);
    if (next !== undefined) await checkApproved(current, next);
    current = next === undefined ? { ...current, stamp: candidate.stamp } : succeed(current, next);
    lastAlarm = "";
    if (!current.members.has(order.ownId)) order.alarm(`The manifest no longer lists this node, ${order.ownId}.`);
  };
  const alarmIfLapsed = (): void => {
    const { nextUpdateMs } = current.revocations;
    if (nextUpdateMs === undefined || order.clock.wallMs() < nextUpdateMs || lapsedMs === nextUpdateMs) return;
    lapsedMs = nextUpdateMs;
    const due = new Date(nextUpdateMs).toISOString();
    order.alarm(
      `A revocation list of the manifest should have been followed by another at ${due}: 14 days later peers are refused.`,
    );
  };
  const look = async (): Promise<void> => {
    alarmIfLapsed();
    await readAgain();
    await order.memory?.keep(current.manifest.sequence); // after it is in force: a full disk must not delay a removal
  };
  const alarmOnce = (thrown: unknown): void => {
    const { message } = asFailure(thrown);
    if (message !== lastAlarm && !closed) {
      order.alarm(`The manifest of sequence ${current.manifest.sequence} stays in force. ${message}`);
    }
    lastAlarm = message;
  };
  const poll = order.clock.every(POLL_MS, () => {
    if (looking) return;
    looking = true;
    void look()
      .catch(alarmOnce)
      .finally(() => {
        looking = false;
      });
  });

  return {
    inForce: () => judge(current, order.clock.wallMs()),
    member: (id) => current.members.get(id),
    signed: () => current.jws.trim(),
    async offer(signed) {
      const next = await take(order, publicKeyPem, { jws: signed, stamp: "" });
      const isKnown = next.manifest.sequence < current.manifest.sequence || signed === current.jws.trim();
      if (isKnown) return;
      await checkApproved(current, next);
      current = succeed(current, next);
      try {
        await replaceFile(order.path, signed);
      } catch (thrown) {
        order.alarm(
          `The manifest came from a peer and is in force, but ${order.path} cannot be written: ${String(thrown)}`,
        );
      }
    },
    close() {
      closed = true;
      poll.cancel();
    },
  };
}

function judge({ manifest, asOfMs, revocations, authorities }: Taken, atMs: number): InForce {
  const ageMs = Math.max(0, atMs - asOfMs);
  return { manifest, ageMs, state: manifestState(ageMs), atMs, revocations, ...(authorities && { authorities }) };
}

/** Verifies what was read, and refuses one from the future: a wrong clock would keep it fresh for too long. */
async function take(order: DirectoryOrder, publicKeyPem: string, read: ReadFile): Promise<Taken> {
  const file = splitManifestFile(read.jws);
  const manifest = await verifyManifest(read.jws, publicKeyPem);
  const issuedAtMs = Date.parse(manifest.issuedAt);
  if (issuedAtMs > order.clock.wallMs() + MANIFEST_FUTURE_MS) {
    // Without the present time: one cause, one text, one alarm.
    throw new Failure(
      "configuration",
      `The manifest ${order.path} is issued at ${manifest.issuedAt}, ahead of this machine's clock: check both clocks.`,
    );
  }
  const authorities = manifest.authorities && new Authorities(manifest.authorities);
  const listed = authorities?.certificates ?? [];
  const revocations = readRevocations(manifest.crls ?? [], [...order.authorities(), ...listed]);
  const asOfMs = Math.min(issuedAtMs, revocations.nextUpdateMs ?? issuedAtMs);
  return {
    ...read,
    file,
    manifest,
    asOfMs,
    revocations,
    ...(authorities && { authorities }),
    members: new Map(manifest.members.map((member) => [member.id, member])),
  };
}

/**
 * Two people must want a step that takes many members away at once, or changes whom all believe, or who approves: one stolen key must not end
 * the network.
 *
 * @throws {Failure} `not-authenticated`: nobody whom the manifest in force names has approved of it.
 */
async function checkApproved(current: Taken, next: Taken): Promise<void> {
  const step = whyApprovalIsNeeded(current.manifest, next.manifest);
  if (step === undefined) return;
  if (await isApproved(next.file, current.manifest.approvers ?? [])) return;
  throw new Failure(
    "not-authenticated",
    `The manifest of sequence ${next.manifest.sequence} ${step}, and none of the approvers of the one in force has approved ` +
      "of it: run 'corridor manifest approve'.",
  );
}

/** Takes the newer of two manifests of one network. */
function succeed(current: Taken, next: Taken): Taken {
  const [from, to] = [current.manifest, next.manifest];
  if (to.sequence < from.sequence) {
    throw new Failure("configuration", `A manifest of lower sequence (${to.sequence}) was put in its place.`);
  }
  if (to.sequence === from.sequence) {
    throw new Failure("configuration", `Another manifest of the same sequence (${to.sequence}) was put in its place.`);
  }
  if (to.network.domain !== from.network.domain) {
    throw new Failure("configuration", `A manifest of another network (${to.network.domain}) was put in its place.`);
  }
  const believed = next.authorities && [...next.authorities.liveKeys("roots"), ...next.authorities.liveKeys("issuing")];
  checkRevocationsSucceed(current.revocations, next.revocations, believed);
  return next;
}

interface ReadFile {
  readonly jws: string;
  readonly stamp: string;
}

async function readFileAndStamp(path: string): Promise<ReadFile>;
async function readFileAndStamp(path: string, known: string): Promise<ReadFile | "unchanged">;
async function readFileAndStamp(path: string, known?: string): Promise<ReadFile | "unchanged"> {
  const file = await open(path).catch((cause: unknown) => {
    throw new Failure("configuration", `The manifest ${path} cannot be opened.`, { cause });
  });
  try {
    const { ino, mtimeNs, size } = await file.stat({ bigint: true });
    const stamp = `${ino} ${mtimeNs} ${size}`;
    if (stamp === known) return "unchanged";
    if (size > MANIFEST_BYTES_MAX) {
      throw new Failure("configuration", `The manifest ${path} is too large (${size} bytes).`);
    }
    return { jws: await file.readFile("utf8"), stamp };
  } finally {
    await file.close();
  }
}

function readPublicKey(path: string): string {
  const pem = readPublicPem(path);
  try {
    createPublicKey(pem);
    return pem;
  } catch (cause) {
    throw new Failure("configuration", `${path} is not a public key in PEM.`, { where: path, cause });
  }
}
