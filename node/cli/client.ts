import type { LocateEvent } from "../base/answer.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import type { Concealed } from "../base/concealed.ts";
import type { FeedItem, LoadAck, LoadHeader, ParsedItem, Rejection } from "../requests/load-batch.ts";

/** What a command needs of a node: the caller's side of its gRPC door. The composition root hands in the real one. */
export interface NodeClient {
  /** @throws {Failure} as the node said, typed; `unreachable` where it could not be reached. */
  locate(call: LocateCall): AsyncIterable<LocateEvent>;
  /**
   * Loads batches in order, at most 1,000 items each; one result for each, once it is durable.
   *
   * @throws {Failure} as the node said; nothing after the last result was kept.
   */
  load(header: LoadHeader, batches: AsyncIterable<readonly FeedItem[]>): AsyncIterable<LoadAck>;
  close(): void;
}

export interface LocateCall {
  readonly patient: PatientQuery;
  readonly claim: Claim;
  readonly requestId: string;
  readonly answerByMs: number;
}

/** Where a node listens, and the caller's certificate to show there. */
export interface ClientTarget {
  readonly host: string;
  readonly port: number;
  /** Folder with caller.crt.pem, caller.key.pem and trust.crt.pem. */
  readonly certsDir: string;
}

export type Connect = (target: ClientTarget) => Promise<NodeClient>;

/** One line of a feed file: an item validated, or why there is none. */
export interface ReadLine {
  readonly line: number;
  readonly source: Concealed<string>;
  readonly parsed: ParsedItem;
}

/** Reads a feed file (CSV or NDJSON, by its name), validating each line. */
export type ReadFeedFile = (path: string) => AsyncIterable<ReadLine>;

/** Where the lines go that were not kept. Holds patients: the operator's own file. */
export interface Rejects {
  add(line: number, rejection: Rejection, source: Concealed<string>): void;
  counts(): readonly { readonly field: string; readonly reason: string; readonly count: number }[];
  close(): void;
}

export type MakeRejects = (path: string) => Rejects;

/** What loading needs of the feeds edge. */
export interface FeedFiles {
  readonly read: ReadFeedFile;
  readonly makeRejects: MakeRejects;
}
