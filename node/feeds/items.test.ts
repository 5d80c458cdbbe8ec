import assert from "node:assert/strict";

import fc from "fast-check";

import { RECORD_TYPE_KEYS, type RecordTypeKey } from "../base/record-types.ts";
import { type AdmittedFeed, parseFeedItem, PROTECTED_KIND_REASON, type ItemKind, type RawItem } from "./items.ts";

const IDENTITY = {
  provider: "RRK",
  localId: "P1",
  nhsNumber: "900 000 0009",
  nhsNumberStatus: "01",
  givenName: "Zo\u0065\u0308",
  middleName: "",
  familyName: "O'Brien",
  birthDate: "1980-05-17",
  gender: "female",
  addressLine1: "1 Canal Road",
  addressLine2: "",
  locality: "Birmingham",
  postcode: "B86 8QD",
  phone: "07700 900738",
  recordedOn: "2024-03-01",
  restricted: "false",
};
const POINTER = {
  provider: "RRK",
  localId: "P1",
  recordId: "D1",
  recordType: "discharge-letter",
  recordedOn: "2025-01-02",
  format: "application/pdf",
  fetch: "https://records.rrk.example/d/5166bb6c67",
  sensitivity: "",
};
const OBJECTION = {
  provider: "RRK",
  localId: "P1",
  objectionId: "O1",
  state: "received",
  receivedOn: "2025-06-01",
  overrideInEmergency: "true",
};
const BASE: Record<ItemKind, RawItem["fields"]> = { identity: IDENTITY, pointer: POINTER, objection: OBJECTION };

const feeding = (recordTypes: AdmittedFeed["recordTypes"] = "all"): AdmittedFeed => ({ state: "feeding", recordTypes });
const parse = (kind: ItemKind, more: Record<string, unknown> = {}, feeds = new Map([["RRK", feeding()]])) =>
  parseFeedItem({ kind, fields: { ...BASE[kind], ...more } }, { today: "2026-11-22", feeds });
const valuesOf = (...item: Parameters<typeof parse>): unknown => {
  const parsed = parse(...item);
  assert.ok("values" in parsed, JSON.stringify(parsed));
  return parsed.values.expose();
};

describe("an objection of a feed", () => {
  const parsed = (more: Record<string, unknown>) =>
    parseFeedItem({ kind: "objection", fields: { ...OBJECTION, ...more } }, { today: "2026-06-01" });
  const field = (more: Record<string, unknown>): string | undefined => {
    const item = parsed(more);
    return "rejected" in item ? item.rejected.field : undefined;
  };

  it("may be about an organisation, a type or a record, and about nothing that is not understood", () => {
    for (const scope of ["", "organisation:RRK", "type:maternity", "record:R1"])
      assert.equal(field({ scope }), undefined);
    for (const scope of ["maternity", "type:letters", "record:", "record:9000000009"]) {
      assert.equal(field({ scope }), "scope", scope);
    }
  });

  it("is declined with a reason or not at all: until then what was said before stands", () => {
    assert.equal(field({ state: "declined" }), "reason");
    assert.equal(field({ state: "declined", reason: " " }), "reason");
    assert.equal(field({ state: "declined", reason: "Needed for the safety of others" }), undefined);
    assert.equal(field({ state: "declined", reason: "See 900 000 0009" }), "reason");
  });
});

describe("an item of a feed", () => {
  it("is taken as it was sent, its number as ten digits", () => {
    assert.deepEqual(valuesOf("identity"), { ...IDENTITY, nhsNumber: "9000000009", restricted: false });
    assert.deepEqual(valuesOf("pointer"), { ...POINTER, sensitivity: "N" });
    assert.deepEqual(valuesOf("objection"), { ...OBJECTION, overrideInEmergency: true, scope: "", reason: "" });
  });

  it("cannot be printed by accident", () => {
    assert.ok(!JSON.stringify(parse("identity")).includes("O'Brien"));
  });

  const taken: [ItemKind, Record<string, unknown>][] = [
    ["identity", { nhsNumber: "", nhsNumberStatus: "07" }],
    ["identity", { birthDate: "1980" }],
    ["identity", { birthDate: "1980-05" }],
    ["identity", { birthDate: "" }],
    ["identity", { restricted: true }],
    ["identity", { familyName: "Nguyễn" }],
    ["identity", { givenName: "", familyName: "" }],
    ["pointer", { recordedOn: "2027-01-01", recordType: "appointments" }],
    ["pointer", { fetch: "https://records.rrk.example/d/9000000010" }],
  ];
  for (const [kind, more] of taken) {
    it(`is taken: ${kind} with ${JSON.stringify(more)}`, () => void valuesOf(kind, more));
  }

  const refused: [ItemKind, string, Record<string, unknown>, string][] = [
    ["identity", "no provider", { provider: "" }, "provider"],
    ["identity", "a provider that is no code", { provider: "rrk" }, "provider"],
    ["identity", "a provider that does not feed this node", { provider: "RZZ" }, "provider"],
    ["identity", "no local id", { localId: "" }, "local_id"],
    ["identity", "an id of 65 characters", { localId: "x".repeat(65) }, "local_id"],
    ["identity", "an id with a space behind", { localId: "P1 " }, "local_id"],
    ["identity", "a bad check digit", { nhsNumber: "9000000008" }, "nhs_number"],
    ["identity", "ten equal digits", { nhsNumber: "9999999999" }, "nhs_number"],
    ["identity", "look-alike digits", { nhsNumber: "9０00000009" }, "nhs_number"],
    ["identity", "Arabic digits", { nhsNumber: "٩٠٠٠٠٠٠٠٠٩" }, "nhs_number"],
    ["identity", "eleven digits", { nhsNumber: "90000000090" }, "nhs_number"],
    ["identity", "letters for digits", { nhsNumber: "9OO0000009" }, "nhs_number"],
    ["identity", "an unknown status", { nhsNumberStatus: "09" }, "nhs_number_status"],
    ["identity", "a verified nothing", { nhsNumber: "" }, "nhs_number_status"],
    ["identity", "a day that does not exist", { birthDate: "1981-02-29" }, "birth_date"],
    ["identity", "a birth tomorrow", { birthDate: "2026-11-23" }, "birth_date"],
    ["identity", "a birth next year", { birthDate: "2027" }, "birth_date"],
    ["identity", "a birth in 1859", { birthDate: "1859-12" }, "birth_date"],
    ["identity", "a British date", { birthDate: "17/05/1980" }, "birth_date"],
    ["identity", "an unknown gender", { gender: "F" }, "gender"],
    ["identity", "a name of 101 characters", { familyName: "x".repeat(101) }, "family_name"],
    ["identity", "a NUL", { familyName: "Kh\u0000an" }, "family_name"],
    ["identity", "a line break", { addressLine1: "1\nCanal Road" }, "address_line1"],
    ["identity", "a mark that turns text", { givenName: "Ai\u202esha" }, "given_name"],
    ["identity", "an isolate", { givenName: "\u2066Aisha" }, "given_name"],
    ["identity", "broken encoding", { familyName: "M\ufffdller" }, "family_name"],
    ["identity", "half a character", { familyName: "Khan\ud800" }, "family_name"],
    ["identity", "a number for a text", { phone: 7 }, "phone"],
    ["identity", "nothing for a text", { phone: null }, "phone"],
    ["identity", "recorded tomorrow", { recordedOn: "2026-11-23" }, "recorded_on"],
    ["identity", "a flag in words", { restricted: "yes" }, "restricted"],
    ["pointer", "no record id", { recordId: "" }, "record_id"],
    ["pointer", "an unknown type", { recordType: "horoscope" }, "record_type"],
    ["pointer", "a type by inheritance", { recordType: "constructor" }, "record_type"],
    ["pointer", "a format that is none", { format: "pdf" }, "format"],
    ["pointer", "no address", { fetch: "" }, "fetch"],
    ["pointer", "an address in clear", { fetch: "http://records.rrk.example/1" }, "fetch"],
    ["pointer", "a script", { fetch: "javascript:alert(1)" }, "fetch"],
    ["pointer", "a password in the address", { fetch: "https://a:b@rrk.example/1" }, "fetch"],
    ["pointer", "a number in the address", { fetch: "https://rrk.example/p/9000000009/d" }, "fetch"],
    ["pointer", "a number in groups", { fetch: "https://rrk.example/?p=900-000-0009" }, "fetch"],
    ["pointer", "a number in disguise", { fetch: "https://rrk.example/?p=900%20000%200009" }, "fetch"],
    ["pointer", "a number percent by percent", { fetch: "https://rrk.example/?p=%39000000009" }, "fetch"],
    ["pointer", "a long address", { fetch: `https://rrk.example/${"x".repeat(500)}` }, "fetch"],
    ["pointer", "an unknown sensitivity", { sensitivity: "X" }, "sensitivity"],
    ["objection", "an unknown state", { state: "maybe" }, "state"],
    ["objection", "no day", { receivedOn: "" }, "received_on"],
    ["objection", "no id", { objectionId: "" }, "objection_id"],
  ];
  for (const [kind, what, more, field] of refused) {
    it(`is refused, field named, value not: ${what}`, () => {
      const parsed = parse(kind, more);
      assert.ok("rejected" in parsed);
      assert.equal(parsed.rejected.field, field);
      const [value] = Object.values(more);
      if (typeof value === "string" && value.length > 2) assert.ok(!parsed.rejected.reason.includes(value));
    });
  }

  it("is refused where its provider's feed is not on", () => {
    for (const state of ["planned", "testing", "viewing-only", "paused", "left"] as const) {
      for (const kind of ["identity", "pointer", "objection"] as const) {
        const parsed = parse(kind, {}, new Map([["RRK", { state, recordTypes: "all" } satisfies AdmittedFeed]]));
        assert.ok("rejected" in parsed && parsed.rejected.reason.includes(state), `${kind} ${state}`);
      }
    }
  });

  it("is refused where its type is not part of the provider's feed", () => {
    const feeds = new Map([["RRK", feeding(new Set<RecordTypeKey>(["allergies"]))]]);
    assert.ok("rejected" in parse("pointer", {}, feeds));
    assert.ok("values" in parse("pointer", { recordType: "allergies" }, feeds));
    assert.ok("values" in parse("identity", {}, feeds));
  });

  it("is refused where the kind is legally protected, in words that can be counted", () => {
    const parsed = parse("pointer", { recordType: "sexual-health" });
    assert.deepEqual(parsed, { rejected: { field: "record_type", reason: PROTECTED_KIND_REASON } });
    const others = RECORD_TYPE_KEYS.filter((type) => type !== "sexual-health");
    for (const type of others) assert.ok("values" in parse("pointer", { recordType: type }), type);
  });

  it("is judged without an exception, whatever the fields hold, and no text is quoted back", () => {
    const value = fc.oneof(fc.string({ unit: "binary", minLength: 12, maxLength: 80 }), fc.constant(null), fc.object());
    const kinds = fc.constantFrom<ItemKind>("identity", "pointer", "objection");
    fc.assert(
      fc.property(
        kinds,
        fc.dictionary(fc.constantFrom(...Object.keys({ ...IDENTITY, ...POINTER })), value),
        (kind, more) => {
          const parsed = parse(kind, more);
          if (!("rejected" in parsed)) return;
          for (const given of Object.values(more)) {
            if (typeof given === "string") assert.ok(!parsed.rejected.reason.includes(given));
          }
        },
      ),
    );
  });
});
