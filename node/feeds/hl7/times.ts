import { isCalendarDate } from "../../base/birth-date.ts";
import { check } from "../../base/check.ts";

/** A time stamp as far as it was given: `YYYY[MM[DD[HHMM[SS[.S…]]]]][+ZZZZ]` (HL7 v2.4, TS). */
const STAMP = /^(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(\d{2})(?:(\d{2})(?:\.(\d{1,4}))?)?)?)?)?([+-]\d{4})?$/;

/** The day of a time stamp, as exact as it was given: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`; `undefined` where it is none. */
export function readDay(text: string): string | undefined {
  const parts = partsOf(text);
  return parts && [parts.year, parts.month, parts.day].filter((part) => part !== undefined).join("-");
}

/**
 * The moment of a time stamp, in milliseconds since the epoch; `undefined` where it is none, or names no day.
 *
 * @param zone where a clock shows it that names no offset. Of an hour that comes twice, the first; of one that is left out
 * by the clock, the next.
 */
export function readMoment(text: string, zone: string): number | undefined {
  const parts = partsOf(text);
  if (parts?.day === undefined) return undefined;
  const { year, month, day, hour = "00", minute = "00", second = "00", offset } = parts;
  const shownMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (offset !== undefined) return shownMs - offset;
  const before = offsetAt(shownMs - DAY_MS, zone);
  const offsets = [before, offsetAt(shownMs + DAY_MS, zone)].sort((one, other) => other - one);
  const fits = offsets.find((each) => offsetAt(shownMs - each, zone) === each);
  return shownMs - (fits ?? before);
}

const DAY_MS = 86_400_000;

interface Parts {
  readonly year: string;
  readonly month: string | undefined;
  readonly day: string | undefined;
  readonly hour: string | undefined;
  readonly minute: string | undefined;
  readonly second: string | undefined;
  /** East of Greenwich, milliseconds. */
  readonly offset: number | undefined;
}

function partsOf(text: string): Parts | undefined {
  const [, year, month, day, hour, minute, second, , offset] = STAMP.exec(text) ?? [];
  if (year === undefined || !isCalendarDate(`${year}-${month ?? "01"}-${day ?? "01"}`)) return undefined;
  if (Number(hour ?? 0) > 23 || Number(minute ?? 0) > 59 || Number(second ?? 0) > 59) return undefined;
  const offsetMs = offset === undefined ? undefined : offsetOf(offset);
  if (Number.isNaN(offsetMs)) return undefined;
  return { year, month, day, hour, minute, second, offset: offsetMs };
}

/** NaN where there is no such offset on earth. */
function offsetOf(text: string): number {
  const [hours, minutes] = [Number(text.slice(1, 3)), Number(text.slice(3))];
  if (hours > 14 || minutes > 59) return Number.NaN;
  return (text.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function offsetAt(atMs: number, zone: string): number {
  let format = formats.get(zone);
  if (format === undefined) {
    const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
    format = new Intl.DateTimeFormat("sv-SE", {
      ...{ timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" },
      ...clock,
    });
    formats.set(zone, format);
  }
  const shownMs = Date.parse(`${format.format(atMs).replace(" ", "T")}Z`);
  check(!Number.isNaN(shownMs), "a zone's clock shows a date and a time");
  return shownMs - Math.floor(atMs / 1_000) * 1_000;
}
