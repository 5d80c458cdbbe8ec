import { Failure } from "../base/failure.ts";

/**
 * The time from the first day to the end of the last; all time where none is given.
 *
 * @throws {Failure} `invalid-input`: one of them is no day.
 */
export function daysOf({ from, to }: { readonly from?: string; readonly to?: string }): {
  fromMs: number;
  toMs: number;
} {
  return {
    fromMs: from === undefined ? 0 : dayOf(from, "--from"),
    toMs: to === undefined ? Number.MAX_SAFE_INTEGER : dayOf(to, "--to") + 86_399_999,
  };
}

function dayOf(text: string, option: string): number {
  const ms = Date.parse(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(ms))
    throw new Failure("invalid-input", `${option} must be a day, YYYY-MM-DD.`);
  return ms;
}
