import { ANSWERED_OUTCOMES, type AreaAnswer, type PointerView } from "../base/answer.ts";
import type { Permit } from "../base/permit.ts";
import { PROTECTED_RECORD_TYPES, type RecordTypeKey } from "../base/record-types.ts";

/**
 * What of another area's answer the asker's own user may see: never more than the asker's permit allows, whatever the
 * holder let through. The two have the same table; one may be older, or narrow what its users see.
 */
export function withinPermit(answer: AreaAnswer, permit: Permit): AreaAnswer {
  if (!ANSWERED_OUTCOMES.has(answer.outcome)) return answer;
  const pointers = answer.pointers.map((pointer) => pointerWithin(pointer, permit));
  const shown = pointers.filter((pointer) => pointer !== undefined);
  const notOffered = together(answer.notOffered, permit.notOffered);
  const sealed = together(answer.sealed, permit.sealed).filter((recordType) => !notOffered.includes(recordType));
  const said = { ...answer, pointers: shown, sealed, notOffered };
  return answer.outcome === "records" && shown.length === 0
    ? { ...said, outcome: "nothing-to-show", morePointers: 0 }
    : said;
}

function pointerWithin(pointer: PointerView, permit: Permit): PointerView | undefined {
  const { recordType, custodian, access } = pointer;
  if (PROTECTED_RECORD_TYPES.has(recordType)) return undefined;
  const level = permit.levelOf(recordType, custodian.code);
  if (level === "none" || level === "sealed") return undefined;
  if (access !== "full" || level !== "summary") return pointer;
  const { source: _opens, ...rest } = pointer; // a summary is not opened
  return { ...rest, access: "summary", format: "" };
}

/** Both lists, in the order of the first; the very same list where the second adds nothing. */
function together(said: readonly RecordTypeKey[], own: readonly RecordTypeKey[]): readonly RecordTypeKey[] {
  const more = own.filter((recordType) => !said.includes(recordType));
  return more.length === 0 ? said : [...said, ...more];
}
