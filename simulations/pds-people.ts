/** A patient of the double. */
export interface DoublePerson {
  readonly number: string;
  readonly version: number;
  readonly names: readonly { readonly use: string; readonly family: string; readonly given: readonly string[] }[];
  /** Names of before, which are never returned. */
  readonly formerNames?: readonly { readonly family: string; readonly given: readonly string[] }[];
  readonly born?: string;
  readonly gender?: string;
  readonly lines?: readonly string[];
  readonly postcode?: string;
  readonly phone?: string;
  readonly email?: string;
  readonly practice?: string;
  readonly died?: string;
  /** `1` informal, `2` formal, `U` removed. */
  readonly deathNotice?: string;
  readonly restricted?: boolean;
  readonly supersededBy?: string;
  readonly invalidated?: boolean;
}

const usual = (family: string, ...given: string[]): DoublePerson["names"] => [{ use: "usual", family, given }];

/** Whom the double knows. The first four are the sandbox's, as far as its documentation describes them. */
export const PDS_PEOPLE: readonly DoublePerson[] = [
  {
    ...{ number: "9000000009", version: 2, names: usual("Smith", "Jane"), born: "2010-10-22", gender: "female" },
    formerNames: [{ family: "Jones", given: ["Jane"] }],
    ...{ lines: ["1 Trevelyan Square", "Boar Lane", "City Centre", "Leeds"], postcode: "LS1 6AE" },
    ...{ phone: "01632960587", email: "jane.smith@example.com", practice: "Y12345" },
  },
  {
    ...{ number: "9000000017", version: 3, names: usual("Smyth", "Jayne"), born: "2010-10-22", gender: "female" },
    ...{ lines: ["2 Trevelyan Square", "Leeds"], postcode: "LS1 6AD", phone: "01632960588", practice: "Y12345" },
  },
  {
    ...{ number: "9000000025", version: 2, names: usual("Smythe", "Janet"), born: "2005-06-16", gender: "female" },
    ...{
      lines: ["3 Hidden Lane", "Leeds"],
      postcode: "LS2 7AA",
      phone: "01632960587",
      email: "janet.smythe@example.com",
    },
    ...{ practice: "Y12346", restricted: true },
  },
  { number: "9000000033", version: 1, names: [] },
  {
    ...{ number: "9000000041", version: 5, names: usual("Smith", "John Paul", "James"), born: "2010-10-22" },
    ...{ gender: "male", postcode: "LS1 6AE", email: "johnp.smith@example.com", phone: "01632960587" },
  },
  // Of our own: the sandbox has no number that was superseded or invalidated.
  { number: "9000000068", version: 4, names: usual("Jones", "Jane"), supersededBy: "9000000009" },
  { number: "9000000076", version: 7, names: usual("Nobody", "Anyone"), born: "1980-01-01", invalidated: true },
  {
    ...{ number: "9000000084", version: 3, names: usual("Archer", "Ivy"), born: "1931-02-03", gender: "female" },
    ...{ died: "2025-03-01T00:00:00+00:00", deathNotice: "2" },
  },
  {
    ...{ number: "9000000092", version: 4, names: usual("Archer", "Olive"), born: "1932-02-03", gender: "female" },
    ...{ died: "2025-03-01T00:00:00+00:00", deathNotice: "U" },
  },
];
