import { CAST_DAY } from "../people/characters.ts";

const DAY_MS = 86_400_000;

/** Days are numbers from 1 January 1900 on: millions of dates are too many for a calendar library. */
const FIRST_MS = Date.UTC(1900, 0, 1);

const DAYS: string[] = [];
for (let ms = FIRST_MS; ms <= Date.parse(CAST_DAY); ms += DAY_MS) DAYS.push(new Date(ms).toISOString().slice(0, 10));

/** The last day of the population: nobody is born and nothing recorded after it. */
export const LAST_DAY = DAYS.length - 1;

export const YEAR_DAYS = 365.2425;

/** A day as `YYYY-MM-DD`; the first or the last one where it is before or after all. */
export function dayText(day: number): string {
  return DAYS[Math.min(Math.max(day, 0), LAST_DAY)]!;
}
