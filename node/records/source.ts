import type { SharedFields } from "../base/datasets.ts";
import type { RecordTypeKey } from "../base/record-types.ts";
import type { RecordFault, RecordOrigin } from "../base/record.ts";

/** What is asked of a source. */
export interface SourceOrder {
  /** As the custodian's pointer has it. Anybody may have written it: nothing outside the source's own base is fetched. */
  readonly address: string;
  /** MIME type that the pointer promises. */
  readonly format: string;
  readonly recordType: RecordTypeKey;
  /** The fields that may be shown; only a source that narrows is asked for less than all. */
  readonly fields: SharedFields;
  /** Aborts when nobody waits any more: the source is let go at once. */
  readonly signal: AbortSignal;
}

/** A record whose first byte is there. */
export interface OpenedRecord {
  readonly contentType: string;
  /** When its custodian last updated it, milliseconds since the epoch; 0 when it does not say. */
  readonly updatedAtMs: number;
  readonly cleaned: boolean;
  /**
   * Read as fast as they are taken, no faster; letting go of the iteration lets go of the source.
   *
   * @throws {SourceFault} the source failed half-way.
   */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** A custodian's system, from which records are fetched live. Keeps nothing. */
export interface RecordSource {
  readonly origin: RecordOrigin;
  /** True where it shows some fields of a record and not others. Absent: all of a record, or nothing. */
  readonly narrows?: true;
  /** @throws {SourceFault} why there is nothing to read. */
  open(order: SourceOrder): Promise<OpenedRecord>;
}

/** Why a source gave nothing, or not all. Says nothing of the address, which names a record. */
export class SourceFault extends Error {
  readonly fault: RecordFault;
  /** For the operator's log: a status, a limit; never anything that came from the source. */
  readonly detail: string;

  constructor(fault: RecordFault, detail: string) {
    super(`The source of a record failed: ${detail}.`);
    this.name = "SourceFault";
    this.fault = fault;
    this.detail = detail;
  }
}

/** A record of more bytes than this is not carried: a scan of many pages has a tenth of it. */
export const RECORD_BYTES_MAX = 100 * 1024 * 1024;

/** A record travels in pieces of at most this. */
export const PIECE_BYTES_MAX = 64 * 1024;

/** Where a source's records are: what its pointers' addresses begin with, and what they are fetched from instead. */
export interface SourcePlace {
  /** Ends with a slash. */
  readonly base: URL;
  /** The same, unless the custodian publishes other addresses than this node may use. Ends with a slash. */
  readonly server: URL;
}

/**
 * What lies below the base, to be fetched: a path, and a query where there is one. Same scheme, host and port, and a path below it. Addresses come with the data, so
 * whatever leads elsewhere (another host, `..`, a user name, a fragment) is none.
 *
 * @throws {SourceFault} `not-connected`: it leads elsewhere.
 */
export function pathWithin({ base }: SourcePlace, address: string): string {
  const url = URL.parse(address, base.href);
  const elsewhere = new SourceFault("not-connected", "the pointer's address is not below the source's base");
  if (url === null || url.origin !== base.origin || url.username !== "" || url.password !== "") throw elsewhere;
  const isPlain =
    url.hash === "" && !/%(?:2e|2f|5c)|\\|\p{Cc}/iu.test(address) && !address.split(/[/?]/).includes("..");
  if (!isPlain || !url.pathname.startsWith(base.pathname) || url.pathname === base.pathname) throw elsewhere;
  return `${url.pathname.slice(base.pathname.length)}${url.search}`;
}

/** Where a path of {@link pathWithin} is fetched. */
export function urlAt({ server }: SourcePlace, path: string): URL {
  return new URL(`${server.href}${path}`);
}
