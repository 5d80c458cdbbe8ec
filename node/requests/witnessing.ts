import { createPublicKey } from "node:crypto";

import type { Manifest, Member } from "../../topology/manifest.ts";
import { logKeyOf, witnessKeyOf } from "../audit/checkpoint.ts";
import { type CheckpointAlarm, startCheckpoints, UNWITNESSED_STOP_MS } from "../audit/checkpoints.ts";
import { compareHeads } from "../audit/compare-heads.ts";
import type { NoteKey } from "../audit/note.ts";
import { addCheckpoint, type WitnessReply } from "../audit/witness.ts";
import type { Clock } from "../base/clock.ts";
import { asFailure, Failure } from "../base/failure.ts";
import type { NodeId, Purpose } from "../base/words.ts";
import type { StoreExecutor } from "../storage/executor.ts";

/** What is said to a member. Each throws a Failure where it was not reached, or refused. */
export interface WitnessTransport {
  readonly addCheckpoint: (member: Member, body: string) => Promise<WitnessReply>;
  readonly listCheckpoints: (member: Member) => Promise<readonly string[]>;
  readonly proveConsistency: (member: Member, from: number, to: number) => Promise<readonly Uint8Array[]>;
}

export interface WitnessingNeeds {
  readonly ownId: NodeId;
  /** The directory in force. */
  readonly manifest: () => Manifest;
  /** Of the store `audit`. */
  readonly store: StoreExecutor;
  readonly clock: Clock;
  /** Signs a note in this node's name. */
  readonly signNote: (bytes: Uint8Array) => Promise<Uint8Array>;
  readonly transport: WitnessTransport;
  readonly alarm: (event: CheckpointAlarm | "audit-split-view" | "audit-comparison-failed", failure: Failure) => void;
}

/** This node's audit before the others, and theirs before it. */
export interface Witnessing {
  /** Vouches for another's audit. */
  readonly addCheckpoint: (body: string) => Promise<WitnessReply>;
  /** What this node vouches for. */
  readonly listCheckpoints: () => Promise<readonly string[]>;
  /** Of this node's own audit. */
  readonly proveConsistency: (from: number, to: number) => Promise<readonly Uint8Array[]>;
  /** True where nobody has seen this node's audit for so long that it may not go on as usual. */
  readonly isOverdue: () => boolean;
  /**
   * What peers ask is not answered while nobody can see that the audit is whole; emergency access is.
   *
   * @throws {Failure} `store-unavailable`: not now.
   */
  readonly checkMayAnswer: (purpose: Purpose) => void;
  readonly stop: () => Promise<void>;
}

/** How often the other witnesses are asked what they vouch for: as often as logs are signed. */
const COMPARE_EVERY_MS = 10_000;
/** So many are asked in a round, and the next ones in the next: what a node does at rest must not grow with the network. */
const COMPARED_AT_ONCE = 8;

/** @throws {Failure} `store-unavailable`: what was signed before cannot be read. */
export async function startWitnessing(needs: WitnessingNeeds): Promise<Witnessing> {
  const { ownId, manifest, store, clock, signNote, transport, alarm } = needs;
  const own = keysOf(memberOf(ownId, manifest()), manifest());
  const others = (): Peer[] =>
    othersInTurn(ownId, manifest()).map((member) => ({ member, ...keysOf(member, manifest()) }));
  const peerOf = (origin: string): Peer | undefined => others().find(({ log }) => log.name === origin);
  const witness = {
    ...{ executor: store, clock },
    keyOf: (origin: string) => peerOf(origin)?.log,
    onSplitView: (origin: string) => alarm("audit-split-view", splitView(origin)),
  };
  const checkpoints = await startCheckpoints({
    ...{ executor: store, clock, ownKey: own.log, sign: signNote, alarm },
    witnesses: () =>
      others().map(({ member, witness: key }) => ({
        key,
        addCheckpoint: (body) => transport.addCheckpoint(member, body),
      })),
  });
  const comparing = compareAgain(needs, others, (notes) =>
    compareHeads(notes, {
      ...witness,
      async prove(origin, from, to) {
        const log = peerOf(origin);
        if (log === undefined) throw new Failure("unreachable", `${origin} has left the network.`);
        return transport.proveConsistency(log.member, from, to);
      },
    }),
  );
  const isOverdue = (): boolean => checkpoints.unwitnessedMs() > UNWITNESSED_STOP_MS;
  return {
    addCheckpoint: (body) => addCheckpoint(body, { ...witness, ownKey: own.witness, sign: signNote }),
    listCheckpoints: () => store.run("audit.all-witnessed", undefined),
    async proveConsistency(from, to) {
      const { size } = await store.run("audit.tree-head", { earlierSize: 0 });
      if (to > size) throw new Failure("invalid-input", "This node's audit has not grown to that size.");
      return store.run("audit.consistency", { from, to });
    },
    isOverdue,
    checkMayAnswer(purpose) {
      if (purpose === "BTG" || !isOverdue()) return;
      throw new Failure(
        "store-unavailable",
        "No peer has seen this node's audit for three days: peers get no answers.",
      );
    },
    async stop() {
      await comparing.stop();
      await checkpoints.stop();
    },
  };
}

/** Another node, with its keys. */
interface Peer {
  readonly member: Member;
  readonly log: NoteKey;
  readonly witness: NoteKey;
}

function keysOf({ id, assertionKey }: Member, { network }: Manifest): Omit<Peer, "member"> {
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: assertionKey }, format: "jwk" });
  return { log: logKeyOf(id, network.domain, key), witness: witnessKeyOf(id, network.domain, key) };
}

function memberOf(ownId: NodeId, { members }: Manifest): Member {
  const member = members.find(({ id }) => id === ownId);
  if (member === undefined) throw new Failure("configuration", `The manifest does not list this node, ${ownId}.`);
  return member;
}

/** Those after this node first, so that not everybody asks the same two. */
function othersInTurn(ownId: NodeId, { members }: Manifest): Member[] {
  const live = members.filter(({ id, status }) => id !== ownId && status === "live");
  const later = live.filter(({ id }) => id > ownId);
  return [...later, ...live.filter((member) => !later.includes(member))];
}

/** Asks the other witnesses what they vouch for, again and again. Who is away is asked in the next round. */
function compareAgain(
  { clock, transport, alarm }: WitnessingNeeds,
  others: () => readonly Peer[],
  compare: (notes: readonly string[]) => Promise<void>,
): { stop(): Promise<void> } {
  let running: Promise<unknown> | undefined;
  const compareWith = async ({ member }: Peer): Promise<void> => {
    try {
      await compare(await transport.listCheckpoints(member));
    } catch (thrown) {
      const failure = asFailure(thrown);
      const isAway = failure.code === "unreachable" || failure.code === "timed-out";
      if (!isAway) alarm("audit-comparison-failed", failure);
    }
  };
  let next = 0;
  const inTurn = (): readonly Peer[] => {
    const all = others();
    const from = next % Math.max(1, all.length);
    next = from + COMPARED_AT_ONCE;
    return [...all.slice(from), ...all.slice(0, from)].slice(0, COMPARED_AT_ONCE);
  };
  const timer = clock.every(COMPARE_EVERY_MS, () => {
    running ??= Promise.all(inTurn().map(compareWith)).finally(() => (running = undefined));
  });
  return {
    async stop() {
      timer.cancel();
      await running;
    },
  };
}

function splitView(origin: string): Failure {
  return new Failure(
    "incompatible",
    `${origin} has signed two histories: both are kept in split_view of audit.db. Tell the authority and that node's privacy officer.`,
  );
}
