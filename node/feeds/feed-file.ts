import type { Concealed } from "../base/concealed.ts";
import type { Rejection } from "../requests/load-batch.ts";
import type { RawItem } from "./items.ts";
import type { Line } from "./lines.ts";

/** What one line of a feed file holds: an item to validate, or why there is none. */
export type FeedLine = {
  readonly line: number;
  /** For what stands in a FHIR Bundle: its place there, from 0. */
  readonly entry?: number;
  /** The line, or the entry, as it stands in the file, for the rejects file; empty where it could not be read, or is long. */
  readonly source: Concealed<string>;
} & ({ readonly item: RawItem } | { readonly rejected: Rejection });

/**
 * What to say of a line that could not be read.
 *
 * @param bytesMax how long a line of its file may be.
 */
export function lineRejection({ fault }: Extract<Line, { fault: string }>, bytesMax: number): Rejection {
  const reason = fault === "too-long" ? `line longer than ${bytesMax} bytes` : "line is not UTF-8";
  return { field: "", reason };
}
