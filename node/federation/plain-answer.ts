import type { HolderAnswer, PointerView, ProviderFeed } from "../base/answer.ts";
import { isCalendarDate } from "../base/birth-date.ts";
import type { EncounterView } from "../base/encounter.ts";
import { isPlainText } from "../base/plain-text.ts";
import { RECORD_TYPE_KEYS } from "../base/record-types.ts";

/** Twice what a holder sends today; the rest it counts. */
const POINTERS_MAX = 2_000;
const MORE_POINTERS_MAX = 1_000_000;
/** More providers than the largest integrated care system has organisations. */
const PROVIDERS_MAX = 2_000;
const NAME_CHARACTERS_MAX = 300;
const PHONE_CHARACTERS_MAX = 40;
const POINTER_ID_CHARACTERS_MAX = 100;
const DOCUMENT_CHARACTERS_MAX = 64;
const FORMAT_CHARACTERS_MAX = 127;
/** The last moment that a date can hold (ECMAScript time range). */
const MOMENT_MS_MAX = 8_640_000_000_000_000;

/**
 * True where every text of a member's answer can be shown and signed as it is, and there is not more of anything than an
 * honest answer has. A name with controls in it could write over the lines of other areas; one with a line break could add
 * a sentence to the verdict, which this node signs.
 */
export function isPlainAnswer({ pointers, sealed, notOffered, morePointers, coverage }: HolderAnswer): boolean {
  return (
    pointers.length <= POINTERS_MAX &&
    pointers.every(isPlainPointer) &&
    sealed.length <= RECORD_TYPE_KEYS.length &&
    notOffered.length <= RECORD_TYPE_KEYS.length &&
    morePointers <= MORE_POINTERS_MAX &&
    (coverage === undefined ||
      (coverage.providers.length <= PROVIDERS_MAX && coverage.providers.every(isPlainProvider)))
  );
}

/** Which areas named a record is the asker's to say, not the holder's. */
function isPlainPointer({
  pointerId,
  custodian,
  recordedOn,
  updatedAtMs,
  format,
  sources,
  document,
  encounter,
}: PointerView): boolean {
  return (
    isPlain(pointerId, 1, POINTER_ID_CHARACTERS_MAX) &&
    isPlain(custodian.name, 1, NAME_CHARACTERS_MAX) &&
    isPlain(custodian.phone, 0, PHONE_CHARACTERS_MAX) &&
    (recordedOn === "" || isCalendarDate(recordedOn)) &&
    isMoment(updatedAtMs) &&
    isPlain(format, 0, FORMAT_CHARACTERS_MAX) &&
    sources.length === 0 &&
    isPlain(document ?? "", 0, DOCUMENT_CHARACTERS_MAX) &&
    (encounter === undefined || isPlainEncounter(encounter))
  );
}

function isPlainEncounter({ state, endedOn }: EncounterView): boolean {
  return endedOn === "" || (state === "closed" && isCalendarDate(endedOn));
}

function isPlainProvider({ name, lastReceivedAtMs }: ProviderFeed): boolean {
  return isPlain(name, 1, NAME_CHARACTERS_MAX) && isMoment(lastReceivedAtMs);
}

function isPlain(text: string, charactersMin: number, charactersMax: number): boolean {
  return text.length >= charactersMin && text.length <= charactersMax && isPlainText(text);
}

function isMoment(ms: number): boolean {
  return ms >= 0 && ms <= MOMENT_MS_MAX;
}
