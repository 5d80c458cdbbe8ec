import { stringify } from "yaml";

import { checkDigit } from "../../node/base/nhs-number.ts";
import { IDENTITY_COLUMNS, type IdentityRow, POINTER_COLUMNS, type PointerRow, csvText } from "../people/rows.ts";
import { PROVIDER_KINDS, providerCode } from "./england.ts";
import { type EnglandYear, nodesOf } from "./nodes.ts";

/** An invented person whose records lie far apart. */
export interface Traveller {
  readonly nhsNumber: string;
  /** `YYYY-MM-DD`. */
  readonly birthDate: string;
  readonly familyName: string;
  readonly givenName: string;
  readonly postcode: string;
  /** ICBs of 2022 in which records of hers lie. */
  readonly heldIn: readonly string[];
}

/** She drives a lorry from one end of the country to the other. */
export const TRAVELLER: Traveller = {
  nhsNumber: "9992000074",
  birthDate: "1971-09-23",
  familyName: "Wayfarer",
  givenName: "Beatrix",
  postcode: "B12 9XY",
  heldIn: ["QHL", "QHM", "QKS", "QM7", "QOP", "QT6"],
};

const RECORD_TYPES = ["encounters", "discharge-letter", "allergies"] as const;
const RECORDED_ON = "2026-10-14";
/** Minutes before loading up to which every provider's data are complete. */
const FRESH_MINUTES = 15;

/** Who lives where: one in each area, whom its hospitals and practices know, so that none of them has nothing to say. */
interface Resident extends Omit<Traveller, "heldIn"> {
  readonly localId: string;
}

/** The people of all England's topology, as `corridor mesh up` takes them: text by file name. */
export function peopleFiles(year: EnglandYear): ReadonlyMap<string, string> {
  const nodes = nodesOf(year);
  const fresh = (id: string): [string, number][] =>
    PROVIDER_KINDS.map((kind) => [providerCode(id, kind), FRESH_MINUTES]);
  const files = new Map([
    ["freshness.yaml", stringify(Object.fromEntries(nodes.map(({ id }) => [id, Object.fromEntries(fresh(id))])))],
  ]);
  for (const [at, { id, ics }] of nodes.entries()) {
    const resident = residentOf(at);
    const identities = PROVIDER_KINDS.map((kind) => identityAt(providerCode(id, kind), resident));
    if (ics.some(({ code }) => TRAVELLER.heldIn.includes(code))) {
      const hospitals = providerCode(id, "HOSPITALS");
      identities.push(identityAt(hospitals, { ...TRAVELLER, localId: "T1" }));
      files.set(`${id}.pointers.csv`, csvText(POINTER_COLUMNS, pointersAt(hospitals, id)));
    }
    files.set(`${id}.identities.csv`, csvText(IDENTITY_COLUMNS, identities));
  }
  return files;
}

function residentOf(at: number): Resident {
  const birthDate = `19${40 + (at % 50)}-0${1 + (at % 9)}-1${at % 10}`;
  const person = { birthDate, familyName: "Homer", givenName: "Robin", postcode: "B12 9XY" };
  return { nhsNumber: numberAfter(`9993${String(at).padStart(3, "0")}`), ...person, localId: "R1" };
}

/** The first number that begins so: some have no check digit. */
function numberAfter(start: string): string {
  for (let at = 0; ; at++) {
    const nine = `${start}${String(at).padStart(2, "0")}`;
    const last = checkDigit(nine);
    if (last !== 10) return `${nine}${last}`;
  }
}

function identityAt(provider: string, { localId, ...person }: Resident): IdentityRow {
  const { nhsNumber, birthDate, familyName, givenName, postcode } = person;
  return {
    ...{ provider, local_id: localId, nhs_number: nhsNumber, nhs_number_status: "01" },
    ...{ given_name: givenName, middle_name: "", family_name: familyName, birth_date: birthDate, gender: "female" },
    ...{ address_line1: "4 Long Road", address_line2: "", locality: "Birmingham", postcode, phone: "" },
    ...{ recorded_on: RECORDED_ON, restricted: "false" },
  };
}

function pointersAt(provider: string, node: string): PointerRow[] {
  return RECORD_TYPES.map((type) => ({
    ...{ provider, local_id: "T1", record_id: `T1-${type}`, record_type: type, recorded_on: RECORDED_ON },
    ...{ format: "application/pdf", fetch: `https://records.${node}.example/d/T1-${type}`, sensitivity: "" },
  }));
}
