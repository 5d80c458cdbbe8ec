import type { Manifest, Member } from "../../topology/manifest.ts";
import type { Coverage } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import { readFilterFile } from "../presence/filter-file.ts";
import { FollowedFilter } from "../presence/followed-filter.ts";
import { sharePresence } from "../presence/sharing.ts";
import { presenceKeyId } from "../presence/token.ts";
import type { HandedFilter, PresenceHeld, PresenceSaid } from "./share-presence.ts";

export interface FollowPresenceNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly ownId: NodeId;
  /** The directory in force. */
  readonly manifest: () => Manifest;
  readonly transport: PresenceTransport;
  /** True where the member signed these bytes as a filter of its own. */
  readonly verify: (member: Member, bytes: Uint8Array, signature: Uint8Array) => Promise<boolean>;
  /** Keeps a filter for people to look at; never its key. */
  readonly keep: (holder: string, file: Uint8Array) => Promise<void>;
  readonly alarm: (holder: string, failure: Failure) => void;
}

/** What is asked of a member. Each throws a Failure where it was not reached, or refused. */
export interface PresenceTransport {
  readonly readNews: (member: Member, held: PresenceHeld) => Promise<PresenceSaid>;
  readonly fetchFilter: (member: Member) => Promise<HandedFilter>;
  /** Lets go of the connections to whom is followed no longer. */
  readonly keepOnly: (members: ReadonlySet<string>) => void;
}

export interface FollowedPresence {
  /**
   * The coverage of a member that surely has nothing to show for this question; `undefined` where it must be asked. Emergency
   * access asks everybody, for it may be shown what an ordinary question is not.
   */
  readonly ruledOutBy: (member: Member, question: Question, permit: Permit) => Coverage | undefined;
  /** How old what is known of a member's filter is, in milliseconds; `undefined` where there is none. */
  readonly asOfAgeMs: (holder: string) => number | undefined;
  readonly stop: () => Promise<void>;
}

/** A third of the time for which what was said may rule out. */
const EVERY_MS = 5_000;

interface Followed {
  filter?: FollowedFilter;
  coverage?: Coverage;
  lastAlarm?: string;
}

/** Follows the filters of all members that share theirs, in memory alone: after a start everybody is asked until they are there. */
export function followPresence(needs: FollowPresenceNeeds): FollowedPresence {
  const { clock, random, ownId, manifest, transport } = needs;
  const followed = new Map<string, Followed>();
  const running = new Map<string, Promise<void>>();
  let isStopped = false;

  const shares = (member: Member): boolean =>
    member.id !== ownId && member.status === "live" && sharePresence(manifest(), ownId, member.id);

  let timer = clock.after(EVERY_MS * random.fraction(), function again() {
    const members = manifest().members.filter(shares);
    const ids = new Set(members.map(({ id }) => id));
    for (const id of followed.keys()) if (!ids.has(id)) followed.delete(id);
    transport.keepOnly(ids);
    for (const member of members) {
      if (running.has(member.id)) continue;
      running.set(
        member.id,
        follow(member).finally(() => running.delete(member.id)),
      );
    }
    timer = clock.after(EVERY_MS * (0.75 + 0.5 * random.fraction()), again);
  });

  /** Never rejects. */
  async function follow(member: Member): Promise<void> {
    const state = followed.get(member.id) ?? {};
    followed.set(member.id, state);
    try {
      while (!isStopped && (await hear(member, state)) === "more");
      delete state.lastAlarm;
    } catch (thrown) {
      const failure = asFailure(thrown);
      if (USUAL.has(failure.code) || failure.message === state.lastAlarm) return;
      state.lastAlarm = failure.message;
      needs.alarm(member.id, failure);
    }
  }

  async function hear(member: Member, state: Followed): Promise<"more" | "all"> {
    const held = { epoch: state.filter?.epoch ?? 0, number: state.filter?.number ?? 0 };
    const askedMs = clock.monotonicMs();
    const said = await transport.readNews(member, held);
    if (said.epoch === 0) {
      delete state.filter;
      return "all";
    }
    if (said.epoch !== held.epoch) {
      state.filter = await fetch(member);
      return "more";
    }
    state.coverage = said.coverage;
    state.filter?.take(said, askedMs, held.number);
    return said.more ? "more" : "all";
  }

  async function fetch(member: Member): Promise<FollowedFilter> {
    const { key, file } = await transport.fetchFilter(member);
    const { head, filter, signed, signature } = readFilterFile(file);
    if (head.holder !== member.id || !(await needs.verify(member, signed, signature))) {
      throw new Failure("not-authenticated", `The presence filter of ${member.id} is not signed by that node.`);
    }
    if (presenceKeyId(key) !== head.keyId) {
      throw new Failure("incompatible", `The presence filter of ${member.id} came with another key than its own.`);
    }
    await needs.keep(member.id, file);
    return new FollowedFilter(head.epoch, key, filter, clock);
  }

  return {
    ruledOutBy(member, { patient }, { claim }) {
      if (patient.by !== "number" || claim.purpose === "BTG" || !shares(member)) return undefined;
      const { filter, coverage } = followed.get(member.id) ?? {};
      return filter?.rulesOut(patient.nhsNumber) === true ? coverage : undefined;
    },
    asOfAgeMs: (holder) => followed.get(holder)?.filter?.asOfAgeMs(),
    async stop() {
      isStopped = true;
      timer.cancel();
      transport.keepOnly(new Set());
      await Promise.all(running.values());
    },
  };
}

/** A member that is away, busy, or of a version without filters is asked like any other. */
const USUAL: ReadonlySet<Failure["code"]> = new Set([
  "unreachable",
  "timed-out",
  "overloaded",
  "incompatible",
  "not-served",
]);
