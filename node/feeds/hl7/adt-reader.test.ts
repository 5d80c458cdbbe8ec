import assert from "node:assert/strict";

import fc from "fast-check";

import { type Hl7Feed, hl7FeedSchema, toHl7Feed } from "../../config/hl7-feed.ts";
import type { FeedChange } from "../../requests/feed-message.ts";
import { makeFakeClock } from "../../testing/fake-clock.ts";
import type { AdmittedFeed } from "../items.ts";
import { makeAdtReader } from "./adt-reader.ts";
import { type FaultCode } from "./fault.ts";

const NOW_MS = Date.UTC(2025, 5, 2, 12);
const AT = "20250602100000"; // summer time: 09:00 in UTC
const AT_MS = Date.UTC(2025, 5, 2, 9);
const NUMBER = "9990000018";

const aFeed = (given: object = {}): Hl7Feed =>
  toHl7Feed(hl7FeedSchema.parse({ provider: "RRK", sender: "pas", ...given }));
const FEEDING: AdmittedFeed = { state: "feeding", recordTypes: "all" };

function read(text: string | Buffer, given: object = {}, admitted = FEEDING) {
  const clock = makeFakeClock(NOW_MS);
  return makeAdtReader(
    aFeed(given),
    new Map([["RRK", admitted]]),
    clock,
  )(typeof text === "string" ? Buffer.from(text) : text);
}

const msh = (event: string): string => `MSH|^~\\&|PAS|RRK|CORRIDOR|WM|${AT}||ADT^${event}|M1|P|2.4`;
const message = (event: string, ...segments: string[]): string =>
  [msh(event), `EVN|${event}|${AT}`, ...segments].join("\r");
/** PID from its third field on. */
const pid = (fields: string): string => `PID|1||${fields}`;
const PV1 = "PV1|1|E|||||||||||||||||V77";

function changesOf(text: string, given: object = {}, admitted = FEEDING): readonly FeedChange[] {
  const found = read(text, given, admitted);
  if (found.kind === "rejected") assert.fail(`${found.fault.where}: ${found.fault.message}`);
  return found.message.changes.expose();
}

/** The fields of an update, save its day. */
function fieldsOf(segment: string, given: object = {}, ...more: string[]): object {
  const [change] = changesOf(message("A31", segment, ...more), given);
  assert.ok(change?.kind === "update");
  const { recordedOn, ...fields } = change.fields;
  assert.equal(recordedOn, "2025-06-02");
  return fields;
}

function rejected(fault: FaultCode, where: string, text: string, given: object = {}, admitted = FEEDING): void {
  const found = read(text, given, admitted);
  assert.ok(found.kind === "rejected", `it was taken, and should be refused at ${where}`);
  assert.deepEqual([found.fault.fault, found.fault.where], [fault, where], found.fault.message);
}

describe("reading HL7 v2.4 ADT", () => {
  it("says which feed spoke, for whom, under which id, and when", () => {
    const found = read(message("A28", pid("P1^^^RRK^PI")));
    assert.ok(found.kind === "read");
    const { changes, ...rest } = found.message;
    assert.deepEqual(rest, { feed: "rrk", messageId: "M1", provider: "RRK", atMs: AT_MS });
    assert.equal(changes.expose().length, 1);
  });

  describe("who it is about (PID-3)", () => {
    const localId = (cx: string, given: object = {}): string | undefined => {
      const [change] = changesOf(message("A31", pid(cx)), given);
      return change?.kind === "update" ? change.localId : undefined;
    };

    for (const cx of [
      "P1^^^RRK^PI",
      "P1^^^RRK^MR",
      "P1^^^RRK",
      "P1",
      " P1 ^^^RRK",
      "P1^^^&RRK^PI",
      `${NUMBER}^^^NHS^NH~P1^^^RRK^PI`,
      `P1^^^RRK^PI~${NUMBER}^^^NHS~X7^^^OLDPAS^PI`,
      `P1^^^RRK^MRN~${NUMBER}^^^^NHS`,
      "P1^^^RRK^PI~P1^^^RRK^MR",
      "P1^^^RRK^PI~C3^^^RRK^AN",
    ]) {
      it(`is found in ${cx}`, () => assert.equal(localId(cx), "P1"));
    }

    it("goes by the authorities and types of the feed", () => {
      assert.equal(localId("P1^^^PAS^X~Q1^^^RRK^PI", { localAuthorities: ["PAS"], localTypes: ["X"] }), "P1");
    });

    it("is refused where there is no number of the feed, two of them, or one that cannot be an id", () => {
      rejected("101", "PID-3", message("A31", pid("")));
      rejected("101", "PID-3", message("A31", pid('""')));
      rejected("101", "PID-3", message("A31", pid(`${NUMBER}^^^NHS^NH`)));
      rejected("101", "PID-3", message("A31", pid("P1^^^RXX^PI")));
      rejected("102", "PID-3", message("A31", pid("P1^^^RRK^PI~P2^^^RRK^PI")));
      rejected("102", "PID-3.1", message("A31", pid(`${"1".repeat(65)}^^^RRK^PI`)));
      rejected("102", "PID-3.1", message("A31", pid("P\\.br\\1^^^RRK^PI")));
    });
  });

  describe("what it says of them", () => {
    const P = "P1^^^RRK^PI";
    const cases: [what: string, segment: string, fields: object][] = [
      ["nothing", pid(P), {}],
      [
        "a number, unverified without a status",
        pid(`${P}~999 000 0018^^^NHS^NH`),
        { nhsNumber: NUMBER, nhsNumberStatus: "" },
      ],
      [
        "a number with its status (PID-32)",
        pid(`${P}~${NUMBER}^^^NHS${"|".repeat(29)}01`),
        { nhsNumber: NUMBER, nhsNumberStatus: "01" },
      ],
      [
        "a number as older systems write it",
        pid(`${P}~${NUMBER}^^^^NHS${"|".repeat(29)}NSTS02`),
        { nhsNumber: NUMBER, nhsNumberStatus: "02" },
      ],
      ["a status of no number", pid(`${P}${"|".repeat(29)}01`), {}],
      ["that the number is deleted", pid(`${P}~""^^^NHS^NH`), { nhsNumber: "", nhsNumberStatus: "" }],
      ["a name", pid(`${P}||O'Brien^Ann Marie^J`), { familyName: "O'Brien", givenName: "Ann Marie", middleName: "J" }],
      [
        "the legal name of several",
        pid(`${P}||Old^A^^^^^M~New^B^^^^^L~Nick^C^^^^^N`),
        { familyName: "New", givenName: "B", middleName: "" },
      ],
      ["an empty name, address and phone of a type", pid(`${P}||^^^^^^L||||||^^^^^^H||^PRN^PH`), {}],
      ["that the number is no more, of a phone", pid(`${P}||||||||||""^PRN`), { phone: "" }],
      ["a maiden, an adopted and a birth name", pid(`${P}||X^A^^^^^M~Y^A^^^^^C~Z^A^^^^^B`), {}],
      ["an alias only", pid(`${P}||Alias^A^^^^^A`), {}],
      [
        "a surname of parts",
        pid(`${P}||van Berg&van&Berg^Jo`),
        { familyName: "van Berg", givenName: "Jo", middleName: "" },
      ],
      ["that the name is deleted", pid(`${P}||""`), { familyName: "", givenName: "", middleName: "" }],
      ["that a part of it is deleted", pid(`${P}||A^""`), { familyName: "A", givenName: "", middleName: "" }],
      ["escapes", pid(`${P}||A\\T\\B^C\\S\\D`), { familyName: "A&B", givenName: "C^D", middleName: "" }],
      ["a birth date", pid(`${P}||||19310405`), { birthDate: "1931-04-05" }],
      ["a birth date with its hour", pid(`${P}||||193104050310`), { birthDate: "1931-04-05" }],
      ["a year of birth", pid(`${P}||||1931`), { birthDate: "1931" }],
      ["that the birth date is deleted", pid(`${P}||||""`), { birthDate: "" }],
      ["a sex", pid(`${P}|||||F`), { gender: "female" }],
      ["a sex by the code of the data dictionary", pid(`${P}|||||9`), { gender: "unknown" }],
      [
        "an address",
        pid(`${P}||||||||1 High St^Flat 2^Leeds^W Yorks^LS1 1AA^GBR^H`),
        { addressLine1: "1 High St", addressLine2: "Flat 2", locality: "Leeds", postcode: "LS1 1AA" },
      ],
      [
        "the home of several addresses",
        pid(`${P}||||||||Works^^^^^^B~^^^^LS1 1AA^^C~3 Low St^^^Kent^^^H`),
        { addressLine1: "3 Low St", addressLine2: "", locality: "Kent", postcode: "" },
      ],
      [
        "that the address is deleted",
        pid(`${P}||||||||""`),
        { addressLine1: "", addressLine2: "", locality: "", postcode: "" },
      ],
      ["a phone", pid(`${P}||||||||||01632 960001^PRN^PH`), { phone: "01632 960001" }],
      [
        "a phone in parts, after an e-mail",
        pid(`${P}||||||||||^NET^Internet^a@b.example~^PRN^PH^^44^1632^960001`),
        { phone: "44 1632 960001" },
      ],
    ];
    for (const [what, segment, fields] of cases) {
      it(`reads ${what}`, () => assert.deepEqual(fieldsOf(segment), fields));
    }

    it("reads a restriction from PD1-12, or from the feed's own codes in PID-32", () => {
      assert.deepEqual(fieldsOf(pid(P), {}, `PD1${"|".repeat(12)}Y`), { restricted: true });
      assert.deepEqual(fieldsOf(pid(P), {}, `PD1${"|".repeat(12)}N`), { restricted: false });
      assert.deepEqual(fieldsOf(pid(`${P}${"|".repeat(29)}S~01`), { restrictedCodes: ["S"] }), { restricted: true });
    });

    it("refuses the field that cannot be read, by the standard's code", () => {
      const wrong: [fault: FaultCode, where: string, segment: string][] = [
        ["102", "PID-3.1", pid(`${P}~9990000019^^^NHS^NH`)],
        ["102", "PID-3.1", pid(`${P}~1111111111^^^NHS^NH`)],
        ["102", "PID-3", pid(`${P}~${NUMBER}^^^NHS~9990000026^^^NHS`)],
        ["102", "PID-5.1", pid(`${P}||${"x".repeat(2_000)}`)],
        ["102", "PID-5", pid(`${P}||A\\Q`)],
        ["102", "PID-7", pid(`${P}||||1931-04-05`)],
        ["102", "PID-7", pid(`${P}||||20250603`)],
        ["102", "PID-7", pid(`${P}||||18591231`)],
        ["103", "PID-8", pid(`${P}|||||X`)],
        ["103", "PID-8", pid(`${P}|||||constructor`)],
        ["102", "PID-11.5", pid(`${P}||||||||^^^^LONGER THAN ANY^^H`)],
        ["103", "PID-32", pid(`${P}~${NUMBER}^^^NHS${"|".repeat(29)}01~02`)],
        ["103", "PD1-12", `${pid(P)}\rPD1${"|".repeat(12)}?`],
        ["100", "PID", `${pid(P)}\r${pid(P)}`],
      ];
      for (const [fault, where, segment] of wrong) rejected(fault, where, message("A31", segment));
      rejected("100", "PID", message("A31"));
    });

    it("never gives a value in a reason", () => {
      const found = read(message("A31", pid(`P1^^^RRK^PI~9990000019^^^NHS^NH||Zephyrine`)));
      assert.ok(found.kind === "rejected");
      assert.doesNotMatch(found.fault.message, /9990000019|Zephyrine|P1/);
    });
  });

  describe("what it says of a visit", () => {
    const P = pid("P1^^^RRK^PI");
    const encounter = (event: string, pv1 = PV1, given: object = {}): FeedChange | undefined =>
      changesOf(message(event, P, pv1), given).find(({ kind }) => kind === "encounter");
    const visit = { kind: "encounter", localId: "P1", visit: "V77", encounterClass: "emergency" } as const;
    const timed = (began: string, ended = ""): string =>
      `PV1|1|E|||||||||||||||||V77${"|".repeat(25)}${began}|${ended}`;

    it("opens, plans, closes, cancels and opens again", () => {
      assert.deepEqual(encounter("A01"), { ...visit, state: "open", startedAtMs: AT_MS });
      assert.deepEqual(encounter("A04"), { ...visit, state: "open", startedAtMs: AT_MS });
      assert.deepEqual(encounter("A05"), { ...visit, state: "planned", startedAtMs: AT_MS });
      assert.deepEqual(encounter("A03"), { ...visit, state: "closed", endedAtMs: AT_MS });
      assert.deepEqual(encounter("A11"), { ...visit, state: "cancelled" });
      assert.deepEqual(encounter("A13"), { ...visit, state: "open" });
      for (const event of ["A08", "A28", "A31"]) assert.equal(encounter(event), undefined);
    });

    it("goes by the times of the visit, where they are said", () => {
      const [began, ended] = [Date.UTC(2025, 5, 1, 7, 30), Date.UTC(2025, 5, 2, 8)];
      assert.deepEqual(encounter("A03", timed("202506010830", "202506020900")), {
        ...{ ...visit, state: "closed", startedAtMs: began, endedAtMs: ended },
      });
      assert.deepEqual(encounter("A01", timed("202506010830")), { ...visit, state: "open", startedAtMs: began });
      const planned = { ...visit, state: "planned", startedAtMs: Date.UTC(2025, 7, 1, 7, 30) };
      assert.deepEqual(encounter("A05", timed("202508010830")), planned);
    });

    it("is of the account where the visit has no number, and of nobody's where neither has", () => {
      const account = `${P}${"|".repeat(15)}AC9^^^RRK`;
      const [, found] = changesOf(message("A01", account, "PV1|1|I"));
      assert.ok(found?.kind === "encounter");
      assert.deepEqual([found.visit, found.encounterClass], ["AC9", "inpatient"]);
      rejected("101", "PV1-19", message("A01", P, "PV1|1|I"));
    });

    it("keeps the visits of feeds apart that number them alike", () => {
      const own = encounter("A01", PV1, { name: "ed", ownVisits: true });
      assert.equal(own?.kind === "encounter" && own.visit, "ed V77");
    });

    it("shows the classes that the feed shows, and what the provider's feed may carry", () => {
      assert.equal(encounter("A01", PV1, { encounterClasses: ["I"] }), undefined);
      assert.equal(changesOf(message("A01", P, PV1), {}, { ...FEEDING, recordTypes: new Set() }).length, 1);
    });

    it("never holds a visit to a service of a protected kind, nor one that is protected by itself", () => {
      const at = (service: string): string => `PV1|1|O||||||||${service}|||||||||V77`;
      for (const event of ["A01", "A04", "A05"]) assert.equal(encounter(event, at("360")), undefined, event);
      for (const event of ["A03", "A08", "A11", "A13"]) {
        assert.deepEqual(
          encounter(event, at("360")),
          { ...visit, encounterClass: "outpatient", state: "cancelled" },
          event,
        );
      }
      assert.equal(encounter("A01", `${PV1}\rPV2${"|".repeat(22)}Y`), undefined);
      assert.notEqual(encounter("A01", at("100")), undefined);
    });

    it("is nothing to an update, whatever stands there", () => {
      for (const pv1 of ["PV1|1", "PV1|1|N", "PV1|1|Z||||||||||||||||||||||||||||||||||||||||||soon"]) {
        assert.equal(encounter("A08", pv1), undefined, pv1);
      }
    });

    it("refuses what is missing or cannot be", () => {
      rejected("100", "PV1", message("A01", P));
      rejected("101", "PV1-2", message("A01", P, "PV1|1|||||||||||||||||V77"));
      rejected("103", "PV1-2", message("A01", P, "PV1|1|Z|||||||||||||||||V77"));
      rejected("102", "PV1-44", message("A01", P, timed("yesterday")));
      rejected("102", "PV1-44", message("A01", P, timed("20260101")));
      rejected("102", "PV1-45", message("A03", P, timed("20250601", "20250531")));
      rejected("102", "PV1-19", message("A01", P, `PV1|1|E|||||||||||||||||${"9".repeat(65)}`));
    });
  });

  describe("what it says of two numbers", () => {
    const [one, other] = [pid("P1^^^RRK^PI||New^Name"), pid("P2^^^RRK^PI")];

    it("merges the number of MRG into that of PID, and says nothing else", () => {
      for (const event of ["A34", "A40"]) {
        const merged = { kind: "merge", losing: "P2", winning: "P1" };
        assert.deepEqual(changesOf(message(event, one, "PD1|", `MRG|${NUMBER}^^^NHS^NH~P2^^^RRK^PI`)), [merged]);
      }
      const twice = message("A40", one, "MRG|P2", pid("P3"), "MRG|P4");
      assert.deepEqual(
        changesOf(twice).map((change) => change.kind === "merge" && [change.losing, change.winning]),
        [
          ["P2", "P1"],
          ["P4", "P3"],
        ],
      );
    });

    it("links and unlinks two", () => {
      assert.deepEqual(changesOf(message("A24", one, "PV1|1|E", other)), [{ kind: "link", one: "P1", other: "P2" }]);
      assert.deepEqual(changesOf(message("A37", one, other)), [{ kind: "unlink", one: "P1", other: "P2" }]);
    });

    it("refuses what is one too few or too many", () => {
      rejected("100", "MRG", message("A40", one));
      rejected("100", "MRG", message("A40", "MRG|P2", one));
      rejected("100", "MRG", message("A40", one, other, "MRG|P2"));
      rejected("100", "MRG", message("A34", one, "MRG|P2", other, "MRG|P3"));
      rejected("101", "MRG-1", message("A40", one, `MRG|${NUMBER}^^^NHS^NH`));
      rejected("102", "MRG-1.1", message("A40", one, `MRG|${"1".repeat(65)}`));
      rejected("100", "PID", message("A24", one));
      rejected("100", "PID", message("A37", one, other, one));
    });
  });

  describe("when", () => {
    const at = (evn: string, sent = AT): string =>
      [`MSH|^~\\&|PAS|RRK|||${sent}||ADT^A31|M1|P|2.4`, evn, pid("P1")].join("\r");
    const atMs = (text: string): number | undefined => {
      const found = read(text);
      return found.kind === "read" ? found.message.atMs : undefined;
    };

    it("is when it was recorded, or else when it was sent", () => {
      assert.equal(atMs(at("EVN|A31|202506011200")), Date.UTC(2025, 5, 1, 11));
      assert.equal(atMs(at("EVN|A31")), AT_MS);
      assert.equal(atMs(at("NTE|1")), AT_MS);
    });

    it("is when it happened, for a visit", () => {
      const [, opened] = changesOf([msh("A01"), `EVN|A01|${AT}||||202506020815`, pid("P1"), PV1].join("\r"));
      assert.equal(opened?.kind === "encounter" && opened.startedAtMs, Date.UTC(2025, 5, 2, 7, 15));
    });

    it("is refused where it is no time, none is said, or it has not come yet", () => {
      rejected("102", "EVN-2", at("EVN|A31|noon"));
      rejected("102", "EVN-2", at("EVN|A31|20250602133000"));
      rejected("101", "EVN-2", at("EVN|A31", ""));
      rejected("102", "MSH-7", at("EVN|A31", "2026"));
      rejected("201", "EVN-1", at("EVN|A08|20250602"));
      assert.equal(atMs(at("EVN|Sub|202506011200")), Date.UTC(2025, 5, 1, 11), "what is no event contradicts none");
    });
  });

  it("takes nothing for a provider whose feed is not on, or of a message that is two", () => {
    rejected("102", "MSH-4", message("A28", pid("P1")), {}, { ...FEEDING, state: "paused" });
    rejected("102", "", `${message("A28", "PID|1||P1")}\u000b${message("A28", pid("P2"))}`);
  });

  it("reads the set that the feed is said to use, where the message names none", () => {
    const text = message("A31", pid("P1||Zo\u00eb"));
    rejected("102", "MSH-18", text);
    assert.equal(read(text, { characterSet: "UNICODE UTF-8" }).kind, "read");
  });

  it("reads or refuses whatever bytes come, and gives no value in a reason", () => {
    const [surname, forename] = ["Quillfeatherstone", "Zephyrine"];
    const whole = Buffer.from(
      message("A01", pid(`P1^^^RRK^PI~${NUMBER}^^^NHS^NH||${surname}^${forename}^^^^^L||19310405|F|||1 High St`), PV1),
    );
    const change = fc.tuple(
      fc.nat(whole.length - 1),
      fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('\r|^~\\&"0'))),
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), fc.nat(whole.length), (changes, length) => {
        const bytes = Buffer.from(whole);
        for (const [at, byte] of changes) bytes[at] = byte;
        const found = read(bytes.subarray(0, length % 3 === 0 ? length : bytes.length));
        if (found.kind === "rejected")
          assert.ok(![surname, forename, NUMBER].some((each) => found.fault.message.includes(each)));
        else assert.ok(found.message.changes.expose().length > 0);
      }),
      { numRuns: 2_000 },
    );
  });
});
