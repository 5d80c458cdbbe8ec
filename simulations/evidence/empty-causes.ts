import { checkDigit } from "../../node/base/nhs-number.ts";
import type { LoadItem } from "../../node/wire/generated/corridor/v1/feed_service.ts";
import { Setting } from "../../node/wire/generated/corridor/v1/identity.ts";
import { PROVIDER } from "../testing/doors-network.ts";
import { type MarkedPerson, aMarkedPerson } from "../testing/doors-people.ts";
import { type PeerSpoils, aPointer, anIdentity } from "../testing/doors-questions.ts";

/** Why a holder has nothing to show, and what its audit calls it. */
export const CAUSES = {
  absent: "none-held",
  objected: "objected",
  hidden: "filtered",
  restricted: "restricted",
} as const;

export type Cause = keyof typeof CAUSES;

/** Several of each cause: none is told by its own row's place in a page. */
const PEOPLE = 8;

/** Somebody of whom nothing is shown for this reason; the same for the same count, and like nobody else. */
export function somebodyOf(cause: Cause | "held", count: number): MarkedPerson {
  const kind = ["absent", "objected", "hidden", "restricted", "held"].indexOf(cause);
  const at = kind * PEOPLE + (count % PEOPLE);
  const letter = String.fromCodePoint(97 + (at % 26), 97 + Math.floor(at / 26));
  return {
    ...aMarkedPerson(0),
    ...{ nhsNumber: numberAt(at), birthDate: `19${40 + at}-0${1 + kind}-1${at % 8}` },
    ...{ familyName: `${letter}${letter}villeby`, givenName: `${letter}${letter}abel`, middleName: "" },
  };
}

/** Who asks: a paramedic, who sees nothing of the most sensitive services. */
export const PARAMEDIC: PeerSpoils = { claim: { role: "R1070", setting: Setting.SETTING_AMBULANCE } };

/** What the holder is given of everybody but the absent. */
export function peopleToLoad(): LoadItem[] {
  return (["objected", "hidden", "restricted", "held"] as const).flatMap((cause) =>
    Array.from({ length: PEOPLE }, (_, count) => itemsOf(cause, count)).flat(),
  );
}

function itemsOf(cause: Exclude<Cause, "absent"> | "held", count: number): LoadItem[] {
  const id = `${cause}-${count}`;
  return [
    anIdentity(id, somebodyOf(cause, count), { restricted: cause === "restricted" }),
    aPointer(id, `${id}-R`, { recordType: "allergies", sensitivity: cause === "hidden" ? "V" : "N" }),
    ...(cause === "objected" ? [anObjection(id)] : []),
  ];
}

function anObjection(localId: string): LoadItem {
  const state = { state: "upheld", receivedOn: "2025-01-01", overrideInEmergency: false, scope: "", reason: "" };
  return {
    item: { $case: "objection", value: { provider: PROVIDER, localId, objectionId: `${localId}-O`, ...state } },
  };
}

function numberAt(at: number): string {
  for (let nine = 920_000_000 + at * 7_919; ; nine++) {
    const last = checkDigit(String(nine));
    if (last !== 10) return `${nine}${last}`;
  }
}
