import type { SourceHealth } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import type { OrganisationCode } from "../base/words.ts";
import { type OpenedRecord, type RecordSource, SourceFault, type SourceOrder } from "./source.ts";

/** Records, fetched live from their custodians' systems. Nothing is kept of them. */
export interface Records {
  /**
   * Opens a record at its custodian's source.
   *
   * @throws {SourceFault} why there is nothing to read; `not-connected` where no source is set up for that custodian, `busy`
   * where as many as it allows are open.
   */
  open(custodian: OrganisationCode, order: SourceOrder): Promise<OpenedRecord & Pick<RecordSource, "origin">>;
  /** `undefined` where no source is set up for that custodian. */
  healthOf(custodian: OrganisationCode): SourceHealth | undefined;
}

export interface ConnectedSource {
  readonly source: RecordSource;
  /** Records open at once; beyond it, whoever asks is told that the source is busy. */
  readonly atOnceMax: number;
}

const HOUR_MS = 3_600_000;
/** Tries remembered for each source: beyond it the oldest are forgotten, be they of the last hour. */
const TRIES_MAX = 1_000;

export function makeRecords(sources: ReadonlyMap<OrganisationCode, ConnectedSource>, clock: Clock): Records {
  const tracked = new Map(
    [...sources].map(([custodian, connected]) => [custodian, new TrackedSource(connected, clock)]),
  );
  return {
    async open(custodian, order) {
      const source = tracked.get(custodian);
      if (source === undefined) throw new SourceFault("not-connected", "no source is set up for this custodian");
      return source.open(order);
    },
    healthOf: (custodian) => tracked.get(custodian)?.health(),
  };
}

/** A source, how it has been doing, and how many of its records are open. */
class TrackedSource {
  readonly #connected: ConnectedSource;
  readonly #clock: Clock;
  #tries: { readonly atMs: number; readonly worked: boolean }[] = [];
  #lastWorkedAtMs = 0;
  #open = 0;

  constructor(connected: ConnectedSource, clock: Clock) {
    this.#connected = connected;
    this.#clock = clock;
  }

  async open(order: SourceOrder): Promise<OpenedRecord & Pick<RecordSource, "origin">> {
    const { source, atOnceMax } = this.#connected;
    // Of a document no part can be held back: where the agreement shares named fields, it is not opened.
    if (order.fields !== "all" && source.narrows !== true) {
      throw new SourceFault(
        "not-connected",
        "the agreement shares named fields alone, which this kind of source cannot tell apart",
      );
    }
    if (this.#open >= atOnceMax) throw new SourceFault("busy", `${atOnceMax} records are open`);
    this.#open++;
    try {
      const opened = await source.open(order);
      return { ...opened, origin: source.origin, pieces: this.#watched(opened.pieces) };
    } catch (thrown) {
      this.#open--;
      this.#note(thrown);
      throw thrown;
    }
  }

  async *#watched(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* pieces;
      this.#note(undefined);
    } catch (thrown) {
      this.#note(thrown);
      throw thrown;
    } finally {
      this.#open--;
    }
  }

  /** A record that is gone, or was never one of ours to fetch, says nothing against its source. */
  #note(thrown: unknown): void {
    const isOurs = thrown instanceof SourceFault && (thrown.fault === "gone" || thrown.fault === "not-connected");
    const worked = thrown === undefined || (thrown instanceof SourceFault && thrown.fault === "gone");
    if (isOurs && !worked) return;
    const nowMs = this.#clock.wallMs();
    if (worked) this.#lastWorkedAtMs = nowMs;
    this.#tries.push({ atMs: this.#clock.monotonicMs(), worked });
    if (this.#tries.length > TRIES_MAX) this.#tries.shift();
  }

  health(): SourceHealth {
    const since = this.#clock.monotonicMs() - HOUR_MS;
    this.#tries = this.#tries.filter(({ atMs }) => atMs >= since);
    return {
      lastWorkedAtMs: this.#lastWorkedAtMs,
      triedInHour: this.#tries.length,
      workedInHour: this.#tries.filter(({ worked }) => worked).length,
    };
  }
}
