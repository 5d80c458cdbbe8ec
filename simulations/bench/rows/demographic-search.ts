import { join } from "node:path";

import { type Random, seededRandom } from "../../../node/base/random.ts";
import { makePersonSearch, type PersonSearch } from "../../../node/mpi/search.ts";
import { type AskedSearch, parseSearch } from "../../../node/mpi/search-terms.ts";
import { openDatabase } from "../../../node/storage/database.ts";
import type { Bench, Row } from "../bench-row.ts";
import { filledFolder } from "../fill.ts";
import { median, percentile } from "../measure.ts";
import { type FilledPerson, personAt } from "../people.ts";

const SEED = 20_261_123;
/** No day of the searches is before this. */
const ASKED_ON = "2026-11-22";
const SEARCHES = 4_000;
const QUICK_SEARCHES = 1_000;
const WARM_UP_SEARCHES = 200;
const P50_MS_MAX = 5;
const P99_MS_MAX = 50;
const JUDGED_MEAN_MAX = 50;
const JUDGED_MAX = 200;

/** How long one search of the index takes, and how many identities it judges, in an index of so many people. */
export function demographicSearch({ people, name }: { readonly people: number; readonly name: string }): Row {
  return {
    names: [name],
    async measure(bench) {
      const db = openDatabase(join(filledFolder(bench.folder, people, bench.say), "index.db"), { readonly: true });
      try {
        const { tookMs, judged } = measureSearches(makePersonSearch(db), people, bench);
        const [p50, p99] = [median(tookMs), percentile(tookMs, 99)];
        const judgedMean = judged.reduce((sum, each) => sum + each, 0) / judged.length;
        const judgedMost = judged.reduce((most, each) => Math.max(most, each), 0);
        return [
          {
            ...{ name, value: p50, unit: "ms (p50)", baseline: null, ratio: null, target: P50_MS_MAX },
            bar: `p50 <= ${P50_MS_MAX} ms, p99 <= ${P99_MS_MAX} ms, judged <= ${JUDGED_MEAN_MAX} on average, ${JUDGED_MAX} at most`,
            met: p50 <= P50_MS_MAX && p99 <= P99_MS_MAX && judgedMean <= JUDGED_MEAN_MAX && judgedMost <= JUDGED_MAX,
            beside: { "p99 ms": p99, "identities judged, mean": judgedMean, "identities judged, most": judgedMost },
            note: `${tookMs.length} searches one after the other on a warm file, of people who are held: a third by whole names, a third fuzzy with a name mistyped, a third over a week of birth dates`,
          },
        ];
      } finally {
        db.close();
      }
    },
  };
}

function measureSearches(
  index: PersonSearch,
  people: number,
  bench: Bench,
): { readonly tookMs: readonly number[]; readonly judged: readonly number[] } {
  const random = seededRandom(SEED);
  const tookMs: number[] = [];
  const judged: number[] = [];
  const searches = WARM_UP_SEARCHES + (bench.isQuick ? QUICK_SEARCHES : SEARCHES);
  let found = 0;
  for (let done = 0; done < searches; done++) {
    const search = parseSearch(askedOf(someoneHeld(people, random), done), ASKED_ON, false);
    const startedMs = performance.now();
    const outcome = index.search(search);
    if (done < WARM_UP_SEARCHES) continue;
    tookMs.push(performance.now() - startedMs);
    judged.push(index.lastJudged());
    if (outcome.kind !== "none") found++;
  }
  if (found !== tookMs.length) throw new Error(`${tookMs.length - found} searches found nobody`);
  return { tookMs, judged };
}

function someoneHeld(people: number, random: Random): FilledPerson {
  for (;;) {
    const person = personAt(Math.floor(random.fraction() * people));
    if (person !== undefined) return person;
  }
}

const DAY_MS = 86_400_000;

function askedOf({ familyName, givenName, birthDate }: FilledPerson, at: number): AskedSearch {
  const asked = { family: familyName, given: [givenName], exact: false, history: true, fuzzy: false };
  switch (at % 3) {
    case 0:
      return { ...asked, birthDate: [birthDate] };
    case 1: {
      const mistyped = `${givenName.slice(0, -1)}${givenName.endsWith("e") ? "a" : "e"}`;
      return { ...asked, given: [givenName.length < 6 ? givenName : mistyped], birthDate: [birthDate], fuzzy: true };
    }
    default: {
      const from = Date.parse(birthDate) - 3 * DAY_MS;
      const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
      return { ...asked, birthDate: [`ge${day(from)}`, `le${day(from + 6 * DAY_MS)}`] };
    }
  }
}
