import { setTimeout as sleep } from "node:timers/promises";

import { BirthDate } from "../../node/base/birth-date.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Concealed } from "../../node/base/concealed.ts";
import { asFailure, type Failure } from "../../node/base/failure.ts";
import { NhsNumber } from "../../node/base/nhs-number.ts";
import type { Claim } from "../../node/base/question.ts";
import type { OrganisationCode } from "../../node/base/words.ts";
import type { FeedItem } from "../../node/requests/load-batch.ts";
import { openDatabase } from "../../node/storage/database.ts";
import { type CallerQuestion, connectCaller } from "../../node/wire/caller-client.ts";
import { numberAt } from "../bench/people.ts";
import { type DoorNetwork, PROVIDER } from "../testing/doors-network.ts";

/** A load that has failed asks its source for no more, and never says so: its last batch is not waited for for ever. */
const GIVEN_UP_AFTER_MS = 1_000;

/** Birth date of everybody whom such a feed sends; their names are alike too. */
const BORN = "1960-02-03";

/** When one batch left here and when its acknowledgement came, by the wall clock. */
export interface AckedBatch {
  readonly places: readonly number[];
  readonly sentMs: number;
  readonly ackedMs: number;
}

/**
 * A feed through the node's own door that remembers what was acknowledged, apart from the node: the truth to hold the node
 * against. Each place is one patient with one record.
 */
export interface AckedFeed {
  readonly acked: readonly AckedBatch[];
  /** Sends batch after batch, those first that were sent before and never acknowledged, until one of these is true. */
  run(
    port: number,
    until: { readonly batches?: number; readonly stopped?: () => boolean },
  ): Promise<Failure | undefined>;
}

export interface FeedShape {
  /** Patients in a batch. */
  readonly patients: number;
  readonly fromPlace?: number;
  /** Batches sent ahead of their acknowledgement; the client's own window unless it is to be one. */
  readonly oneByOne?: boolean;
}

export function makeAckedFeed(
  network: DoorNetwork,
  { patients, fromPlace = 0, oneByOne = false }: FeedShape,
): AckedFeed {
  const acked: AckedBatch[] = [];
  const owed: { places: number[]; sentMs: number }[] = [];
  let nextPlace = fromPlace;
  const nextPlaces = (): number[] => {
    const places: number[] = [];
    for (; places.length < patients; nextPlace++) if (numberAt(nextPlace) !== undefined) places.push(nextPlace);
    return places;
  };
  return {
    acked,
    async run(port, { batches = Infinity, stopped = () => false }) {
      const target = { host: "127.0.0.1", port, certsDir: network.callerDir("feed") };
      const client = await connectCaller(target, systemClock);
      const again = owed.splice(0).map(({ places }) => places);
      let came: (() => void) | undefined;
      const batchesToSend = async function* (): AsyncGenerator<FeedItem[]> {
        for (let sent = 0; sent < batches && !stopped(); sent++) {
          const places = again.shift() ?? nextPlaces();
          const acknowledged = new Promise<void>((resolve) => (came = resolve));
          owed.push({ places, sentMs: Date.now() });
          yield places.flatMap(itemsAt);
          if (oneByOne) await Promise.race([acknowledged, sleep(GIVEN_UP_AFTER_MS)]);
        }
      };
      try {
        for await (const { rejected } of client.load({ name: "acked", asOfMs: 0 }, batchesToSend())) {
          if (rejected.length > 0) throw new Error("the feed's own items are in order");
          acked.push({ ...owed.shift()!, ackedMs: Date.now() });
          came?.();
        }
        return undefined;
      } catch (thrown) {
        return asFailure(thrown);
      } finally {
        came?.();
        client.close();
        owed.push(...again.map((places) => ({ places, sentMs: 0 })));
      }
    },
  };
}

export function placesOf(acked: readonly AckedBatch[]): number[] {
  return acked.flatMap(({ places }) => places);
}

function itemsAt(place: number): FeedItem[] {
  const id = { provider: PROVIDER, localId: `L${place}` };
  const identity = {
    ...{ ...id, nhsNumber: numberAt(place)!, nhsNumberStatus: "01", givenName: "Ada", middleName: "" },
    ...{ familyName: "Lovelace", birthDate: BORN, gender: "female", addressLine1: "1 Mill Lane", addressLine2: "" },
    ...{ locality: "Nowhere", postcode: "ZZ99 3WZ", phone: "", recordedOn: "2024-01-01", restricted: false },
  };
  const pointer = {
    ...({ ...id, recordId: `R${place}`, recordType: "discharge-letter", recordedOn: "2025-01-02" } as const),
    ...({ format: "application/pdf", fetch: `https://records.example/${place}`, sensitivity: "N" } as const),
  };
  return [
    { kind: "identity", values: new Concealed(identity) },
    { kind: "pointer", values: new Concealed(pointer) },
  ];
}

/** What an index holds of such a feed. */
export interface Kept {
  /** Places that were acknowledged and are not there whole. */
  readonly lost: readonly number[];
  /** Patients or records that are there twice, or were written twice. */
  readonly doubled: number;
  /** What SQLite's own check says. */
  readonly integrity: string;
}

/** Looks into an index, beside its node or without one. */
export function lookInto(indexPath: string, acked: readonly number[]): Kept {
  const db = openDatabase(indexPath, { readonly: true });
  try {
    const count = (sql: string): number => Number(db.prepare(sql).pluck().get());
    const held = (sql: string): Set<string> => new Set(db.prepare<[], string>(sql).pluck().all());
    const patients = held("SELECT local_id FROM identity_record WHERE current = 1");
    const records = held("SELECT record_id FROM pointer");
    return {
      lost: acked.filter((place) => !patients.has(`L${place}`) || !records.has(`R${place}`)),
      doubled:
        count("SELECT count(*) FROM identity_record WHERE version > 1") +
        count("SELECT count(*) FROM identity_record") -
        patients.size +
        count("SELECT count(*) FROM pointer") -
        records.size,
      integrity: String(db.pragma("integrity_check(1)", { simple: true })),
    };
  } finally {
    db.close();
  }
}

/** An emergency department's question about the patient at a place. */
export function aQuestionAbout(place: number): CallerQuestion {
  const claim: Claim = {
    ...{ userId: "somebody", role: "R8000", setting: "emergency", organisation: PROVIDER as OrganisationCode },
    ...{ assurance: "smartcard", purpose: "TREAT", relationship: { kind: "attendance", reference: "A-1" } },
    ...{ trigger: "person", reason: "a test" },
  };
  const [nhsNumber, birthDate] = [NhsNumber.parse(numberAt(place)!)!, BirthDate.parse(BORN, "2026-01-01")!];
  return { patient: { by: "number", nhsNumber, birthDate }, claim, requestId: crypto.randomUUID(), answerByMs: 2_000 };
}
