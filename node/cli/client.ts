import type { LocateEvent, SignedBytes } from "../base/answer.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import type { RecordEvent } from "../base/record.ts";
import type { Concealed } from "../base/concealed.ts";
import type { AskedSearch } from "../mpi/search-terms.ts";
import type { FeedItem, DurableAck, LoadEnd, LoadHeader, ParsedItem, Rejection } from "../requests/load-batch.ts";
import type { SearchTold } from "../requests/search-people.ts";

/** What a command needs of a node: the caller's side of its gRPC door. The composition root hands in the real one. */
export interface NodeClient {
  /** @throws {Failure} as the node said, typed; `unreachable` where it could not be reached. */
  locate(call: LocateCall): AsyncIterable<LocateEvent & { readonly signed?: SignedBytes }>;
  /**
   * Loads batches in order, at most 1,000 items each; one result for each, once it is durable, and at the end what the load
   * leaves behind.
   *
   * @param loadedBefore of a load that is taken up again: the providers of which something was kept before.
   * @param stop ends the load at once, whatever the node does; its reason is thrown.
   * @throws {Failure} as the node said; go on after the last result.
   */
  load(
    header: LoadHeader,
    batches: AsyncIterable<readonly FeedItem[]>,
    loadedBefore?: readonly string[],
    stop?: AbortSignal,
  ): AsyncGenerator<DurableAck, LoadEnd>;
  /** @throws {Failure} as {@link locate}. */
  search(call: SearchCall): Promise<SearchTold>;
  /**
   * Opens one record, live: its head, its pieces, its end; or that it is unavailable.
   *
   * @throws {Failure} as {@link locate}.
   */
  retrieve(call: RetrieveCall): AsyncIterable<RecordEvent>;
  close(): void;
}

export interface RetrieveCall {
  readonly patient: PatientQuery;
  readonly claim: Claim;
  readonly requestId: string;
  /** Of the area that named the record, and the record's id there. */
  readonly nodeId: string;
  readonly pointerId: string;
}

export interface SearchCall {
  readonly search: AskedSearch;
  readonly claim: Claim;
  readonly requestId: string;
}

export interface LocateCall {
  readonly patient: PatientQuery;
  readonly claim: Claim;
  readonly requestId: string;
  readonly answerByMs: number;
  /** The locate whose answers are wanted, with those that came late. */
  readonly lateOf?: string;
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
  /** Counted from 0 in the order of reading; the same each time that the same file is read. */
  readonly place: number;
  readonly line: number;
  /** For what stands in a FHIR Bundle: its place there, from 0. */
  readonly entry?: number;
  readonly source: Concealed<string>;
  readonly parsed: ParsedItem;
}

export interface Reading {
  /** Which places are wanted; the others are passed over. */
  readonly wants?: (place: number) => boolean;
  /** Told the bytes of each piece that is read. */
  readonly onBytes?: (count: number) => void;
  /** For FHIR: the organisation that speaks, where a resource does not name it, and the address of its server. */
  readonly sender?: { readonly provider?: string; readonly base?: string };
}

/** Reads a feed file (of a form that its beginning tells), validating each line. */
export type ReadFeedFile = (path: string, reading?: Reading) => AsyncIterable<ReadLine>;

export interface ReasonCount {
  readonly field: string;
  readonly reason: string;
  readonly count: number;
}

/** How much a rejects file holds: what a load that is taken up again goes on from. */
export interface RejectsSoFar {
  readonly bytes: number;
  readonly reasons: readonly ReasonCount[];
}

/** Where the lines go that were not kept. Holds patients: the operator's own file. */
export interface Rejects {
  add(line: number, rejection: Rejection, source: Concealed<string>, entry?: number): void;
  counts(): readonly ReasonCount[];
  /** Makes durable what was added, and says how much that is. */
  keep(): RejectsSoFar;
  close(): void;
}

/** @param sofar of a load that is taken up again: so much of the file counts. */
export type MakeRejects = (path: string, sofar?: RejectsSoFar) => Rejects;

/** What loading needs of the feeds edge. */
export interface FeedFiles {
  readonly read: ReadFeedFile;
  readonly makeRejects: MakeRejects;
}
