import assert from "node:assert/strict";

import type { NodeId } from "../base/words.ts";
import type { Manifest, Member } from "../../topology/manifest.ts";
import { areasOn } from "./areas.ts";

const OWN = "wm-bsol" as NodeId;
const DAY = "2026-11-20";

const member = (id: string, change: Partial<Member> = {}): Member => ({
  id,
  collaborative: "ccr",
  region: "West Midlands",
  ics: [{ code: "QHL", name: "Birmingham and Solihull", from: "2022-07-01" }],
  endpoints: ["127.0.0.1:1"],
  issuingCa: "0".repeat(64),
  assertionKey: "A".repeat(43),
  population: 1,
  ages: { from: 0 },
  coverageContact: { name: "Record desk", phone: "01632 960001", hours: "24 hours" },
  status: "live",
  ...change,
});

const manifestOf = (members: readonly Member[], icsWithoutNode: Manifest["icsWithoutNode"] = []): Manifest => ({
  format: 1,
  network: { name: "Test", domain: "test.example", authority: "Nobody" },
  sequence: 1,
  issuedAt: `${DAY}T00:00:00Z`,
  routing: "ask-all",
  members: [...members],
  icsWithoutNode,
  agreements: [],
});

const namesOf = (manifest: Manifest, day = DAY): string[] => areasOn(manifest, OWN, day).map(({ area }) => area.name);

describe("areas", () => {
  it("are in the scopes that they share with the own node", () => {
    const members = [
      member(OWN),
      member("wm-cw"),
      member("wm-bc", { collaborative: "ohc" }),
      member("nw-gm", { collaborative: "gm", region: "North West" }),
    ];
    assert.deepEqual(
      areasOn(manifestOf(members), OWN, DAY).map(({ area }) => area.scopes),
      [
        ["collaborative", "region", "network"],
        ["collaborative", "region", "network"],
        ["region", "network"],
        ["network"],
      ],
    );
  });

  it("are named by the ICSs served that day", () => {
    const ics = [
      { code: "QHG", name: "NHS Bedfordshire Integrated Care Board", from: "2022-07-01", to: "2026-04-01" },
      { code: "S1Y5D", name: "NHS Central East Integrated Care Board", from: "2026-04-01" },
    ];
    const manifest = manifestOf([member(OWN, { ics })]);
    assert.deepEqual(namesOf(manifest, "2026-03-31"), ["Bedfordshire"]);
    assert.deepEqual(namesOf(manifest, "2026-04-01"), ["Central East"]);
  });

  it("name all of several ICSs", () => {
    const ics = ["A", "B", "C"].map((name, index) => ({ code: `QA${index}`, name, from: "2022-07-01" }));
    assert.deepEqual(namesOf(manifestOf([member(OWN, { ics })])), ["A / B / C"]);
  });

  it("that serve the same ICS since a merger are told apart by what they served before", () => {
    const merged = { code: "S1Y5D", name: "NHS Central East Integrated Care Board", from: "2026-04-01" };
    const was = (code: string, name: string) => [{ code, name, from: "2022-07-01", to: "2026-04-01" }, merged];
    const members = [
      member(OWN, { ics: was("QHG", "Bedfordshire") }),
      member("ee-cp", { ics: was("QUE", "Cambridgeshire") }),
      member("ee-new", { ics: [merged] }),
    ];
    const names = ["Central East (Bedfordshire)", "Central East (Cambridgeshire)", "Central East"];
    assert.deepEqual(namesOf(manifestOf(members)), names);
    assert.deepEqual(namesOf(manifestOf(members), "2026-03-31"), ["Bedfordshire", "Cambridgeshire", "Central East"]);
  });

  it("are never orphaned by a code that ended, or has not begun", () => {
    const ended = [
      { code: "QAA", name: "Long gone", from: "2020-01-01", to: "2022-07-01" },
      { code: "QBB", name: "Last known", from: "2022-07-01", to: "2026-04-01" },
    ];
    const later = [
      { code: "QCC", name: "Far", from: "2028-01-01" },
      { code: "QDD", name: "Next", from: "2027-01-01" },
    ];
    assert.deepEqual(namesOf(manifestOf([member(OWN, { ics: ended }), member("wm-cw", { ics: later })])), [
      "Last known",
      "Next",
    ]);
  });

  it("without a node are listed in no scope, unless a member serves that ICS", () => {
    const without = [
      { code: "QHL", name: "Birmingham and Solihull", region: "West Midlands" },
      { code: "QE1", name: "NHS Lancashire and South Cumbria Integrated Care Board", region: "North West" },
    ];
    const areas = areasOn(manifestOf([member(OWN)], without), OWN, DAY);
    assert.deepEqual(areas.at(-1)?.area, {
      name: "Lancashire and South Cumbria",
      icsCodes: ["QE1"],
      scopes: [],
      contact: "",
    });
    assert.equal(areas.length, 2);
  });

  it("of a member that left are gone, and its ICS is without a node unless another serves it", () => {
    const leaver = member("wm-old", {
      status: "left",
      ics: [
        { code: "QHL", name: "Birmingham and Solihull", from: "2022-07-01" },
        { code: "QOC", name: "Shropshire, Telford and Wrekin", from: "2022-07-01" },
      ],
    });
    const areas = areasOn(manifestOf([member(OWN), leaver]), OWN, DAY);
    assert.deepEqual(
      areas.map(({ area, member: of }) => [area.name, of?.id]),
      [
        ["Birmingham and Solihull", OWN],
        ["Shropshire, Telford and Wrekin", undefined],
      ],
    );
  });

  it("of joining and suspended members stay, in their scopes", () => {
    const members = [member(OWN), member("wm-cw", { status: "joining" }), member("wm-hw", { status: "suspended" })];
    for (const { area } of areasOn(manifestOf(members), OWN, DAY)) assert.equal(area.scopes.length, 3);
  });
});
