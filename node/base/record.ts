import type { Custodian, SourceHealth } from "./answer.ts";
import { RECORD_TYPES, type RecordTypeKey } from "./record-types.ts";

/** From what kind of source a record was fetched. */
export const RECORD_ORIGINS = ["fhir-server", "document-server", "file-store"] as const;
export type RecordOrigin = (typeof RECORD_ORIGINS)[number];

/** Why a record that exists could not be shown, or not whole. */
export const RECORD_FAULTS = [
  /** Its custodian's system did not answer, or not in time. */
  "not-responding",
  /** It answered with an error, or refused this node. */
  "source-error",
  /** It says that the record is not there any more. */
  "gone",
  /** What came is not what the pointer promised. */
  "unexpected-content",
  /** It is larger than is carried. */
  "too-large",
  /** It stopped half-way: what has come is to be thrown away. */
  "broke-off",
  /** It arrived otherwise than it left: what has come is to be thrown away. */
  "damaged",
  /** No way to this custodian's records is set up. */
  "not-connected",
  /** As many as its custodian allows are being fetched. */
  "busy",
] as const;
export type RecordFault = (typeof RECORD_FAULTS)[number];

/** Which record it is. */
export interface RecordName {
  readonly pointerId: string;
  readonly recordType: RecordTypeKey;
  readonly custodian: Custodian;
  /** `YYYY-MM-DD`, or empty. */
  readonly recordedOn: string;
}

/** What a record is and where it comes from: before its first byte. */
export interface RecordHead extends RecordName {
  /** When its custodian last updated it, milliseconds since the epoch; 0 when not known. */
  readonly updatedAtMs: number;
  /** MIME type of what follows. */
  readonly contentType: string;
  readonly origin: RecordOrigin;
  /** When it was fetched, live, milliseconds since the epoch. */
  readonly obtainedAtMs: number;
  /** True where anything that could act (scripts, forms, links to elsewhere) was taken out of it. */
  readonly cleaned: boolean;
}

/** That a record exists and cannot be shown now. Never to be read as "none". */
export interface RecordUnavailable extends RecordName {
  readonly fault: RecordFault;
  /** Milliseconds since the epoch. */
  readonly triedAtMs: number;
  /** When its source last gave a record; 0 where it has not since this node started. */
  readonly lastWorkedAtMs: number;
}

/**
 * A record on its way: its head, its pieces in their order, its end. Or instead, at any moment, that it is unavailable. A
 * record without its end is not whole, and nothing of it is to be shown.
 */
export type RecordEvent =
  | { readonly kind: "head"; readonly head: RecordHead }
  | { readonly kind: "piece"; readonly bytes: Uint8Array }
  /** @property sha256 over all pieces. */
  | { readonly kind: "end"; readonly bytes: number; readonly sha256: Uint8Array }
  | { readonly kind: "unavailable"; readonly unavailable: RecordUnavailable };

const WHAT_HAPPENED = {
  "not-responding": "is not responding",
  "source-error": "answered with an error",
  gone: "says that it is not there any more",
  "unexpected-content": "sent something else than was expected",
  "too-large": "sent more than can be shown here",
  "broke-off": "stopped half-way",
  damaged: "sent it, but it arrived damaged",
  "not-connected": "is not connected for opening records",
  busy: "is giving out as many records as it can",
} as const satisfies Record<RecordFault, string>;

/** For a clinician's screen: what exists, what happened, whom to ring, and what not to conclude. */
export function unavailableSentence(unavailable: RecordUnavailable): string {
  const { custodian, recordType, recordedOn, fault, triedAtMs, lastWorkedAtMs } = unavailable;
  const { display } = RECORD_TYPES[recordType];
  const what = recordedOn === "" ? display : `${display}, ${recordedOn}`;
  const worked = lastWorkedAtMs === 0 ? "not known to have worked today" : `last worked ${timeOf(lastWorkedAtMs)}`;
  const phone = custodian.phone === "" ? "no telephone number is known" : `phone ${custodian.phone}`;
  return (
    `Record exists (${what}). ${custodian.name} ${WHAT_HAPPENED[fault]}, tried ${timeOf(triedAtMs)}, ${worked}. ` +
    `Retry · ${phone}. Do not read as "none" or "no allergies".`
  );
}

/** How a record's source has been doing, where it has not worked of late; empty where there is nothing to say. */
export function sourceTrouble({ lastWorkedAtMs, triedInHour, workedInHour }: SourceHealth): string {
  if (triedInHour === 0 || workedInHour > 0) return "";
  return lastWorkedAtMs === 0
    ? "source not responding"
    : `source not responding, last worked ${timeOf(lastWorkedAtMs)}`;
}

const UK_TIME = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/London", hour: "2-digit", minute: "2-digit" });

function timeOf(ms: number): string {
  return UK_TIME.format(ms);
}
