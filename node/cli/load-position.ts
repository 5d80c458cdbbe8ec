/** How far a load has come: everything before is durable at the node, or stands in the rejects file. */
export interface Position {
  /** Which of the load's files; as many as there are once all are read. */
  readonly file: number;
  /** The next place to be read in it. */
  readonly place: number;
  /** The line of the last item before, for people. */
  readonly line: number;
  /** The last item's place in its FHIR Bundle, which may be a single line; absent where it stood in none. */
  readonly entry?: number | undefined;
  /** Items of the load so far. */
  readonly read: number;
  /** Durable at the node. */
  readonly accepted: number;
  /** In the rejects file. */
  readonly rejected: number;
  /** Which index of the node holds what is durable; absent before the first acknowledgement. */
  readonly storeId?: string | undefined;
  /** Providers of which something was accepted. */
  readonly providers: readonly string[];
}

export const BEGINNING: Position = { file: 0, place: 0, line: 0, read: 0, accepted: 0, rejected: 0, providers: [] };
