import { isAdult } from "../access/agreements.ts";
import type { OrdinaryPermits } from "../access/ordinary-permits.ts";
import type { Coverage } from "../base/answer.ts";
import { BirthDate } from "../base/birth-date.ts";
import { type Clock, dayOf, today } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure, asFailure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Permit } from "../base/permit.ts";
import type { PatientQuery } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import type { NodeId } from "../base/words.ts";
import type { PersonView } from "../mpi/mpi.ts";
import { buildFilter } from "../presence/build-filter.ts";
import { writeFilterFile } from "../presence/filter-file.ts";
import type { PresenceNews } from "../presence/followed-filter.ts";
import { PublishedFilter } from "../presence/published-filter.ts";
import { presenceKeyId, PRESENCE_KEY_BYTES } from "../presence/token.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import type { PresenceReader } from "./presence-changes.ts";

export interface SharePresenceNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly ownId: NodeId;
  /** Of the store `index`. */
  readonly store: StoreExecutor;
  readonly reader: PresenceReader;
  readonly personsByNumber: (nhsNumber: NhsNumber) => readonly PersonView[];
  /** Whether such a question would be answered with anything but "nothing to show". */
  readonly wouldShow: (patient: PatientQuery, permit: Permit) => boolean;
  readonly ordinaryPermits: (asker: NodeId, adult: boolean) => OrdinaryPermits | undefined;
  /** Whether this node answers for people of this age, in whole years. */
  readonly coversAge: (age: number) => boolean;
  /** @throws {Failure} `not-permitted`: this member gets no filter. */
  readonly checkMayShare: (asker: NodeId) => void;
  readonly coverage: () => Coverage;
  /** Signs a filter in this node's name. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
  /** Durable in the audit when it resolves. */
  readonly recordHanded: (asker: NodeId, epoch: number, keys: number) => Promise<void>;
  readonly failed: (failure: Failure) => void;
  /** In a thread of its own, unless a test brings its own. */
  readonly build?: typeof buildFilter;
}

/** What an asker has of a filter. */
export interface PresenceHeld {
  /** 0: nothing. */
  readonly epoch: number;
  /** Of the last addition. */
  readonly number: number;
}

/** What a holder says to one asker: of the filter, and how fresh its feeds are. */
export interface PresenceSaid extends PresenceNews {
  readonly coverage: Coverage;
}

/** A whole filter on its way to one asker. */
export interface HandedFilter {
  readonly key: Uint8Array;
  readonly file: Uint8Array;
}

export interface SharedPresence {
  /** @throws {Failure} `not-permitted`: this member gets no filter. */
  readonly news: (asker: NodeId, held: PresenceHeld) => PresenceSaid;
  /** @throws {Failure} `not-permitted`; `overloaded`: there is none yet, or it was handed over a moment ago. */
  readonly handOver: (asker: NodeId) => Promise<HandedFilter>;
  readonly stop: () => Promise<void>;
}

/** How often writes are looked for. */
const EVERY_MS = 2_000;
/** What nobody has asked after for so long is not kept up. */
const WANTED_MS = 120_000;
/** More changes than that at once are a bulk load: the filter is built anew after it. */
const CHANGES_MAX = 20_000;
/** A filter is built anew after a day, so that who is shown no more is in it no longer than that. */
const REBUILD_AFTER_MS = 24 * 3_600_000;
/** And where this part of its keys came later. */
const REBUILD_AT_ADDITIONS = 0.05;
const REBUILD_ADDITIONS_MIN = 10_000;
const HANDED_AGAIN_MS = 10_000;
/** Of each slice's time, so much is left to everybody else. */
const REST_FACTOR = 3;
const NUMBERS_A_PAGE = 100;

/** Those who may be shown the same have one filter, under one key. */
interface Group {
  readonly permits: (adult: boolean) => OrdinaryPermits | undefined;
  wantedMs: number;
  published?: { readonly filter: PublishedFilter; readonly keys: number; readonly builtMs: number };
  /** While one is built: whom writes have made known meanwhile. */
  building?: { readonly late: NhsNumber[]; isSpoilt: boolean };
}

/**
 * Shares with other nodes by which NHS numbers an ordinary question of theirs would find something here, so that they need not
 * ask about anybody else. Where nobody asks after it, nothing is built and nothing is watched.
 */
export function sharePresenceOf(needs: SharePresenceNeeds): SharedPresence {
  const { clock, random, ownId, store, reader } = needs;
  const groups = new Map<string, Group>();
  const handedMs = new Map<NodeId, number>();
  let isWatching = false;
  let isStopped = false;
  /** Whatever was acknowledged before this, on the monotonic clock, is in what is handed out. */
  let asOfMs = -Infinity;
  let lastEpoch = 0;
  let running: Promise<void> | undefined;

  const timer = clock.every(EVERY_MS, () => void (running ??= round().finally(() => (running = undefined))));

  async function round(): Promise<void> {
    for (const [key, { wantedMs }] of groups) {
      if (clock.monotonicMs() - wantedMs > WANTED_MS) groups.delete(key);
    }
    try {
      if (groups.size === 0) return await stopWatching();
      const isCalm = await catchUp();
      for (const group of groups.values()) if (isCalm && isDue(group)) void build(group);
    } catch (thrown) {
      needs.failed(asFailure(thrown));
    }
  }

  /** Where nobody asks after a filter any more, what is noted would only grow. */
  async function stopWatching(): Promise<void> {
    if (isWatching) await store.run("presence.unwatch", { by: "filter" });
    isWatching = false;
  }

  /**
   * Looks at every change once: where that fails, what was not looked at is lost, and so is every filter.
   *
   * @returns false where there was too much of it, as under a bulk load: that is to be over before a filter is built.
   */
  async function catchUp(): Promise<boolean> {
    try {
      if (!isWatching) await store.run("presence.watch", { by: "filter" });
      isWatching = true;
      const begunMs = clock.monotonicMs();
      const changes = await store.run("presence.changes", { by: "filter", most: CHANGES_MAX });
      if (changes === "too-many") spoil();
      else await add(reader.numbersTouched(changes));
      asOfMs = begunMs;
      return changes !== "too-many";
    } catch (thrown) {
      spoil();
      throw thrown;
    }
  }

  async function add(numbers: Iterable<number>): Promise<void> {
    const pause = makePause();
    for (const digits of numbers) {
      const nhsNumber = asNumber(digits);
      if (nhsNumber === undefined) continue;
      for (const group of groups.values()) {
        if (!isShown(nhsNumber, group)) continue;
        group.published?.filter.add(nhsNumber);
        group.building?.late.push(nhsNumber);
      }
      await pause(1);
    }
  }

  function spoil(): void {
    for (const group of groups.values()) {
      delete group.published;
      if (group.building !== undefined) group.building.isSpoilt = true;
    }
  }

  function isDue({ published, building }: Group): boolean {
    if (building !== undefined) return false;
    if (published === undefined) return true;
    const additionsMax = Math.max(REBUILD_ADDITIONS_MIN, published.keys * REBUILD_AT_ADDITIONS);
    return clock.monotonicMs() - published.builtMs > REBUILD_AFTER_MS || published.filter.additions > additionsMax;
  }

  /** Begun only once writes are watched. The filter that was goes on meanwhile. */
  async function build(group: Group): Promise<void> {
    const building = { late: [], isSpoilt: false } as NonNullable<Group["building"]>;
    group.building = building;
    try {
      const asOf = new Date(clock.wallMs()).toISOString();
      const numbers = await numbersShown(group);
      const key = random.bytes(PRESENCE_KEY_BYTES);
      lastEpoch = Math.max(lastEpoch + 1, clock.wallMs());
      const epoch = lastEpoch;
      const seed = Math.floor(random.fraction() * 2 ** 32);
      const filter = await (needs.build ?? buildFilter)({ numbers, key, epoch, seed });
      const said = { holder: ownId, epoch, asOf, keyId: presenceKeyId(key), keys: numbers.length };
      const file = await writeFilterFile(said, filter, needs.sign);
      if (building.isSpoilt || isStopped) return;
      const published = new PublishedFilter(epoch, key, filter, file);
      for (const nhsNumber of building.late) published.add(nhsNumber);
      group.published = { filter: published, keys: numbers.length, builtMs: clock.monotonicMs() };
    } catch (thrown) {
      needs.failed(asFailure(thrown));
    } finally {
      delete group.building;
    }
  }

  async function numbersShown(group: Group): Promise<Float64Array> {
    const shown: number[] = [];
    const pause = makePause();
    for (let at = 0; !isStopped && group.building?.isSpoilt === false;) {
      const page = reader.numbersAfter(at, NUMBERS_A_PAGE);
      if (page.length === 0) break;
      for (const digits of page) {
        const nhsNumber = asNumber(digits);
        if (nhsNumber !== undefined && isShown(nhsNumber, group)) shown.push(digits);
        await pause(REST_FACTOR);
      }
      at = page.at(-1)!;
    }
    return Float64Array.from(shown);
  }

  /** Lets others have the event loop every few milliseconds, for so many times as long. */
  function makePause(): (restFactor: number) => Promise<void> {
    let begunMs = clock.monotonicMs();
    return async (restFactor) => {
      const tookMs = clock.monotonicMs() - begunMs;
      if (tookMs < SLICE_MS) return;
      await clock.sleep(tookMs * restFactor);
      begunMs = clock.monotonicMs();
    };
  }

  /** Whether any ordinary question with this number would find something, whoever of the group asks and however it is put. */
  function isShown(nhsNumber: NhsNumber, group: Group): boolean {
    const day = today(clock);
    // Whoever comes of age before the filter is built anew is shown then, though nothing is written.
    const days = [day, dayOf(clock.wallMs() + 2 * REBUILD_AFTER_MS)];
    return patientsAsked(nhsNumber, needs.personsByNumber(nhsNumber), day).some((patient) => {
      const ages = days.map((each) => patient.birthDate.ageOn(each)).filter(needs.coversAge);
      return [...new Set(ages.map(isAdult))].some((adult) => {
        const permits = group.permits(adult);
        if (permits === undefined || !needs.wouldShow(patient, permits.together)) return false;
        return permits.each.some((permit) => needs.wouldShow(patient, permit));
      });
    });
  }

  function groupOf(asker: NodeId): Group {
    needs.checkMayShare(asker);
    const permits = (adult: boolean): OrdinaryPermits | undefined => needs.ordinaryPermits(asker, adult);
    const key = [true, false].map((adult) => permits(adult)?.key ?? "").join("\n\n");
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = { permits, wantedMs: 0 }));
    group.wantedMs = clock.monotonicMs();
    return group;
  }

  return {
    news(asker, held) {
      const { published } = groupOf(asker);
      const coverage = needs.coverage();
      if (published === undefined) return { ...NOTHING_YET, coverage };
      const { filter } = published;
      const asOfAgeMs = Math.ceil(clock.monotonicMs() - asOfMs);
      const added =
        held.epoch === filter.epoch ? filter.additionsAfter(held.number) : { number: 0, tokens: [], more: true };
      return { epoch: filter.epoch, ...added, asOfAgeMs, coverage };
    },
    async handOver(asker) {
      const { published } = groupOf(asker);
      const waitMs = HANDED_AGAIN_MS - (clock.monotonicMs() - (handedMs.get(asker) ?? -Infinity));
      if (published === undefined || waitMs > 0) {
        const why = published === undefined ? "is being built" : "was handed over a moment ago";
        throw new Failure("overloaded", `The filter ${why}: ask again later.`, {
          retryAfterMs: Math.max(HANDED_AGAIN_MS / 2, waitMs),
        });
      }
      handedMs.set(asker, clock.monotonicMs());
      const { filter, keys } = published;
      await needs.recordHanded(asker, filter.epoch, keys);
      return { key: filter.key, file: filter.file };
    },
    async stop() {
      isStopped = true;
      timer.cancel();
      await running;
    },
  };
}

const SLICE_MS = 5;
const NOTHING_YET: PresenceNews = { epoch: 0, number: 0, tokens: [], more: false, asOfAgeMs: 0 };
/** Nobody's who is alive: asked with it, a number that is held asks for a check of who that is. */
const A_WRONG_BIRTH_DATE = "1860-01-01";

function asNumber(digits: number): NhsNumber | undefined {
  return NhsNumber.parse(String(digits).padStart(10, "0"));
}

/** The questions by this number that may differ in what they find: by each birth date, none of them, and each given name. */
function patientsAsked(
  nhsNumber: NhsNumber,
  persons: readonly PersonView[],
  day: string,
): (PatientQuery & { readonly by: "number" })[] {
  const details = persons.map((person) => person.details.expose());
  const dates = [...new Set(details.flatMap(({ birthDates }) => birthDates)), A_WRONG_BIRTH_DATE];
  const names = [undefined, ...new Set(details.flatMap(({ givenNames }) => givenNames))];
  return dates.flatMap((text) => {
    const birthDate = BirthDate.parse(text, day);
    if (birthDate === undefined) return [];
    const asked = { by: "number", nhsNumber, birthDate } as const;
    return names.map((name) => (name === undefined ? asked : { ...asked, givenName: new Concealed(name) }));
  });
}
