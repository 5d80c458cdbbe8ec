import type { Concealed } from "../base/concealed.ts";
import type { Rejection } from "../requests/load-batch.ts";
import type { RawItem } from "./items.ts";
import type { Line } from "./lines.ts";
import { LINE_BYTES_MAX } from "./lines.ts";

/** What one line of a feed file holds: an item to validate, or why there is none. */
export type FeedLine = {
  readonly line: number;
  /** The line as it stands in the file, for the rejects file; empty where it could not be read. */
  readonly source: Concealed<string>;
} & ({ readonly item: RawItem } | { readonly rejected: Rejection });

/** What to say of a line that could not be read. */
export function lineRejection({ fault }: Extract<Line, { fault: string }>): Rejection {
  const reason = fault === "too-long" ? `line longer than ${LINE_BYTES_MAX} bytes` : "line is not UTF-8";
  return { field: "", reason };
}
