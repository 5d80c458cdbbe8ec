import type { Comparable } from "./comparable.ts";
import type { LinkModel } from "./model.ts";

/** Fields in which an equal value says the more, the rarer it is. */
export type WeighedField = "given" | "family" | "locality" | "postcode";

/** How common values are. */
export interface Frequencies {
  /** The share of people who have this value, as an estimate: above 0 to 1. */
  shareOf(field: WeighedField, value: string): number;
}

/** The share of a value that nothing is known of; nothing counts as rarer, or one strange spelling would be proof. */
const RARE: Readonly<Record<WeighedField, number>> = {
  given: 1 / 3_000,
  family: 1 / 8_000,
  locality: 1 / 200,
  postcode: 1 / 2_000,
};

/** As many records as a country's shares count for, against those counted. */
const COUNTRY_RECORDS = 500;

/** The country's shares, as the model has them. */
export function frequenciesOf({ common }: LinkModel): Frequencies {
  const [given, family] = [new Map(Object.entries(common.given)), new Map(Object.entries(common.family))];
  return {
    shareOf(field, value) {
      const share = field === "given" ? given.get(value) : field === "family" ? family.get(value) : undefined;
      return Math.max(RARE[field], share ?? 0);
    },
  };
}

/** Counts the values of the records at hand; what few records say is drawn towards the country's shares. */
export class CountedFrequencies implements Frequencies {
  readonly #country: Frequencies;
  readonly #counts: Record<WeighedField, Map<string, number>> = {
    given: new Map(),
    family: new Map(),
    locality: new Map(),
    postcode: new Map(),
  };
  readonly #records: Record<WeighedField, number> = { given: 0, family: 0, locality: 0, postcode: 0 };

  constructor(model: LinkModel) {
    this.#country = frequenciesOf(model);
  }

  add(record: Comparable): void {
    for (const field of ["given", "family", "locality", "postcode"] as const) {
      const value = record[field];
      if (value === "") continue;
      this.#counts[field].set(value, (this.#counts[field].get(value) ?? 0) + 1);
      this.#records[field]++;
    }
  }

  shareOf(field: WeighedField, value: string): number {
    const counted = this.#counts[field].get(value) ?? 0;
    const expected = COUNTRY_RECORDS * this.#country.shareOf(field, value);
    return Math.max(RARE[field], (counted + expected) / (this.#records[field] + COUNTRY_RECORDS));
  }
}
