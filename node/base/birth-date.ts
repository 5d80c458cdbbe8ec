import { Concealed } from "./concealed.ts";

/** A full date of birth, a real calendar day. It cannot be printed by accident; see {@link Concealed}. */
export class BirthDate extends Concealed<string> {
  private readonly kind = "birth-date";

  private constructor(isoDate: string) {
    super(isoDate);
  }

  /**
   * Reads `YYYY-MM-DD`.
   *
   * @param today the day of the question, `YYYY-MM-DD`: a birth after it is refused.
   * @returns the date, or `undefined` where the text is not a real day between 1860-01-01 and today.
   */
  static parse(text: string, today: string): BirthDate | undefined {
    if (!isCalendarDate(text) || text < "1860-01-01" || text > today) return undefined;
    return new BirthDate(text);
  }

  equals(other: BirthDate): boolean {
    return this.expose() === other.expose();
  }

  /** Whole years of age on a day (`YYYY-MM-DD`). */
  ageOn(day: string): number {
    const born = this.expose();
    const years = Number(day.slice(0, 4)) - Number(born.slice(0, 4));
    return day.slice(5) < born.slice(5) ? years - 1 : years;
  }
}

/** True where the text is `YYYY-MM-DD` and such a day exists. */
export function isCalendarDate(text: string): boolean {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (parts === null) return false;
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
