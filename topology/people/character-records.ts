import type { RecordTypeKey } from "../../node/base/record-types.ts";
import { CAST_DAY, CHARACTERS } from "./characters.ts";
import type { CastNode, Character } from "./characters.ts";
import type { Address, Person } from "./people.ts";
import { identityOf } from "./records.ts";
import type { CastRecords } from "./records.ts";
import type { IdentityRow } from "./rows.ts";

const BSOL_PRACTICES = "X-NO-ODS-WM-BSOL-GENERAL-PRACTICES";
const CW_PRACTICES = "X-NO-ODS-WM-CW-GENERAL-PRACTICES";
const HW_PRACTICES = "X-NO-ODS-WM-HW-GENERAL-PRACTICES";
const BC_PRACTICES = "X-NO-ODS-WM-BC-GENERAL-PRACTICES";
const STW_PRACTICES = "X-NO-ODS-WM-STW-GENERAL-PRACTICES";
const SST_PRACTICES = "X-NO-ODS-WM-SST-GENERAL-PRACTICES";

type Held = readonly (RecordTypeKey | readonly [RecordTypeKey, string])[];

/** What providers hold about each documented character. Each story is one function. */
export function addCharacterRecords(records: CastRecords): void {
  const cast = new CharacterRecords(records);
  twentyHistories(cast);
  frailPerson(cast);
  childKnownToSocialCare(cast);
  restrictedPeople(cast);
  objector(cast);
  twins(cast);
  wrongNumber(cast);
  noNumber(cast);
  behindFeed(cast);
}

/** Twenty records of one day in three areas, and the older ones of home. */
function twentyHistories(cast: CharacterRecords): void {
  const she = personOf(CHARACTERS.twentyHistories, "wm-bsol", "41 Holly Road", "Birmingham", "B82 4QJ");
  cast.known(she, "wm-bsol", BSOL_PRACTICES, [
    "clinical-summary",
    ["medications", "2026-10-02"],
    "allergies",
    "problems",
  ]);
  cast.known(she, "wm-bsol", "RRK", [["encounters", "2026-09-21"], ["discharge-letter", "2026-09-23"], "ecg"]);
  cast.known(she, "wm-bsol", "X-NO-ODS-BIRMINGHAM-CITY-COUNCIL", ["social-care-involvement"]);

  cast.known(she, "wm-cw", CW_PRACTICES, today("encounters", "medications"));
  cast.known(she, "wm-cw", "RKB", today("encounters", "investigations", "ecg", "discharge-letter"));
  cast.known(she, "wm-hw", HW_PRACTICES, today("encounters"));
  cast.known(
    she,
    "wm-hw",
    "RLQ",
    today("encounters", "investigations", "imaging-report", "medications", "discharge-letter"),
  );
  cast.known(
    she,
    "wm-stw",
    "RXW",
    today("encounters", "observations-news2", "investigations", "clinical-letter", "medications"),
  );
  cast.known(she, "wm-stw", "RRE", today("encounters"));
  // The ambulance service sends each area it drove through: one journey, known in two areas, is one record.
  const ambulance = cast.known(she, "wm-cw", "RYA", []);
  for (const node of ["wm-hw", "wm-stw"] as const) cast.alsoKnown(she, node, "RYA", ambulance);
  cast.hold(["wm-cw", "wm-hw"], "RYA", ambulance, today("ambulance"));
  cast.hold(["wm-hw", "wm-stw"], "RYA", ambulance, today("ambulance"));
}

function frailPerson(cast: CharacterRecords): void {
  const she = personOf(
    CHARACTERS.frailPerson,
    "wm-sst",
    "Beacon House Care Home",
    "Stafford",
    "ST63 7LD",
    "2 Beacon Lane",
  );
  cast.known(she, "wm-sst", SST_PRACTICES, [
    "clinical-summary",
    "medications",
    "care-plan",
    "advance-decision",
    "lasting-power-of-attorney",
  ]);
  cast.known(she, "wm-sst", "RJE", ["respect-form", "discharge-letter", "emergency-care-plan"]);
  cast.known(she, "wm-sst", "X-NO-ODS-STAFFORDSHIRE-COUNTY-COUNCIL", [
    "social-care-involvement",
    "social-care-assessment",
    "dols",
  ]);
  cast.known(she, "wm-stw", "R1D", ["end-of-life-plan", "care-plan", "about-me"]);
  cast.known(she, "wm-stw", "RXW", ["encounters", "respect-form"]);
  // One trust serves both areas and sends both the same record.
  const localId = cast.known(she, "wm-sst", "RRE", []);
  cast.alsoKnown(she, "wm-stw", "RRE", localId);
  cast.hold(["wm-sst", "wm-stw"], "RRE", localId, [["care-plan", "2026-08-19"]]);
}

function childKnownToSocialCare(cast: CharacterRecords): void {
  const he = personOf(
    CHARACTERS.childKnownToSocialCare,
    "wm-bc",
    "Flat 3",
    "Wolverhampton",
    "WV40 2RE",
    "88 Canal Street",
  );
  cast.known(he, "wm-bc", BC_PRACTICES, ["clinical-summary", "allergies", "immunisations"]);
  cast.known(he, "wm-bc", "X-NO-ODS-CITY-OF-WOLVERHAMPTON-COUNCIL", ["childrens-social-care", "safeguarding"]);
  cast.known(he, "wm-bc", "RL4", ["encounters", "investigations"]);
  cast.known(he, "wm-sst", "X-NO-ODS-STAFFORDSHIRE-COUNTY-COUNCIL", ["childrens-social-care", "safeguarding"]);
  cast.known(he, "wm-sst", "RJE", ["encounters"]);
}

function restrictedPeople(cast: CharacterRecords): void {
  const restricted = { restricted: "true" };
  const atPeers = personOf(CHARACTERS.restrictedAtPeers, "wm-cw", "17 Priory Close", "Rugby", "CV83 1TN");
  const formerly = { address_line1: "204 Broad Street", locality: "Birmingham", postcode: "B83 5HU" };
  cast.known(atPeers, "wm-bsol", BSOL_PRACTICES, [], { ...formerly, recorded_on: "2019-04-08" });
  cast.known(atPeers, "wm-cw", CW_PRACTICES, ["clinical-summary", "medications"], restricted);
  cast.known(atPeers, "wm-cw", "RKB", ["encounters", "discharge-letter"], restricted);
  cast.known(atPeers, "wm-hw", "RWP", ["encounters", "clinical-letter"], restricted);

  const inOwnIndex = personOf(CHARACTERS.restrictedInOwnIndex, "wm-bsol", "9 Orchard Way", "Solihull", "B88 3PA");
  cast.known(inOwnIndex, "wm-bsol", BSOL_PRACTICES, ["clinical-summary", "allergies"], restricted);
  cast.known(inOwnIndex, "wm-bsol", "RRK", ["encounters"], restricted);
  cast.known(inOwnIndex, "wm-cw", "RKB", ["encounters", "discharge-letter"], restricted);
}

/** Every organisation that holds his records has his objection: upheld, and one only received yet, which counts at once. */
function objector(cast: CharacterRecords): void {
  const he = personOf(CHARACTERS.objector, "wm-stw", "6 Castle Grove", "Shrewsbury", "SY60 8EB");
  cast.objects(
    "wm-cw",
    "RKB",
    cast.known(he, "wm-cw", "RKB", ["encounters", "discharge-letter"]),
    "upheld",
    "2026-03-11",
  );
  cast.objects("wm-cw", "RYG", cast.known(he, "wm-cw", "RYG", ["clinical-letter"]), "received", "2026-11-12");
  cast.objects("wm-stw", "RXW", cast.known(he, "wm-stw", "RXW", ["encounters", "procedures"]), "upheld", "2026-03-11");
  const practice = cast.known(he, "wm-stw", STW_PRACTICES, ["clinical-summary", "medications"]);
  cast.objects("wm-stw", STW_PRACTICES, practice, "upheld", "2026-03-10");
}

function twins(cast: CharacterRecords): void {
  const home = ["wm-bsol", "112 Wellington Road", "Birmingham", "B84 6GF"] as const;
  const twin = personOf(CHARACTERS.twin, ...home);
  const other = personOf(CHARACTERS.otherTwin, ...home);
  cast.known(twin, "wm-bsol", BSOL_PRACTICES, ["clinical-summary", "allergies"]);
  cast.known(twin, "wm-bsol", "RRK", ["encounters", "maternity"]);
  cast.known(other, "wm-bsol", BSOL_PRACTICES, ["clinical-summary", "medications"]);
  cast.known(other, "wm-bsol", "RRK", ["encounters"]);
  cast.known(other, "wm-cw", "RKB", ["encounters", "discharge-letter"]);
}

function wrongNumber(cast: CharacterRecords): void {
  const he = personOf(CHARACTERS.wrongNumber, "wm-bsol", "70 Alma Street", "Sutton Coldfield", "B87 9WS");
  const owner = personOf(CHARACTERS.numberOwner, "wm-cw", "3 Chapel Lane", "Nuneaton", "CV82 2DX");
  cast.known(he, "wm-bsol", BSOL_PRACTICES, ["clinical-summary", "problems"]);
  cast.known(he, "wm-bsol", "RRK", ["encounters"]);
  const typedWrong = { nhs_number: owner.nhsNumber, nhs_number_status: "02" };
  cast.known(he, "wm-cw", "RKB", ["encounters", "investigations"], typedWrong);
  cast.known(owner, "wm-cw", CW_PRACTICES, ["clinical-summary", "medications"]);
  cast.known(owner, "wm-cw", "RJC", ["encounters", "discharge-letter"]);
}

function noNumber(cast: CharacterRecords): void {
  const { provider, localId, ...unknown } = CHARACTERS.noNumber;
  const he = personOf({ ...unknown, nhsNumber: "", birthDate: "" }, "wm-bsol", "", "", "");
  cast.alsoKnown(he, "wm-bsol", provider, localId, { nhs_number_status: "03", phone: "", recorded_on: CAST_DAY });
  cast.hold(["wm-bsol"], provider, localId, today("encounters", "observations-news2", "ecg", "investigations"));
}

function behindFeed(cast: CharacterRecords): void {
  const he = personOf(CHARACTERS.behindFeed, "wm-hw", "25 Mill Street", "Worcester", "WR41 4NZ");
  cast.known(he, "wm-hw", "RWP", [["encounters", "2026-11-15"], "discharge-letter", "investigations"]);
  cast.known(he, "wm-hw", HW_PRACTICES, ["clinical-summary", "medications", "allergies"]);
}

/** Who came to the cast later, and so is drawn last: nobody else's ids change. */
export function addLaterCharacterRecords(records: CastRecords): void {
  slowAreas(new CharacterRecords(records));
}

function slowAreas(cast: CharacterRecords): void {
  const she = personOf(CHARACTERS.slowAreas, "wm-bsol", "58 Station Road", "Birmingham", "B81 5TD");
  cast.known(she, "wm-bsol", BSOL_PRACTICES, ["clinical-summary", "medications", "allergies"]);
  cast.known(she, "wm-cw", "RKB", ["encounters", "discharge-letter"]);
  cast.known(she, "wm-hw", "RLQ", ["encounters", "clinical-letter"]);
  cast.known(she, "wm-stw", "RXW", ["encounters", "clinical-letter"]);
}

function today(...types: readonly RecordTypeKey[]): Held {
  return types.map((type) => [type, CAST_DAY] as const);
}

function personOf(
  who: Pick<Character, "nhsNumber" | "birthDate" | "familyName" | "givenName" | "gender">,
  home: CastNode,
  line1: string,
  locality: string,
  postcode: string,
  line2 = "",
): Person {
  const address: Address = { line1, line2, locality, postcode };
  return { ...who, home, middleName: "", address, phone: `07700 900${who.nhsNumber.slice(6, 9)}` };
}

/** Days on which the older records of the characters were made, one after another. */
const OLDER_DAYS = ["2026-10-20", "2026-07-14", "2026-02-03", "2025-09-30", "2025-03-18", "2024-11-05"] as const;

/** The cast's records, in the words in which a character's story is told. */
class CharacterRecords {
  readonly #records: CastRecords;

  constructor(records: CastRecords) {
    this.#records = records;
  }

  /** A provider knows the person and holds these records; gives the provider's own id for the person. */
  known(
    person: Person,
    node: CastNode,
    provider: string,
    held: Held,
    differently: Partial<Record<keyof IdentityRow, string>> = {},
  ): string {
    const localId = this.#records.nextLocalId(provider);
    this.alsoKnown(person, node, provider, localId, differently);
    this.hold([node], provider, localId, held);
    return localId;
  }

  /** A provider knows the person under an id that already stands. */
  alsoKnown(
    person: Person,
    node: CastNode,
    provider: string,
    localId: string,
    differently: Partial<Record<keyof IdentityRow, string>> = {},
  ): void {
    this.#records.addIdentity(node, { ...identityOf(person, provider, localId, "2026-01-12"), ...differently });
  }

  hold(nodes: readonly CastNode[], provider: string, localId: string, held: Held): void {
    held.forEach((one, at) => {
      const [recordType, recordedOn] = typeof one === "string" ? [one, OLDER_DAYS[at % OLDER_DAYS.length]!] : one;
      this.#records.addPointer(nodes, { provider, localId, recordType, recordedOn });
    });
  }

  objects(node: CastNode, provider: string, localId: string, state: "received" | "upheld", receivedOn: string): void {
    this.#records.addObjection(node, { provider, localId, state, receivedOn, overrideInEmergency: false });
  }
}
