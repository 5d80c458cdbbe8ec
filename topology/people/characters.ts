/**
 * The documented people of the cast: who they are, and where their records are. Demonstrations and tests refer to them by
 * name. All are invented; their NHS numbers come from the range that is never issued.
 */

/** Nodes of the West Midlands topology. */
export type CastNode = "wm-bsol" | "wm-cw" | "wm-hw" | "wm-bc" | "wm-stw" | "wm-sst";

export interface Character {
  readonly nhsNumber: string;
  /** `YYYY-MM-DD`. */
  readonly birthDate: string;
  readonly familyName: string;
  readonly givenName: string;
  readonly gender: "female" | "male";
  readonly about: string;
  /** Nodes whose index holds pointers for this person, shown or not. */
  readonly heldIn: readonly CastNode[];
  /** Areas that answer "records" to an emergency clinician of Birmingham who asks with the right details. */
  readonly expectedAreas: readonly CastNode[];
}

/** Somebody without an NHS number, known by one provider's own id. */
export type NumberlessCharacter = Omit<Character, "nhsNumber" | "birthDate"> & {
  readonly provider: string;
  readonly localId: string;
};

/** Day of the twenty histories; nothing in the cast is recorded after it. */
export const CAST_DAY = "2026-11-16";

export const CHARACTERS = {
  twentyHistories: {
    nhsNumber: "9000200261",
    birthDate: "1958-04-17",
    familyName: "Whitehouse",
    givenName: "Maureen",
    gender: "female",
    about:
      "Taken ill on the road: told her history twenty times on 16 November 2026, in Coventry, Hereford and Shropshire, before she came home to Birmingham.",
    heldIn: ["wm-bsol", "wm-cw", "wm-hw", "wm-stw"],
    expectedAreas: ["wm-bsol", "wm-cw", "wm-hw", "wm-stw"],
  },
  frailPerson: {
    nhsNumber: "9010001113",
    birthDate: "1936-09-02",
    familyName: "Bloor",
    givenName: "Edna",
    gender: "female",
    about:
      "Frail, in a care home on the border of Staffordshire and Shropshire: ReSPECT form, care plans, end of life plan, advance decision, lasting power of attorney, social care.",
    heldIn: ["wm-stw", "wm-sst"],
    expectedAreas: ["wm-stw", "wm-sst"],
  },
  childKnownToSocialCare: {
    nhsNumber: "9030003316",
    birthDate: "2018-02-11",
    familyName: "Mahmood",
    givenName: "Zayd",
    gender: "male",
    about: "A child known to children's social care, with safeguarding records, in Wolverhampton and in Stafford.",
    heldIn: ["wm-bc", "wm-sst"],
    expectedAreas: ["wm-bc", "wm-sst"],
  },
  restrictedAtPeers: {
    nhsNumber: "9040004412",
    birthDate: "1987-12-05",
    familyName: "Okonkwo",
    givenName: "Adaeze",
    gender: "female",
    about: "Marked restricted in Coventry and in Worcester. Birmingham knows her, has no mark and no records.",
    heldIn: ["wm-cw", "wm-hw"],
    expectedAreas: [],
  },
  restrictedInOwnIndex: {
    nhsNumber: "9050005519",
    birthDate: "1979-06-23",
    familyName: "Hargreaves",
    givenName: "Joanne",
    gender: "female",
    about: "Marked restricted in Birmingham: nobody is asked, and the location stays protected.",
    heldIn: ["wm-bsol", "wm-cw"],
    expectedAreas: [],
  },
  objector: {
    nhsNumber: "9060006615",
    birthDate: "1966-01-30",
    familyName: "Perrins",
    givenName: "Graham",
    gender: "male",
    about:
      "Objected to sharing: every organisation that holds his records, in Coventry and Shrewsbury, has his objection.",
    heldIn: ["wm-cw", "wm-stw"],
    expectedAreas: [],
  },
  stranger: {
    nhsNumber: "9080008818",
    birthDate: "1990-10-10",
    familyName: "Nobody",
    givenName: "Known",
    gender: "male",
    about: "A valid number that nobody holds.",
    heldIn: [],
    expectedAreas: [],
  },
  twin: {
    nhsNumber: "9070007711",
    birthDate: "1993-05-28",
    familyName: "Dhillon",
    givenName: "Jaspreet",
    gender: "female",
    about: "One of twins: same surname, birth date, address, sex and initial as her sister, neighbouring number.",
    heldIn: ["wm-bsol"],
    expectedAreas: ["wm-bsol"],
  },
  otherTwin: {
    nhsNumber: "9070007738",
    birthDate: "1993-05-28",
    familyName: "Dhillon",
    givenName: "Jasmeet",
    gender: "female",
    about: "The other twin, also known in Coventry, where she works.",
    heldIn: ["wm-bsol", "wm-cw"],
    expectedAreas: ["wm-bsol", "wm-cw"],
  },
  wrongNumber: {
    nhsNumber: "9090009914",
    birthDate: "1972-08-14",
    familyName: "Kowalczyk",
    givenName: "Piotr",
    gender: "male",
    about:
      "His number was typed wrong at Coventry's hospital (RKB): the number there is numberOwner's, the birth date his own. Asked for by his own number, Coventry has nothing to show.",
    heldIn: ["wm-bsol", "wm-cw"],
    expectedAreas: ["wm-bsol"],
  },
  numberOwner: {
    nhsNumber: "9090009949",
    birthDate: "1948-03-03",
    familyName: "Sheldon",
    givenName: "Beryl",
    gender: "female",
    about: "The person whose number wrongNumber carries at Coventry's hospital. Her own records are in Coventry too.",
    heldIn: ["wm-cw"],
    expectedAreas: ["wm-cw"],
  },
  noNumber: {
    provider: "RRK",
    localId: "RK9900001",
    familyName: "Unknown",
    givenName: "Male",
    gender: "male",
    about: "Brought in unconscious: no number, no birth date, known only by the hospital's own id.",
    heldIn: ["wm-bsol"],
    expectedAreas: [],
  },
  behindFeed: {
    nhsNumber: "9100001112",
    birthDate: "1951-07-19",
    familyName: "Pritchard",
    givenName: "Alun",
    gender: "male",
    about: "His records are in Worcester, whose acute trust's feed is nine hours behind.",
    heldIn: ["wm-hw"],
    expectedAreas: ["wm-hw"],
  },
  slowAreas: {
    nhsNumber: "9110001115",
    birthDate: "1963-11-08",
    familyName: "Fellows",
    givenName: "Doreen",
    gender: "female",
    about: "Known at home and in three other areas. In a sandbox, Coventry and Hereford answer about her too late.",
    heldIn: ["wm-bsol", "wm-cw", "wm-hw", "wm-stw"],
    expectedAreas: ["wm-bsol", "wm-cw", "wm-hw", "wm-stw"],
  },
} as const satisfies Record<string, Character | NumberlessCharacter>;

export type CharacterName = keyof typeof CHARACTERS;
