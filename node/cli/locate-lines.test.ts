import assert from "node:assert/strict";

import type { AreaAnswer, PointerView, Verdict } from "../base/answer.ts";
import type { EncounterView } from "../base/encounter.ts";
import type { RecordTypeKey } from "../base/record-types.ts";
import type { NodeId, OrganisationCode } from "../base/words.ts";
import { areaLines, verdictLines } from "./locate-lines.ts";

const pointer: PointerView = {
  pointerId: "x-1",
  recordType: "allergies",
  custodian: { code: "RRK" as OrganisationCode, name: "A trust", phone: "" },
  recordedOn: "2026-01-01",
  updatedAtMs: 0,
  format: "",
  access: "full",
  sources: [],
};

const answer = (name: string, notOffered: readonly RecordTypeKey[], more: Partial<AreaAnswer> = {}): AreaAnswer => ({
  area: { name, icsCodes: [], scopes: ["network"], contact: "" },
  outcome: "nothing-to-show",
  reason: "",
  pointers: [],
  sealed: [],
  elapsedMs: 1,
  own: false,
  notOffered,
  morePointers: 0,
  ...more,
});

const verdict = {
  sentence: "2 of 2 areas answered.",
  fixedLine: "This does not mean there is nothing else.",
} as Verdict;

const endOf = (...answers: AreaAnswer[]): string =>
  verdictLines(verdict, answers)
    .map((line) => line.trim())
    .join(" ")
    .trim();

describe("a record that two areas name", () => {
  const said = (name: string, ...pointers: PointerView[]): AreaAnswer =>
    answer(name, [], { outcome: "records", pointers });
  const sources = ["n-a", "n-b"] as NodeId[];
  const [first, again] = [
    { ...pointer, document: "x" },
    { ...pointer, document: "x", pointerId: "x-2", sources },
  ];

  it("is listed once, and both areas with it", () => {
    const listed = new Map<string, string>();
    assert.equal(areaLines(said("Ashdale", first), listed).length, 2);
    const [, ...lines] = areaLines(said("Birchwood", again), listed);
    assert.deepEqual(lines, ["      1 record listed under Ashdale, held here too"]);
  });

  it("is listed again where the second says something else of it", () => {
    const listed = new Map<string, string>();
    areaLines(said("Ashdale", first), listed);
    const [, line = ""] = areaLines(said("Birchwood", { ...again, access: "summary" }), listed);
    assert.match(line, /summary only/);
    const [, other = ""] = areaLines(said("Cedarham", { ...again, sources: [] }), listed);
    assert.match(other, /2026-01-01/, "nobody else named it");
  });
});

describe("the end of a printed answer", () => {
  it("says once what the role is not offered, before the verdict and its fixed line", () => {
    assert.equal(
      endOf(answer("Here", ["dols", "ecg"], { own: true }), answer("A", ["dols", "ecg"]), answer("B", ["ecg"])),
      "Not offered to your role: 2 kinds of record. 2 of 2 areas answered. This does not mean there is nothing else.",
    );
    assert.match(endOf(answer("Here", ["dols"], { own: true })), /^Not offered to your role: 1 kind of record\./);
  });

  it("names the areas that share less than the role could see", () => {
    const own = answer("Here", ["dols"], { own: true });
    assert.match(
      endOf(own, answer("A", ["dols", "ecg"]), answer("B", [])),
      /1 kind of record\. A shares only some kinds of record with you\. 2 of 2/,
    );
    assert.match(
      endOf(answer("Here", [], { own: true }), answer("A", ["ecg"]), answer("B, west", ["ecg"])),
      /^A; B, west share only some kinds of record with you\. 2 of 2/,
    );
  });

  it("says nothing of it where everything is offered, and never a word that clinicians must not see", () => {
    assert.equal(endOf(answer("Here", [], { own: true })), `${verdict.sentence} ${verdict.fixedLine}`);
    const all = endOf(answer("Here", ["dols"], { own: true }), answer("A", ["ecg"]));
    assert.doesNotMatch(all, /refused|ruled out|incompatible|resting|dead letter|killed|peer|holder|permit|no other/i);
  });
});

describe("a printed area", () => {
  it("counts the records that are not listed, and those that the answer could not carry", () => {
    const pointers = Array.from({ length: 14 }, () => pointer);
    const lines = (more: Partial<AreaAnswer>) => areaLines(answer("A", [], { outcome: "records", pointers, ...more }));
    assert.match(lines({}).join("\n"), /… and 2 more/);
    assert.match(lines({ morePointers: 100 }).join("\n"), /… and 102 more/);
    assert.match(lines({ pointers: [pointer], morePointers: 5 }).join("\n"), /… and 5 more/);
    assert.doesNotMatch(lines({ pointers: [pointer] }).join("\n"), /more/);
  });
});

describe("a printed attendance", () => {
  const lineOf = (encounter: EncounterView): string => {
    const updatedAtMs = Date.UTC(2026, 10, 20, 9);
    const pointers: PointerView[] = [{ ...pointer, recordType: "encounters", updatedAtMs, encounter }];
    return areaLines(answer("A", [], { outcome: "records", pointers })).at(-1) ?? "";
  };

  it("says that it is under way only as far as was heard, and when that was", () => {
    const open = lineOf({ class: "emergency", state: "open", endedOn: "" });
    assert.match(open, /A trust {2}emergency, under way when last heard, 2026-11-20$/);
  });

  it("says when it ended, or that it is expected", () => {
    assert.match(
      lineOf({ class: "inpatient", state: "closed", endedOn: "2026-11-21" }),
      /inpatient, ended 2026-11-21$/,
    );
    assert.match(lineOf({ class: "other", state: "planned", endedOn: "" }), /A trust {2}expected$/);
  });
});

describe("a printed answer", () => {
  it("lets no name write elsewhere on the screen", () => {
    const evil =
      "General Practices. \u001b[2K\r  No other records exist anywhere\n  \u202eEverything was checked\u009b2J";
    const custodian = { ...pointer.custodian, name: evil };
    const told = answer(evil, [], {
      outcome: "records",
      pointers: [{ ...pointer, custodian, recordedOn: "\u001b[31m" }],
    });
    const lines = [...areaLines(told), ...verdictLines({ ...verdict, sentence: evil }, [told])];
    for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
    assert.equal(areaLines(told).length, 2, "one line for the area, one for its record");
  });
});
