import { checkDigit } from "../../node/base/nhs-number.ts";

/** An invented person whose every detail is unlike any other text, so that a search for it finds them and nothing else. */
export interface MarkedPerson {
  readonly nhsNumber: string;
  /** `YYYY-MM-DD`. */
  readonly birthDate: string;
  readonly familyName: string;
  readonly givenName: string;
  readonly middleName: string;
  readonly addressLine1: string;
  readonly postcode: string;
  readonly phone: string;
}

const NAMES = [
  ["Quillfeatherstone", "Zephyrine", "Ottoline"],
  ["Xanthopoulides", "Ignatzio", "Balthazarin"],
  ["Wrzesniewska-Oyelaran", "Jadwigamma", "Temilolade"],
  ["Vandersnicketts", "Peregrinus", "Horatiolus"],
  ["Umbrellachuk", "Yevdokimia", "Svetozaria"],
  ["Thistlewhackett", "Moonflowera", "Dandelionne"],
] as const;

/** @param at which: 0 to 5. */
export function aMarkedPerson(at: number): MarkedPerson {
  const [familyName, givenName, middleName] = NAMES[at]!;
  return {
    ...{ familyName, givenName, middleName },
    nhsNumber: numberFrom(`97135${at}264`),
    birthDate: `19${31 + at * 7}-0${at + 1}-2${at}`,
    addressLine1: `${at + 3}47 Marmaladeskipper Wynd`,
    postcode: `ZZ${at + 1}8 7Q${"XVWUYZ"[at]}`,
    phone: `01632 960${String(at + 711)}`,
  };
}

/** The number with these nine digits; one in eleven has no check digit, and the next is taken. */
function numberFrom(nine: string): string {
  for (let digits = Number(nine); ; digits++) {
    const last = checkDigit(String(digits));
    if (last !== 10) return `${digits}${last}`;
  }
}

/**
 * Where anything of these people stands in a text: as written, as people write it, and as machines hide it (percent signs,
 * base64, hexadecimal). One line each, for the failure of a test.
 */
export function findPeopleIn(text: string, people: readonly MarkedPerson[]): string[] {
  const haystack = text.toLowerCase();
  return people.flatMap((person, at) =>
    marksOf(person).flatMap(([what, mark]) => {
      const place = haystack.indexOf(mark);
      return place === -1 ? [] : [`the ${what} of person ${at}: …${text.slice(Math.max(0, place - 80), place + 80)}…`];
    }),
  );
}

function marksOf(person: MarkedPerson): (readonly [what: string, mark: string])[] {
  const { nhsNumber, postcode, birthDate } = person;
  const [head, body, tail] = [nhsNumber.slice(0, 3), nhsNumber.slice(3, 6), nhsNumber.slice(6)];
  const numbers = [nhsNumber, ...[" ", "-", "%20", "+"].map((gap) => [head, body, tail].join(gap))];
  const texts: (readonly [string, string])[] = [
    ...numbers.map((number) => ["NHS number", number] as const),
    ["family name", person.familyName],
    ["given name", person.givenName],
    ["middle name", person.middleName],
    ["address", person.addressLine1],
    ["postcode", postcode],
    ["postcode", postcode.replace(" ", "")],
    ["postcode", encodeURIComponent(postcode)],
    ["birth date", birthDate],
    ["phone", person.phone],
  ];
  const hidden = [nhsNumber, person.familyName].flatMap(
    (secret) =>
      [
        ["base64 of a secret", base64Core(secret)],
        ["hexadecimal of a secret", Buffer.from(secret).toString("hex")],
      ] as const,
  );
  return [...texts, ...hidden].map(([what, mark]) => [what, mark.toLowerCase()] as const);
}

/** What the base64 of a text has whatever stands behind it, where it begins at a multiple of three. */
function base64Core(text: string): string {
  return Buffer.from(text.slice(0, Math.floor(text.length / 3) * 3)).toString("base64");
}
