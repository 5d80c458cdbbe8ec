import type { Audit } from "../audit/audit.ts";
import type { Clock } from "../base/clock.ts";
import { asFailure, type Failure, type FailureCode } from "../base/failure.ts";
import { mapInSlices } from "../base/in-slices.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { Nrl } from "../nrl/nrl.ts";
import { asNhsNumber, type HeldPointer, type HeldPointers, PUT_OFF_MS_MAX, type Wish } from "../nrl/pointer-store.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import type { PresenceReader } from "./presence-changes.ts";

export interface PublishPointersNeeds {
  readonly clock: Clock;
  /** Of the store `index`. */
  readonly store: StoreExecutor;
  readonly held: HeldPointers;
  readonly reader: PresenceReader;
  readonly nrl: Pick<Nrl, "findOwn" | "create" | "remove">;
  /** The person's id for the audit; `undefined` where nothing is to be published of the number. */
  readonly personToPublish: (nhsNumber: NhsNumber) => string | undefined;
  /**
   * Whether the national demographics service says that the number is that of somebody who lives and is not protected; asked
   * just before a pointer is added, for most were known here long before its first event came.
   */
  readonly confirm: (nhsNumber: NhsNumber) => Promise<boolean>;
  /** False where nobody is to be published any more: then what was is taken back. */
  readonly publishes: boolean;
  /** Durable in the audit when it resolves: before anything leaves. */
  readonly recordNational: Audit["recordNational"];
  /** How many pointers there are, after everybody has been gone through. */
  readonly told: (counts: ReturnType<HeldPointers["counts"]>) => void;
  /** What could not be done; of each kind told at the first time and then once an hour. */
  readonly failed: (failure: Failure) => void;
}

export interface PublishedPointers {
  /** What is under way is broken off, and found again at the next start. */
  readonly stop: () => Promise<void>;
}

/** How often writes are looked for. */
const EVERY_MS = 2_000;
/** So many people at most are published or taken back in a round: five a second, a million in two days and a half. */
const PEOPLE_A_ROUND = 10;
/** While everybody is gone through, so much of each round is spent on it: a million take a quarter of an hour. */
const SWEEP_MS_A_ROUND = 500;
const NUMBERS_A_PAGE = 100;
/** More changes than that at once are a bulk load: everybody is gone through instead. */
const CHANGES_MAX = 20_000;
/** Everybody is gone through once a day: who comes of age, and which feeds are paused, no write tells. */
const SWEEP_EVERY_MS = 24 * 3_600_000;
/** How soon the locator is asked again after it could not be: twice as long after each time, up to the second. */
const PAUSE_MS_MIN = 2_000;
const PAUSE_MS_MAX = 600_000;
/** How soon somebody is tried again whose pointer it refuses, likewise. */
const PUT_OFF_MS_MIN = 60_000;
const TOLD_AGAIN_MS = 3_600_000;

/** What is wrong with one pointer; every other failure is the locator's own, whomever it is asked about. */
const OF_ONE_POINTER: ReadonlySet<FailureCode> = new Set(["invalid-input", "incompatible"]);

/** How the locator is now. */
type Made = { readonly wanted: boolean; readonly nrlId: string };

/** How far everybody has been gone through: first those who are published, because to take back matters most. */
type Sweep = { readonly through: "published" | "held"; readonly after: number };

/**
 * Keeps the National Record Locator's pointers to this shared care record as they are to be: one for each person of whom
 * {@link PublishPointersNeeds.personToPublish} says so, none for anybody else. Who is to have one is decided by every write
 * that may bear on it, within seconds; by a round through everybody at every start and once a day; and once more just before
 * the pointer leaves. What is to be done stands in the index until it is done.
 */
export function publishPointers(needs: PublishPointersNeeds): PublishedPointers {
  const { clock, store, held, reader, nrl } = needs;
  let isWatching = false;
  const stopping = new AbortController();
  let sweep: Sweep | undefined = { through: "published", after: -1 };
  let sweptAtMs = clock.monotonicMs();
  let pause = { untilMs: -Infinity, ms: 0 };
  let confirmFromMs = -Infinity;
  const toldAtMs = new Map<FailureCode, number>();
  let running: Promise<void> | undefined;

  const wake = (): void => void (running ??= round().finally(() => (running = undefined)));
  const timer = clock.every(EVERY_MS, wake);
  wake();

  async function round(): Promise<void> {
    // Each by itself: what keeps one from being done must not keep what is to go from going.
    for (const step of [catchUp, sweepOn, settleDue]) {
      try {
        if (step !== catchUp || needs.publishes) await step();
      } catch (thrown) {
        tell(asFailure(thrown));
      }
    }
  }

  /** What was not looked at where that fails is lost, and everybody is gone through instead. */
  async function catchUp(): Promise<void> {
    try {
      if (!isWatching) await store.run("presence.watch", { by: "nrl" });
      isWatching = true;
      const changes = await store.run("presence.changes", { by: "nrl", most: CHANGES_MAX });
      if (changes === "too-many") beginSweep();
      else await decide([...reader.numbersTouched(changes)]);
    } catch (thrown) {
      beginSweep();
      throw thrown;
    }
  }

  function beginSweep(): void {
    sweep = { through: "published", after: -1 };
  }

  async function sweepOn(): Promise<void> {
    const begunMs = clock.monotonicMs();
    if (sweep === undefined && begunMs - sweptAtMs > SWEEP_EVERY_MS) beginSweep();
    while (sweep !== undefined && !stopping.signal.aborted && clock.monotonicMs() - begunMs < SWEEP_MS_A_ROUND) {
      const { through, after }: Sweep = sweep;
      const numbers = (through === "published" ? held : reader).numbersAfter(after, NUMBERS_A_PAGE);
      await decide(numbers);
      const last = numbers.at(-1);
      if (last !== undefined) sweep = { through, after: last };
      else if (through === "published" && needs.publishes) sweep = { through: "held", after: -1 };
      else endSweep();
    }
  }

  function endSweep(): void {
    [sweep, sweptAtMs] = [undefined, clock.monotonicMs()];
    needs.told(held.counts());
  }

  async function decide(numbers: readonly number[]): Promise<void> {
    const wishes = await mapInSlices(numbers, wishFor, clock);
    const changed = wishes.filter(({ nhsNumber, wanted }) => isAnother(nhsNumber, wanted));
    if (changed.length > 0) await store.run("nrl.wish", { wishes: changed, nowMs: clock.wallMs() });
  }

  /** A row that is damaged is left for a person to see to; everybody else's is looked at. */
  function isAnother(nhsNumber: number, wanted: boolean): boolean {
    try {
      return wanted !== (held.of(nhsNumber)?.wanted ?? false);
    } catch (thrown) {
      tell(asFailure(thrown));
      return false;
    }
  }

  function wishFor(nhsNumber: number): Wish {
    const number = asNhsNumber(nhsNumber);
    return { nhsNumber, wanted: number !== undefined && toPublish(number) !== undefined };
  }

  /** Of whom nothing can be known for certain, because a row is damaged, nothing is said. */
  function toPublish(nhsNumber: NhsNumber): string | undefined {
    if (!needs.publishes) return undefined;
    try {
      return needs.personToPublish(nhsNumber);
    } catch (thrown) {
      tell(asFailure(thrown));
      return undefined;
    }
  }

  /** A slow locator must not keep writes from being looked at. */
  async function settleDue(): Promise<void> {
    const begunMs = clock.monotonicMs();
    if (begunMs < pause.untilMs) return;
    for (const { nhsNumber, wanted } of held.due(clock.wallMs(), PEOPLE_A_ROUND)) {
      if (wanted && begunMs < confirmFromMs) continue;
      if (stopping.signal.aborted || clock.monotonicMs() - begunMs > EVERY_MS || !(await settle(nhsNumber))) return;
    }
  }

  /** @returns false where the locator cannot be asked now, about anybody. */
  async function settle(digits: number): Promise<boolean> {
    await decide([digits]);
    const [nhsNumber, pointer] = [asNhsNumber(digits), held.of(digits)];
    if (nhsNumber === undefined || pointer === undefined) return true;
    try {
      const made = pointer.wanted ? await putThere(pointer, nhsNumber) : await takeAway(pointer, nhsNumber);
      if (made === "not-confirmed")
        await putOff(pointer, clock.monotonicMs() < confirmFromMs ? PUT_OFF_MS_MIN : PUT_OFF_MS_MAX);
      else await store.run("nrl.settled", { nhsNumber: digits, ...made });
      pause = { untilMs: -Infinity, ms: 0 };
      return true;
    } catch (thrown) {
      if (stopping.signal.aborted) return false;
      const failure = asFailure(thrown);
      tell(failure);
      const isOfThisOne = OF_ONE_POINTER.has(failure.code);
      if (!isOfThisOne) pauseFor(failure.retryAfterMs ?? 0);
      // Behind the others in either case: one that fails for ever must not stand in the way of all.
      await putOff(pointer, isOfThisOne ? undefined : pause.ms);
      return isOfThisOne;
    }
  }

  /**
   * Looks at what is there before anything is added: of a creation whose answer was lost, and of an index that was built anew,
   * nothing else tells.
   */
  async function putThere({ nrlId }: HeldPointer, nhsNumber: NhsNumber): Promise<Made | "not-confirmed"> {
    const there = await nrl.findOwn(nhsNumber, stopping.signal);
    const kept = there.find((id) => id === nrlId) ?? there[0];
    for (const id of there) if (id !== kept) await takeBack(id, nhsNumber);
    if (kept !== undefined && kept === nrlId) return { wanted: true, nrlId: kept };
    const isBorneOut = await confirmed(nhsNumber);
    if (isBorneOut === "not-now") return "not-confirmed";
    if (!isBorneOut) {
      if (kept !== undefined) await takeBack(kept, nhsNumber);
      return "not-confirmed";
    }
    // An index that was built anew knew nothing of it.
    if (kept !== undefined) return { wanted: true, nrlId: kept };
    const person = toPublish(nhsNumber);
    if (person === undefined) return { wanted: false, nrlId: "" }; // since a moment ago
    await needs.recordNational({ action: "published", nhsNumber, personId: person, pointer: "" });
    return { wanted: true, nrlId: await nrl.create(nhsNumber, stopping.signal) };
  }

  /** While the demographics service is away nobody is added; who is to go goes all the same. */
  async function confirmed(nhsNumber: NhsNumber): Promise<boolean | "not-now"> {
    try {
      return await needs.confirm(nhsNumber);
    } catch (thrown) {
      tell(asFailure(thrown));
      confirmFromMs = clock.monotonicMs() + PUT_OFF_MS_MIN;
      return "not-now";
    }
  }

  async function takeAway({ nrlId }: HeldPointer, nhsNumber: NhsNumber): Promise<Made> {
    if (nrlId !== "") await takeBack(nrlId, nhsNumber);
    const there = await nrl.findOwn(nhsNumber, stopping.signal);
    for (const id of there) if (id !== nrlId) await takeBack(id, nhsNumber);
    return { wanted: false, nrlId: "" };
  }

  async function takeBack(id: string, nhsNumber: NhsNumber): Promise<void> {
    const action = "taken-back";
    await needs.recordNational({ action, nhsNumber, personId: toPublish(nhsNumber) ?? "", pointer: id });
    await nrl.remove(id, stopping.signal);
  }

  async function putOff(
    { nhsNumber, tries }: HeldPointer,
    forMs = Math.min(PUT_OFF_MS_MIN * 2 ** tries, PUT_OFF_MS_MAX),
  ): Promise<void> {
    await store.run("nrl.put-off", { nhsNumber, dueAtMs: clock.wallMs() + forMs });
  }

  function pauseFor(leastMs: number): void {
    const ms = Math.min(Math.max(PAUSE_MS_MIN, 2 * pause.ms, leastMs), PAUSE_MS_MAX);
    pause = { ms, untilMs: clock.monotonicMs() + ms };
  }

  function tell(failure: Failure): void {
    const nowMs = clock.monotonicMs();
    if (nowMs - (toldAtMs.get(failure.code) ?? -Infinity) < TOLD_AGAIN_MS) return;
    toldAtMs.set(failure.code, nowMs);
    needs.failed(failure);
  }

  return {
    async stop() {
      stopping.abort();
      timer.cancel();
      await running;
    },
  };
}
