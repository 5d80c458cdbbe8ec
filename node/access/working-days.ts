/**
 * Bank holidays in England on days from Monday to Friday. Source: www.gov.uk/bank-holidays, England and Wales. Beyond the last
 * year, weekends alone are left out: a review is then due a day early, never late.
 */
const BANK_HOLIDAYS: ReadonlySet<string> = new Set([
  ...["2026-01-01", "2026-04-03", "2026-04-06", "2026-05-04", "2026-05-25", "2026-08-31", "2026-12-25", "2026-12-28"],
  ...["2027-01-01", "2027-03-26", "2027-03-29", "2027-05-03", "2027-05-31", "2027-08-30", "2027-12-27", "2027-12-28"],
  ...["2028-01-03", "2028-04-14", "2028-04-17", "2028-05-01", "2028-05-29", "2028-08-28", "2028-12-25", "2028-12-26"],
]);

const DAY_MS = 86_400_000;

/** The day so many working days after another, both `YYYY-MM-DD`: the day itself does not count. */
export function workingDaysAfter(day: string, count: number): string {
  let ms = Date.parse(`${day}T00:00:00Z`);
  for (let left = count; left > 0;) {
    ms += DAY_MS;
    if (isWorkingDay(ms)) left--;
  }
  return isoDay(ms);
}

function isWorkingDay(ms: number): boolean {
  const weekday = new Date(ms).getUTCDay();
  return weekday !== 0 && weekday !== 6 && !BANK_HOLIDAYS.has(isoDay(ms));
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
