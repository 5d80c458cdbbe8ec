import { createPublicKey } from "node:crypto";

import type { Manifest, Member } from "../../topology/manifest.ts";
import { logKeyOf, witnessKeyOf } from "../audit/checkpoint.ts";
import { type CheckpointAlarm, startCheckpoints, UNWITNESSED_STOP_MS, type Witness } from "../audit/checkpoints.ts";
import { addCheckpoint, type WitnessReply } from "../audit/witness.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { NodeId, Purpose } from "../base/words.ts";
import type { StoreExecutor } from "../storage/executor.ts";

export interface WitnessingNeeds {
  readonly ownId: NodeId;
  /** The directory in force. */
  readonly manifest: () => Manifest;
  /** Of the store `audit`. */
  readonly store: StoreExecutor;
  readonly clock: Clock;
  /** Signs a note in this node's name. */
  readonly signNote: (bytes: Uint8Array) => Promise<Uint8Array>;
  /** @throws {Failure} the member was not reached, or refused. */
  readonly askMember: (member: Member, body: string) => Promise<WitnessReply>;
  readonly alarm: (event: CheckpointAlarm | "audit-split-view", failure: Failure) => void;
}

/** This node's audit before the others, and theirs before it. */
export interface Witnessing {
  /** Vouches for another's audit. */
  readonly addCheckpoint: (body: string) => Promise<WitnessReply>;
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

/** @throws {Failure} `store-unavailable`: what was signed before cannot be read. */
export async function startWitnessing(needs: WitnessingNeeds): Promise<Witnessing> {
  const { ownId, manifest, store, clock, signNote, askMember, alarm } = needs;
  const keysOf = ({ id, assertionKey }: Member) => {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: assertionKey }, format: "jwk" });
    const { domain } = manifest().network;
    return { log: logKeyOf(id, domain, key), witness: witnessKeyOf(id, domain, key) };
  };
  const own = ownKeys(needs, keysOf);
  const others = (): Member[] => othersInTurn(ownId, manifest().members);
  const checkpoints = await startCheckpoints({
    ...{ executor: store, clock, ownKey: own.log, sign: signNote, alarm },
    witnesses: () =>
      others().map((member): Witness => ({
        key: keysOf(member).witness,
        addCheckpoint: (body) => askMember(member, body),
      })),
  });
  const isOverdue = (): boolean => checkpoints.unwitnessedMs() > UNWITNESSED_STOP_MS;
  return {
    addCheckpoint: (body) =>
      addCheckpoint(body, {
        ...{ executor: store, clock, ownKey: own.witness, sign: signNote },
        keyOf: (origin) =>
          others()
            .map((member) => keysOf(member).log)
            .find(({ name }) => name === origin),
        onSplitView: (origin) => alarm("audit-split-view", splitView(origin)),
      }),
    isOverdue,
    checkMayAnswer(purpose) {
      if (purpose === "BTG" || !isOverdue()) return;
      throw new Failure(
        "store-unavailable",
        "No peer has seen this node's audit for three days: peers get no answers.",
      );
    },
    stop: () => checkpoints.stop(),
  };
}

function ownKeys<Keys>({ ownId, manifest }: WitnessingNeeds, keysOf: (member: Member) => Keys): Keys {
  const member = manifest().members.find(({ id }) => id === ownId);
  if (member === undefined) throw new Failure("configuration", `The manifest does not list this node, ${ownId}.`);
  return keysOf(member);
}

/** Those after this node first, so that not everybody asks the same two. */
function othersInTurn(ownId: NodeId, members: readonly Member[]): Member[] {
  const live = members.filter(({ id, status }) => id !== ownId && status === "live");
  const later = live.filter(({ id }) => id > ownId);
  return [...later, ...live.filter((member) => !later.includes(member))];
}

function splitView(origin: string): Failure {
  return new Failure(
    "incompatible",
    `${origin} has signed two histories: both are kept in split_view of audit.db. Tell the authority and that node's privacy officer.`,
  );
}
