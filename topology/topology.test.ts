import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Failure } from "../node/base/failure.ts";
import { parseNodeId } from "../node/base/words.ts";
import { feedCarries, feedsInto, icsOn, parseTopology, readTopology, takesLoads } from "./topology.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const westMidlands = () => readTopology(`${FOLDER}west-midlands.yaml`);
const node = (id: string) => parseNodeId(id)!;

/** A small file without fault; the tests below break it in one place each. */
const SOUND = `network: { name: Two areas, domain: two.corridor.example, authority: Nobody in particular }
collaboratives:
  - { id: both, name: Both }
nodes:
  - id: north
    name: North
    collaborative: both
    region: The region
    population: 500000
    ages: { from: 18 }
    ics:
      - { code: QAA, name: North, from: 2022-07-01, to: 2026-04-01, successors: [Z1Z2Z] }
      - { code: Z1Z2Z, name: Greater North, from: 2026-04-01 }
    coverageContact: { name: Desk, phone: 01632 960001, hours: 24 hours }
    status: live
  - id: south
    name: South
    collaborative: both
    region: The region
    population: 400000
    ages: { from: 0 }
    ics: [{ code: QBB, name: South, from: 2022-07-01 }]
    coverageContact: { name: Desk, phone: 01632 960002, hours: 24 hours }
    status: live
icsWithoutNode:
  - { code: QCC, name: West, region: The region, from: 2022-07-01 }
providers:
  - code: RAA
    name: A hospital
    type: acute
    phone: 01632 960003
    feeds:
      - { node: north, state: feeding, recordTypes: &some [encounters, ecg], staleAfterMinutes: 240 }
      - { node: south, state: paused, recordTypes: *some, ages: { from: 18, to: 64 } }
  - { code: X-NO-ODS-A-COUNCIL, name: A council, type: local-authority, phone: 01632 960004, feeds: [{ node: south, state: viewing-only }] }
agreements:
  - id: one
    title: The agreement
    members: [north, south]
    controllers: [{ code: RAA, joined: 2026-04-01 }]
    processors: []
    dpo: Somebody
    lawfulBasis: A basis
    dpia: DPIA-1
    purposes: [TREAT]
    recordTypes: all
    roleGroups: [doctor, nurse]
    consentModel: implied
    adultsOnly: false
    demographicQuestions: false
    reviewDate: 2027-04-01
`;

describe("topology files", () => {
  for (const name of readdirSync(FOLDER).filter((file) => file.endsWith(".yaml"))) {
    it(`${name} has no fault`, () => assert.ok(readTopology(FOLDER + name).nodes.length > 0));
  }
});

describe("a topology", () => {
  const sound = parseTopology(SOUND, "sound.yaml");

  it("knows which ICSs a node answers for on a day: the last day of a code is not the day it ends on", () => {
    const [north] = sound.nodes;
    assert.ok(north);
    const codes = (day: string) => icsOn(north, day).map(({ code }) => code);
    assert.deepEqual(codes("2022-06-30"), []);
    assert.deepEqual(codes("2026-03-31"), ["QAA"]);
    assert.deepEqual(codes("2026-04-01"), ["Z1Z2Z"]);
  });

  it("knows who feeds a node, and what", () => {
    const [feed, viewer] = feedsInto(sound, node("south"));
    assert.deepEqual(sound.nodes[1]?.providers, ["RAA", "X-NO-ODS-A-COUNCIL"]);
    assert.equal(feed?.provider.name, "A hospital");
    assert.deepEqual(feed.feed.recordTypes, ["encounters", "ecg"]);
    assert.ok(feedCarries(feed.feed, "ecg") && !feedCarries(feed.feed, "allergies"));
    assert.ok(viewer !== undefined && !feedCarries(viewer.feed, "ecg"));
    const states = sound.providers.flatMap(({ feeds }) => feeds.map((each) => [each.state, takesLoads(each)]));
    assert.deepEqual(states, [
      ["feeding", true],
      ["paused", false],
      ["viewing-only", false],
    ]);
  });

  it("takes a day as the age at which a feed is behind, where the file does not say", () => {
    assert.deepEqual(
      feedsInto(sound, node("south")).map(({ feed }) => feed.staleAfterMinutes),
      [1440, 1440],
    );
  });

  it("says who has signed for presence filters, and refuses one without an assessment, or that only one side has signed", () => {
    const filters = (signOffs: string, dpia = "dpia: D-1, "): string =>
      `${SOUND}presenceFilters: { ${dpia}signOffs: [${signOffs}] }\n`;
    const signed = (id: string): string => `{ node: ${id}, guardian: Somebody, signedOn: 2026-01-01 }`;
    const both = `${signed("north")}, ${signed("south")}`;
    assert.equal(sound.presenceFilters, undefined);
    assert.equal(parseTopology(filters(both), "both.yaml").presenceFilters?.signOffs[1]?.node, "south");
    for (const [text, why] of [
      [filters(signed("north")), /Caldicott Guardians of two nodes at least/],
      [filters(both, ""), /dpia.*data protection impact assessment/],
      [filters(`${signed("north")}, ${signed("nowhere")}`), /"nowhere" is no node of this file/],
    ] as const) {
      assert.throws(() => parseTopology(text, "wrong.yaml"), why);
    }
  });

  it("never counts a legally protected kind among all", () => {
    const everything = parseTopology(SOUND.replace("&some [encounters, ecg]", "&some all"), "all.yaml");
    const [{ feed } = assert.fail("there is a feed")] = feedsInto(everything, node("north"));
    assert.ok(feedCarries(feed, "safeguarding"));
    assert.ok(!feedCarries(feed, "sexual-health"));
  });

  it("lets one node serve several ICSs, and several nodes one", () => {
    const shared = SOUND.replace(
      "ics: [{ code: QBB, name: South, from: 2022-07-01 }]",
      "ics: [{ code: Z1Z2Z, name: Greater North, from: 2026-04-01 }, { code: QBB, name: South, from: 2022-07-01 }]",
    );
    const served = parseTopology(shared, "shared.yaml").nodes.map((each) =>
      icsOn(each, "2026-11-01").map(({ code }) => code),
    );
    assert.deepEqual(served, [["Z1Z2Z"], ["Z1Z2Z", "QBB"]]);
  });

  it("gives controllers the names of the providers that they are", () => {
    assert.deepEqual(sound.agreements[0]?.controllers, [{ code: "RAA", name: "A hospital", joined: "2026-04-01" }]);
  });
});

describe("the West Midlands", () => {
  const topology = westMidlands();

  it("has six nodes in two collaboratives, the adults-only ones in the Collaborative Care Record", () => {
    const shape = topology.nodes.map(({ id, collaborative, ages }) => [id, collaborative, ages.from]);
    assert.deepEqual(shape, [
      ["wm-bsol", "collaborative-care-record", 18],
      ["wm-cw", "collaborative-care-record", 18],
      ["wm-hw", "collaborative-care-record", 18],
      ["wm-bc", "one-health-and-care", 0],
      ["wm-stw", "one-health-and-care", 0],
      ["wm-sst", "one-health-and-care", 0],
    ]);
  });

  it("has an agreement between every two nodes", () => {
    for (const one of topology.nodes) {
      for (const other of topology.nodes) {
        const shared = topology.agreements.some(
          ({ members }) => members.includes(one.id) && members.includes(other.id),
        );
        assert.ok(one === other || shared, `${one.id} and ${other.id}`);
      }
    }
  });

  it("has codes that are valid now, Thames Valley's of five characters among the neighbours", () => {
    for (const each of topology.nodes) assert.equal(icsOn(each, "2026-11-22").length, 1, each.id);
    const neighbours = icsOn({ ics: topology.icsWithoutNode }, "2026-11-22").map(({ code }) => code);
    assert.deepEqual(neighbours, ["QJ2", "QR1", "S0E4D"]);
  });

  it("shows every state of a feed, and a provider that feeds several areas", () => {
    const states = new Set(topology.providers.flatMap(({ feeds }) => feeds.map(({ state }) => state)));
    assert.deepEqual([...states].sort(), ["feeding", "left", "paused", "planned", "testing", "viewing-only"]);
    assert.equal(topology.providers.find(({ code }) => code === "RYA")?.feeds.length, 6);
  });

  it("has telephone numbers from the ranges that are kept for drama alone", () => {
    const phones = [
      ...topology.nodes.map(({ coverageContact }) => coverageContact.phone),
      ...topology.providers.map(({ phone }) => phone),
    ];
    for (const phone of phones) assert.match(phone, /^(?:0121 496 0\d{3}|01632 960\d{3})$/);
    assert.equal(new Set(phones).size, phones.length, "each its own");
  });
});

/** What is wrong, what to replace in the sound file (or the whole file), the line, words of the fault, and the
 * number of faults where others follow from it. */
const WRONG: readonly [
  what: string,
  from: string | RegExp,
  to: string,
  line: number,
  fault: RegExp,
  faults?: number,
][] = [
  ["nothing at all", /^[^]*$/, "", 1, /the file is empty; write a map with the keys network, collaboratives/],
  ["a list for a file", /^[^]*$/, "- one\n", 1, /the file is a list; write a map/],
  [
    "a name with a hidden character",
    "name: North\n",
    'name: "North\\u202e"\n',
    6,
    /name.*without controls or hidden characters/,
  ],
  ["a name beyond all use", "name: North\n", `name: ${"N".repeat(301)}\n`, 6, /name.*at most 300 characters/],
  [
    "text that is not YAML",
    "status: live",
    "status: [live",
    16,
    /is not YAML: .*; check indentation, quotes and brackets/,
  ],
  [
    "a key twice",
    "    name: South",
    "    name: South\n    name: South",
    18,
    /is not YAML: Map keys must be unique; keep one of the two/,
  ],
  ["an alias without its anchor", "*some", "*sum", 34, /\*sum names no anchor; write the anchor/],
  ["a list missing", /^nodes:[^]*?(?=icsWithoutNode)/m, "", 1, /nodes is missing; write a list/],
  ["no nodes", /^nodes:[^]*?(?=icsWithoutNode)/m, "nodes: []\n", 4, /nodes lists nothing; list at least one/],
  [
    "a key missing",
    "    population: 500000\n",
    "",
    5,
    /nodes\[0\]\.population is missing; write the number of people served/,
  ],
  [
    "an unknown key",
    "    region: The region\n    population: 5",
    "    regoin: x\n    region: The region\n    population: 5",
    8,
    /nodes\[0\]\.regoin is not a known key; .*did you mean region\?/,
  ],
  [
    "an unknown key inside",
    "hours: 24 hours }\n    status: live\n  - id: south",
    "hours: 24 hours, fax: 1 }\n    status: live\n  - id: south",
    14,
    /nodes\[0\]\.coverageContact\.fax is not a known key; .*known: name, phone, hours/,
  ],
  [
    "an unknown key at the top",
    "agreements:",
    "agrements: []\nagreements:",
    36,
    /agrements is not a known key; .*did you mean agreements\?/,
  ],
  [
    "a word for a number",
    "population: 500000",
    "population: many",
    9,
    /nodes\[0\]\.population is "many"; write the number of people/,
  ],
  ["nobody served", "population: 500000", "population: 0", 9, /population is 0; write the number of people/],
  [
    "a node id in capitals",
    "id: north",
    "id: North!",
    5,
    /nodes\[0\]\.id is "North!"; write 2 to 40 lower-case letters/,
    3,
  ],
  ["a node twice", "id: south", "id: north", 16, /nodes\[1\]\.id "north" stands twice; give each its own/, 4],
  [
    "a collaborative twice",
    "  - { id: both, name: Both }",
    "  - { id: both, name: Both }\n  - { id: both, name: Both }",
    4,
    /collaboratives\[1\]\.id "both" stands twice/,
  ],
  [
    "an unknown collaborative",
    "collaborative: both\n    region: The region\n    population: 4",
    "collaborative: bath\n    region: The region\n    population: 4",
    18,
    /nodes\[1\]\.collaborative "bath" is no collaborative of this file; did you mean both\?/,
  ],
  [
    "an ODS code in small letters",
    "code: QBB",
    "code: qbb",
    22,
    /nodes\[1\]\.ics\[0\]\.code is "qbb"; write an ODS code of 3 to 10 capital letters and digits/,
  ],
  [
    "an ODS code that YAML reads as a number",
    "code: QBB",
    "code: 001",
    22,
    /code is 1; write an ODS code .*in quotes if it looks like a number/,
  ],
  [
    "a day that does not exist",
    "from: 2022-07-01 }]",
    "from: 2022-06-31 }]",
    22,
    /ics\[0\]\.from is "2022-06-31"; write a real day as YYYY-MM-DD/,
  ],
  [
    "a code that ends before it begins",
    "to: 2026-04-01, successors: [Z1Z2Z]",
    "to: 2022-07-01",
    12,
    /nodes\[0\]\.ics\[0\]\.to "2022-07-01" is not after "2022-07-01"; write the first day on which it no longer holds/,
  ],
  [
    "a code twice on the same days",
    "code: Z1Z2Z, name: Greater North, from: 2026-04-01",
    "code: QAA, name: North, from: 2026-03-01",
    13,
    /nodes\[0\]\.ics\[1\] QAA is valid twice on the same days; end one range/,
    2,
  ],
  [
    "a successor that is nowhere",
    "successors: [Z1Z2Z]",
    "successors: [Z1Z2X]",
    12,
    /successors\[0\] "Z1Z2X" is no ICS of this file; did you mean Z1Z2Z\?/,
  ],
  [
    "a successor not valid that day",
    "from: 2026-04-01 }\n    cov",
    "from: 2026-05-01 }\n    cov",
    12,
    /Z1Z2Z is not valid on 2026-04-01; correct its dates/,
  ],
  [
    "successors of a code still valid",
    ", to: 2026-04-01, successors",
    ", successors",
    12,
    /are given for a code that is still valid; write its last day/,
  ],
  [
    "a node without an ICS",
    "ics: [{ code: QBB, name: South, from: 2022-07-01 }]",
    "ics: []",
    22,
    /nodes\[1\]\.ics is a list; list at least one ICS/,
  ],
  [
    "an ICS with and without a node",
    "code: QCC",
    "code: QBB",
    26,
    /icsWithoutNode\[0\] QBB has a node, south, on the same days/,
  ],
  [
    "ages the wrong way round",
    "ages: { from: 0 }",
    "ages: { from: 18, to: 17 }",
    21,
    /nodes\[1\]\.ages\.to 17 is below from, 18; write the lower age first/,
    2,
  ],
  ["ages in months", "ages: { from: 0 }", "ages: { from: 0.5 }", 21, /ages\.from is 0\.5; write a whole number from 0/],
  [
    "a telephone number in words",
    "phone: 01632 960002",
    "phone: ask the desk",
    23,
    /phone is "ask the desk"; write a telephone number/,
  ],
  [
    "an unknown status",
    /status: live\nics/,
    "status: alive\nics",
    24,
    /nodes\[1\]\.status is "alive"; write one of live, joining, suspended, left \(did you mean live\?\)/,
  ],
  ["a provider twice", "code: X-NO-ODS-A-COUNCIL", "code: RAA", 35, /providers\[1\]\.code "RAA" stands twice/],
  [
    "an unknown type of provider",
    "type: acute",
    "type: hospital",
    30,
    /providers\[0\]\.type is "hospital"; write one of acute, specialist/,
  ],
  [
    "a feed into an unknown node",
    "{ node: north, state: feeding",
    "{ node: nort, state: feeding",
    33,
    /providers\[0\]\.feeds\[0\]\.node "nort" is no node of this file; did you mean north\?/,
  ],
  [
    "a feed in an unknown state",
    "state: paused",
    "state: puased",
    34,
    /feeds\[1\]\.state is "puased"; write one of planned, .* \(did you mean paused\?\)/,
  ],
  [
    "a node fed twice",
    "{ node: south, state: paused",
    "{ node: north, state: paused",
    34,
    /feeds\[1\]\.node "north" is fed twice by RAA; keep one feed/,
  ],
  [
    "identifiers of NHS numbers for a provider's own",
    "{ node: south, state: paused",
    "{ node: south, fhirIdentifierSystem: https://fhir.nhs.uk/Id/nhs-number, state: paused",
    34,
    /feeds\[1\]\.fhirIdentifierSystem .*never that of NHS numbers/,
  ],
  [
    "one provider's identifiers for two",
    /\{ node: south, state: paused(.*)\n(.*)\{ node: south, state: viewing-only/,
    "{ node: south, fhirIdentifierSystem: urn:oid:1.2, state: paused$1\n$2{ node: south, fhirIdentifierSystem: urn:oid:1.2, state: viewing-only",
    35,
    /feeds\[0\]\.fhirIdentifierSystem "urn:oid:1\.2" is another provider's at south; give each provider its own/,
  ],
  [
    "an unknown record type",
    "[encounters, ecg]",
    "[encounter, ecg]",
    33,
    /recordTypes\[0\] is "encounter"; write the key of a record type; did you mean encounters\?/,
  ],
  [
    "a legally protected kind",
    "[encounters, ecg]",
    "[sexual-health, ecg]",
    33,
    /recordTypes\[0\] is "sexual-health"; leave it out: records that the law protects/,
  ],
  [
    "a feed that sends nothing",
    "[encounters, ecg]",
    "[]",
    33,
    /feeds\[0\]\.recordTypes lists nothing, though the feed is feeding; list what the provider sends/,
    2,
  ],
  [
    "feed ages beyond the node's",
    "staleAfterMinutes: 240 }",
    "staleAfterMinutes: 240, ages: { from: 16 } }",
    33,
    /feeds\[0\]\.ages reach beyond the ages that north holds; stay within 18 and over/,
  ],
  [
    "a feed that is behind at once",
    "staleAfterMinutes: 240",
    "staleAfterMinutes: 0",
    33,
    /staleAfterMinutes is 0; write whole minutes/,
  ],
  [
    "an agreement with a stranger",
    "members: [north, south]",
    "members: [north, west]",
    39,
    /agreements\[0\]\.members\[1\] "west" is no node of this file/,
  ],
  [
    "an agreement with oneself",
    "members: [north, south]",
    "members: [north]",
    39,
    /members is a list; list at least two nodes/,
  ],
  [
    "a member twice",
    "members: [north, south]",
    "members: [north, south, north]",
    39,
    /members\[2\] "north" stands twice; keep it once/,
  ],
  [
    "a controller who is nobody",
    "{ code: RAA, joined",
    "{ code: RAB, joined",
    40,
    /controllers\[0\]\.code "RAB" is no provider of this file; did you mean RAA\?/,
  ],
  [
    "a controller who left before joining",
    "joined: 2026-04-01 }",
    "joined: 2026-04-01, left: 2026-01-01 }",
    40,
    /controllers\[0\]\.left "2026-01-01" is not after/,
  ],
  [
    "a purpose outside care",
    "purposes: [TREAT]",
    "purposes: [RESEARCH]",
    45,
    /purposes\[0\] is "RESEARCH"; write one of TREAT, ETREAT, CAREMGT, BTG/,
  ],
  [
    "an unknown dataset",
    "roleGroups: [doctor, nurse]",
    "roleGroups: [doctor, nurse]\n    datasets: [{ dataset: social-cars, roleGroups: all, fields: all }]",
    48,
    /datasets\[0\]\.dataset is "social-cars"; write the key of a dataset; did you mean social-care\?/,
  ],
  [
    "a field that the dataset does not have",
    "roleGroups: [doctor, nurse]",
    "roleGroups: [doctor, nurse]\n    datasets: [{ dataset: social-care, roleGroups: all, fields: [risk-typ] }]",
    48,
    /datasets\[0\]\.fields\[0\] is "risk-typ"; write the key of a field of social-care; did you mean risk-type\?/,
  ],
  [
    "an unknown role group",
    "[doctor, nurse]",
    "[doctor, nurses]",
    47,
    /roleGroups\[1\] is "nurses"; write the key of a role group; did you mean nurse\?/,
  ],
  [
    "one person suspending an agreement",
    "    reviewDate",
    "    suspendedBy: [Ann, Ann]\n    reviewDate",
    51,
    /suspendedBy names one person twice; two different people/,
  ],
  [
    "a domain in capitals",
    "domain: two.corridor.example",
    "domain: Two",
    1,
    /network\.domain is "Two"; write a DNS name in lower case/,
  ],
];

describe("a wrong topology file", () => {
  for (const [what, from, to, line, fault, count = 1] of WRONG) {
    it(`with ${what} is told by line, with a remedy`, () => {
      const wrong = SOUND.replace(from, to);
      assert.notEqual(wrong, SOUND, "the test broke the file");
      const [heading, ...faults] = faultsOf(wrong);
      assert.equal(heading, `The topology file wrong.yaml has ${count} fault${count === 1 ? "" : "s"}:`);
      assert.equal(faults.length, count, faults.join("\n"));
      const told = faults.find((each) => each.startsWith(`wrong.yaml:${line}: `)) ?? assert.fail(faults.join("\n"));
      assert.match(told, fault);
    });
  }

  it("is told all its faults at once, in the order of the file", () => {
    const wrong = SOUND.replace("population: 500000", "population: many")
      .replace(
        "collaborative: both\n    region: The region\n    population: 4",
        "collaborative: bath\n    region: The region\n    population: 4",
      )
      .replace("state: paused", "state: pausing")
      .replace("purposes: [TREAT]", "purposes: []");
    const [heading, ...faults] = faultsOf(wrong);
    assert.equal(heading, "The topology file wrong.yaml has 4 faults:");
    assert.deepEqual(
      faults.map((fault) => fault.split(":")[1]),
      ["9", "18", "34", "45"],
    );
  });

  it("tells a fault of a shared list once, however often the list is used", () => {
    const faults = faultsOf(SOUND.replace("&some [encounters, ecg]", "&some [encounter, ecg]"));
    assert.equal(faults.length, 2);
  });

  it("is not asked to mend what only refers to an entry with a fault of its own", () => {
    const faults = faultsOf(SOUND.replace("population: 500000", "population: many"));
    assert.equal(faults.length, 2, "a heading and one fault: feeds and agreements still know the node");
  });

  it("cannot make a message of control characters", () => {
    const message = faultsOf(SOUND.replace("type: acute", 'type: "\\e[31m\\u202eacute"')).join("\n");
    assert.ok(!message.includes("\u001b"));
  });

  it("that is not there is a fault of configuration that names it", () => {
    assert.throws(
      () => readTopology(`${FOLDER}none.yaml`),
      (thrown) => thrown instanceof Failure && thrown.code === "configuration" && thrown.message.includes("none.yaml"),
    );
  });

  it("with an alias bomb ends in a fault, not in a full memory", () => {
    const levels = Array.from({ length: 30 }, (_, at) => `l${at + 1}: &l${at + 1} [${`*l${at}, `.repeat(9)}*l${at}]`);
    const started = performance.now();
    assert.ok(faultsOf(["l0: &l0 [x]", ...levels].join("\n")).length > 1);
    assert.ok(performance.now() - started < 2_000);
  });
});

function faultsOf(text: string): string[] {
  try {
    parseTopology(text, "wrong.yaml");
  } catch (thrown) {
    assert.ok(thrown instanceof Failure, String(thrown));
    assert.equal(thrown.code, "configuration");
    assert.equal(thrown.where, "wrong.yaml");
    return thrown.message.split("\n");
  }
  return assert.fail("the file was taken for right");
}
