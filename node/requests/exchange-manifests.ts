import type { Manifest, Member } from "../../topology/manifest.ts";
import type { Clock } from "../base/clock.ts";
import { asFailure, type Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";

/** What one node says to another of the manifest that it enforces. */
export interface ManifestOffer {
  readonly sequence: number;
  /** The signed document; absent where it is not newer than the other's. */
  readonly manifest?: string;
}

export interface ExchangeNeeds {
  readonly ownId: NodeId;
  readonly clock: Clock;
  readonly random: Random;
  readonly directory: {
    inForce(): { readonly manifest: Manifest };
    /** The signed document in force. */
    signed(): string;
    /** Takes a newer one, whoever it comes from. @throws {Failure} it is not one. */
    offer(signed: string): Promise<void>;
  };
  /** @throws {Failure} the member was not reached, or refused. */
  readonly exchange: (member: Member, sequence: number) => Promise<ManifestOffer>;
  readonly alarm: (failure: Failure) => void;
}

/** The manifest's way from node to node. */
export interface ManifestExchange {
  /** What this node says to a member that has this sequence. */
  answer(asker: NodeId, sequence: number): ManifestOffer;
  /** The sequence that a member enforced when it was last heard. */
  sequenceAt(nodeId: string): number | undefined;
  /**
   * How long after this node a member was first heard to enforce the manifest in force here, in milliseconds, to a second or
   * so; 0 where it had it before; `undefined` where it was not heard to.
   */
  lagMs(nodeId: string): number | undefined;
  stop(): Promise<void>;
}

/** A sequence, and since when it is known to be enforced, on the monotonic clock. */
interface Enforced {
  readonly sequence: number;
  readonly sinceMs: number;
}

function since(known: Enforced | undefined, sequence: number, nowMs: number): Enforced {
  return known?.sequence === sequence ? known : { sequence, sinceMs: nowMs };
}

/** How often this node looks which manifest it enforces, to know since when. */
const LOOK_EVERY_MS = 1_000;
/** With so many asked at random so often, a network of forty has a new manifest in three or four rounds. */
const EVERY_MS = 10_000;
const ASKED_AT_ONCE = 3;
/** A manifest is large: nobody is handed it more often. */
const HANDED_AGAIN_MS = 5_000;

export function startManifestExchange(needs: ExchangeNeeds): ManifestExchange {
  const { ownId, clock, random, directory, exchange, alarm } = needs;
  const heard = new Map<string, Enforced>();
  const handedMs = new Map<string, number>();
  const asking = new Set<string>();
  let lastAlarm = "";
  let running: Promise<unknown> | undefined;

  let enforced: Enforced = { sequence: directory.inForce().manifest.sequence, sinceMs: clock.monotonicMs() };
  const sequence = (): number => {
    enforced = since(enforced, directory.inForce().manifest.sequence, clock.monotonicMs());
    return enforced.sequence;
  };
  const hear = (nodeId: string, theirs: number): void =>
    void heard.set(nodeId, since(heard.get(nodeId), theirs, clock.monotonicMs()));
  const looking = clock.every(LOOK_EVERY_MS, sequence);
  const live = (): Member[] =>
    directory.inForce().manifest.members.filter(({ id, status }) => id !== ownId && status === "live");

  async function ask(member: Member): Promise<void> {
    if (asking.has(member.id)) return;
    asking.add(member.id);
    try {
      const offered = await exchange(member, sequence());
      hear(member.id, offered.sequence);
      if (offered.manifest !== undefined) await directory.offer(offered.manifest);
      lastAlarm = "";
    } catch (thrown) {
      const failure = asFailure(thrown);
      const isAway =
        failure.code === "unreachable" || failure.code === "timed-out" || failure.code === "directory-stale";
      if (!isAway && failure.message !== lastAlarm) alarm(failure);
      if (!isAway) lastAlarm = failure.message;
    } finally {
      asking.delete(member.id);
    }
  }

  function someOf(members: Member[]): Member[] {
    const chosen: Member[] = [];
    while (members.length > 0 && chosen.length < ASKED_AT_ONCE) {
      chosen.push(...members.splice(Math.floor(random.fraction() * members.length), 1));
    }
    return chosen;
  }

  let timer = clock.after(EVERY_MS * random.fraction(), function again() {
    running = Promise.all(someOf(live()).map(ask));
    timer = clock.after(EVERY_MS * (0.75 + 0.5 * random.fraction()), again);
  });

  return {
    answer(asker, theirs) {
      hear(asker, theirs);
      const own = sequence();
      const member = live().find(({ id }) => id === asker);
      if (theirs > own && member !== undefined) void ask(member);
      const nowMs = clock.monotonicMs();
      if (theirs >= own || nowMs - (handedMs.get(asker) ?? -Infinity) < HANDED_AGAIN_MS) return { sequence: own };
      handedMs.set(asker, nowMs);
      return { sequence: own, manifest: directory.signed() };
    },
    sequenceAt: (nodeId) => heard.get(nodeId)?.sequence,
    lagMs(nodeId) {
      const theirs = heard.get(nodeId);
      return theirs?.sequence === sequence() ? Math.max(0, theirs.sinceMs - enforced.sinceMs) : undefined;
    },
    async stop() {
      looking.cancel();
      timer.cancel();
      await running;
    },
  };
}
