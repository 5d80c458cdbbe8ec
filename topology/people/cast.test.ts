import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "csv-parse/sync";

import { BirthDate } from "../../node/base/birth-date.ts";
import { Failure } from "../../node/base/failure.ts";
import { NhsNumber } from "../../node/base/nhs-number.ts";
import { PROTECTED_RECORD_TYPES, parseRecordType } from "../../node/base/record-types.ts";
import { feedCarries, takesLoads } from "../topology.ts";
import { CAST_DAY, CHARACTERS, type CastNode } from "./characters.ts";
import { readFreshness } from "./freshness.ts";
import { CAST_DIR, generateCast, readCastTopology } from "./generate.ts";
import { IDENTITY_COLUMNS, OBJECTION_COLUMNS, POINTER_COLUMNS } from "./rows.ts";
import type { IdentityRow, ObjectionRow, PointerRow } from "./rows.ts";

const NODES: readonly CastNode[] = ["wm-bsol", "wm-cw", "wm-hw", "wm-bc", "wm-stw", "wm-sst"];
const SIZE_BYTES_MAX = 2_500_000;

const topology = readCastTopology();
const committed = (file: string): string => readFileSync(join(CAST_DIR, file), "utf8");

function rows<Row>(file: string, columns: readonly string[]): Row[] {
  const text = committed(file);
  assert.equal(text.split("\n", 1)[0], columns.join(","));
  return parse(text, { columns: true });
}

interface NodeFiles {
  readonly identities: IdentityRow[];
  readonly pointers: PointerRow[];
  readonly objections: ObjectionRow[];
}

const files = new Map<CastNode, NodeFiles>(
  NODES.map((node) => [
    node,
    {
      identities: rows<IdentityRow>(`${node}.identities.csv`, IDENTITY_COLUMNS),
      pointers: rows<PointerRow>(`${node}.pointers.csv`, POINTER_COLUMNS),
      objections: rows<ObjectionRow>(`${node}.objections.csv`, OBJECTION_COLUMNS),
    },
  ]),
);
const of = (node: CastNode): NodeFiles => files.get(node) ?? assert.fail(node);
const key = (row: { provider: string; local_id: string }): string => `${row.provider} ${row.local_id}`;

function feedOf(node: CastNode, provider: string) {
  const feed = topology.providers
    .find(({ code }) => (code as string) === provider)
    ?.feeds.find((each) => (each.node as string) === node);
  return feed ?? assert.fail(`${provider} does not feed ${node}`);
}

/** Identity records under a number at a node. */
const recordsOf = (node: CastNode, nhsNumber: string) =>
  of(node).identities.filter((row) => row.nhs_number === nhsNumber);

function pointersOf(node: CastNode, identities: readonly IdentityRow[]): PointerRow[] {
  const keys = new Set(identities.map(key));
  return of(node).pointers.filter((row) => keys.has(key(row)));
}

const typesOf = (node: CastNode, nhsNumber: string): string[] =>
  pointersOf(node, recordsOf(node, nhsNumber)).map(({ record_type: type }) => type);

describe("the cast's files", () => {
  it("are what the generator makes, byte for byte", () => {
    const cast = generateCast(topology);
    assert.equal(cast.files.size, 18);
    for (const [name, text] of cast.files)
      assert.ok(text === committed(name), `${name} differs: run topology/people/generate.ts`);
  });

  it("are other people with another seed", () => {
    assert.notEqual(generateCast(topology, 1).files.get("wm-bsol.identities.csv"), committed("wm-bsol.identities.csv"));
  });

  it("hold a few thousand people, and stay small", () => {
    const count = (kind: keyof NodeFiles) => NODES.reduce((sum, node) => sum + of(node)[kind].length, 0);
    const people = new Set(NODES.flatMap((node) => of(node).identities.map((row) => row.nhs_number)));
    assert.ok(people.size >= 2_500, String(people.size));
    assert.ok(count("identities") >= 5_000 && count("pointers") >= 10_000 && count("objections") >= 15);
    const bytes = [...generateCast(topology).files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    assert.ok(bytes <= SIZE_BYTES_MAX, String(bytes));
  });

  for (const node of NODES) {
    it(`${node}: every row comes from a feed that takes loads, and could be loaded`, () => {
      const { identities, pointers, objections } = of(node);
      const known = new Set(identities.map(key));
      assert.equal(known.size, identities.length, "one identity record for each local id");
      for (const row of identities) checkIdentity(node, row);
      for (const row of pointers) {
        const type = parseRecordType(row.record_type) ?? assert.fail(row.record_type);
        assert.ok(feedCarries(feedOf(node, row.provider), type), `${row.provider} does not send ${type} to ${node}`);
        assert.ok(!PROTECTED_RECORD_TYPES.has(type) && known.has(key(row)));
        assert.match(row.fetch, /^https:\/\/records\.[a-z0-9-]+\.example\/(?:d|r4\/Bundle)\/r[0-9a-f]{9}$/);
        assert.ok(row.recorded_on <= CAST_DAY && ["", "R", "V"].includes(row.sensitivity));
      }
      for (const row of objections) {
        assert.ok(takesLoads(feedOf(node, row.provider)) && known.has(key(row)));
        assert.ok(["received", "upheld", "declined", "withdrawn"].includes(row.state) && row.received_on <= CAST_DAY);
      }
      const ids = pointers.map((row) => `${row.provider} ${row.record_id}`);
      assert.equal(new Set(ids).size, ids.length, "record ids are the provider's own");
    });
  }

  it("share a number between two people nowhere but where it was typed wrong", () => {
    const { people } = generateCast(topology);
    const numbers = [...people.map(({ nhsNumber }) => nhsNumber), ...documentedNumbers()];
    assert.equal(new Set(numbers).size, numbers.length);
    const truth = new Map(people.map((person) => [person.nhsNumber, person]));
    for (const row of NODES.flatMap((node) => of(node).identities)) {
      const person = truth.get(row.nhs_number);
      if (person === undefined) {
        assert.ok(row.nhs_number === "" || documentedNumbers().includes(row.nhs_number), "a number of nobody");
        continue;
      }
      const [, month, day] = person.birthDate.split("-");
      const mayBe = [person.birthDate, `${person.birthDate.slice(0, 4)}-${day}-${month}`];
      assert.ok(mayBe.includes(row.birth_date), "the birth date is the person's, or has day and month swapped");
      assert.equal(row.given_name[0], person.givenName[0]);
    }
  });

  it("hold nobody under 18 where an area holds adults only, and children where it holds them", () => {
    for (const node of NODES) {
      const youngest = of(node).identities.map(
        (row) => BirthDate.parse(row.birth_date, CAST_DAY)?.ageOn(CAST_DAY) ?? 99,
      );
      const adultsOnly = topology.nodes.find(({ id }) => (id as string) === node)?.ages.from === 18;
      assert.equal(Math.min(...youngest) >= 18, adultsOnly, node);
    }
  });

  it("say that the same trust's record is the same one in two areas", () => {
    const shared = of("wm-stw").pointers.filter((row) =>
      of("wm-sst").pointers.some((other) => other.fetch === row.fetch),
    );
    assert.deepEqual(
      shared.map(({ provider }) => provider),
      ["RRE"],
    );
  });
});

describe("the cast's freshness", () => {
  const freshness = readFreshness();

  it("is known for every provider of the files, and for no other", () => {
    assert.deepEqual([...freshness.keys()].sort(), [...NODES].sort());
    for (const node of NODES) {
      const providers = new Set(of(node).identities.map(({ provider }) => provider));
      for (const provider of freshness.get(node)?.keys() ?? []) assert.ok(takesLoads(feedOf(node, provider)), provider);
      for (const provider of providers) assert.ok(freshness.get(node)?.has(provider), `${node} ${provider}`);
    }
  });

  it("has one feed behind, Worcestershire's acute trust by nine hours", () => {
    const behind = [...freshness].flatMap(([node, providers]) =>
      [...providers].filter(([provider, minutes]) => {
        return minutes > feedOf(node as CastNode, provider).staleAfterMinutes;
      }),
    );
    assert.deepEqual(behind, [["RWP", 540]]);
  });

  it("that is not in its form is a fault of configuration", () => {
    assert.throws(
      () => readFreshness(join(CAST_DIR, "wm-bsol.identities.csv")),
      (thrown) => thrown instanceof Failure && thrown.code === "configuration",
    );
  });
});

describe("the documented characters", () => {
  for (const [name, character] of Object.entries(CHARACTERS)) {
    if (!("nhsNumber" in character)) continue;
    it(`${name} is held exactly where the cast says`, () => {
      assert.ok(isNeverIssued(character.nhsNumber));
      assert.ok(BirthDate.parse(character.birthDate, CAST_DAY));
      const heldIn = NODES.filter(
        (node) => ownRecords(node, character).length > 0 && ownPointers(node, character).length > 0,
      );
      assert.deepEqual(
        heldIn,
        NODES.filter((node) => (character.heldIn as readonly string[]).includes(node)),
      );
      for (const area of character.expectedAreas) {
        assert.ok((character.heldIn as readonly string[]).includes(area), "only a holder can answer with records");
      }
    });
  }

  it("the patient of the twenty histories: twenty records of one day in three areas, older ones at home", () => {
    const { nhsNumber } = CHARACTERS.twentyHistories;
    const away = (["wm-cw", "wm-hw", "wm-stw"] as const).flatMap((node) =>
      pointersOf(node, recordsOf(node, nhsNumber)),
    );
    assert.ok(away.every((row) => row.recorded_on === CAST_DAY));
    assert.equal(new Set(away.map(({ fetch }) => fetch)).size, 20);
    assert.equal(away.length, 22, "two ambulance journeys are each known in two areas");
    assert.ok(recordsOf("wm-bsol", nhsNumber).some(({ provider }) => provider === "RRK"));
    assert.ok(pointersOf("wm-bsol", recordsOf("wm-bsol", nhsNumber)).every((row) => row.recorded_on < CAST_DAY));
  });

  it("the frail person: every plan that a paramedic needs", () => {
    const { nhsNumber } = CHARACTERS.frailPerson;
    const types = new Set([...typesOf("wm-stw", nhsNumber), ...typesOf("wm-sst", nhsNumber)]);
    for (const type of [
      "respect-form",
      "care-plan",
      "emergency-care-plan",
      "end-of-life-plan",
      "advance-decision",
      "lasting-power-of-attorney",
      "social-care-involvement",
      "social-care-assessment",
      "dols",
    ]) {
      assert.ok(types.has(type), type);
    }
  });

  it("the child is a child, known to social care where children are covered", () => {
    const { nhsNumber, birthDate } = CHARACTERS.childKnownToSocialCare;
    assert.ok((BirthDate.parse(birthDate, CAST_DAY)?.ageOn(CAST_DAY) ?? 99) < 18);
    for (const node of ["wm-bc", "wm-sst"] as const) {
      const types = typesOf(node, nhsNumber);
      assert.ok(types.includes("childrens-social-care") && types.includes("safeguarding"), node);
    }
  });

  it("restricted at the peers: marked in every record there, known without a mark or a record in Birmingham", () => {
    const { nhsNumber } = CHARACTERS.restrictedAtPeers;
    const atPeers = [...recordsOf("wm-cw", nhsNumber), ...recordsOf("wm-hw", nhsNumber)];
    assert.ok(atPeers.length >= 2 && atPeers.every(({ restricted }) => restricted === "true"));
    const atHome = recordsOf("wm-bsol", nhsNumber);
    assert.deepEqual(
      atHome.map(({ restricted }) => restricted),
      ["false"],
    );
    assert.deepEqual(pointersOf("wm-bsol", atHome), []);
  });

  it("restricted in Birmingham's own index: marked there", () => {
    const marked = recordsOf("wm-bsol", CHARACTERS.restrictedInOwnIndex.nhsNumber);
    assert.ok(marked.length > 0 && marked.every(({ restricted }) => restricted === "true"));
  });

  it("the objector: an effective objection at every organisation that holds a record", () => {
    const states = new Set<string>();
    for (const node of ["wm-cw", "wm-stw"] as const) {
      for (const pointer of pointersOf(node, recordsOf(node, CHARACTERS.objector.nhsNumber))) {
        const objection = of(node).objections.find((row) => key(row) === key(pointer)) ?? assert.fail(key(pointer));
        assert.equal(objection.override_in_emergency, "false");
        states.add(objection.state);
      }
    }
    assert.deepEqual([...states].sort(), ["received", "upheld"]);
  });

  it("the stranger is in no file, in no column", () => {
    const { nhsNumber } = CHARACTERS.stranger;
    assert.ok(isNeverIssued(nhsNumber));
    for (const name of generateCast(topology).files.keys()) assert.ok(!committed(name).includes(nhsNumber), name);
  });

  it("the twins: two numbers, one surname, birth date, address and initial", () => {
    const { twin, otherTwin } = CHARACTERS;
    const [one] = recordsOf("wm-bsol", twin.nhsNumber);
    const [other] = recordsOf("wm-bsol", otherTwin.nhsNumber);
    const home = (row?: IdentityRow) => [
      row?.family_name,
      row?.birth_date,
      row?.address_line1,
      row?.postcode,
      row?.given_name[0],
    ];
    assert.deepEqual(home(one), home(other));
    assert.notEqual(one?.given_name, other?.given_name);
    assert.deepEqual(
      [recordsOf("wm-cw", twin.nhsNumber).length, recordsOf("wm-cw", otherTwin.nhsNumber).length > 0],
      [0, true],
    );
  });

  it("the number typed wrong: another's valid number beside the own birth date, at one hospital", () => {
    const { wrongNumber, numberOwner } = CHARACTERS;
    const typedWrong = recordsOf("wm-cw", numberOwner.nhsNumber).filter(
      (row) => row.birth_date === wrongNumber.birthDate,
    );
    assert.deepEqual(
      typedWrong.map(({ provider, family_name: family }) => [provider, family]),
      [["RKB", wrongNumber.familyName]],
    );
    assert.ok(pointersOf("wm-cw", typedWrong).length > 0);
    assert.deepEqual(recordsOf("wm-cw", wrongNumber.nhsNumber), []);
    assert.ok(recordsOf("wm-bsol", wrongNumber.nhsNumber).length > 0);
  });

  it("the person without a number: known by the hospital's id alone, with records", () => {
    const { provider, localId } = CHARACTERS.noNumber;
    const found = of("wm-bsol").identities.filter((row) => row.provider === provider && row.local_id === localId);
    assert.deepEqual(
      found.map((row) => [row.nhs_number, row.birth_date]),
      [["", ""]],
    );
    assert.equal(pointersOf("wm-bsol", found).length, 4);
  });

  it("the person of the late feed has records of that trust, and of a fresh one", () => {
    const { nhsNumber } = CHARACTERS.behindFeed;
    const providers = new Set(pointersOf("wm-hw", recordsOf("wm-hw", nhsNumber)).map(({ provider }) => provider));
    assert.ok(providers.has("RWP") && providers.size > 1);
  });

  it("each has a row in the table of README.md", () => {
    const readme = committed("README.md");
    for (const name of Object.keys(CHARACTERS)) assert.ok(readme.includes(`| \`${name}\` `), name);
  });
});

function checkIdentity(node: CastNode, row: IdentityRow): void {
  assert.ok(takesLoads(feedOf(node, row.provider)), `${row.provider} into ${node}`);
  assert.ok(row.nhs_number === "" || isNeverIssued(row.nhs_number));
  assert.match(row.nhs_number_status, row.nhs_number === "" ? /^03$/ : /^0[12]$/);
  assert.ok(["female", "male", "unknown"].includes(row.gender) && ["true", "false"].includes(row.restricted));
  assert.match(row.local_id, /^[A-Z0-9]{2}\d{7}$/);
  if (row.local_id === CHARACTERS.noNumber.localId) return;
  assert.ok(row.given_name !== "" && row.family_name !== "" && BirthDate.parse(row.birth_date, CAST_DAY) !== undefined);
  assert.match(row.postcode, /^[A-Z]{1,2}\d{2} \d[ABD-HJLNP-UW-Z]{2}$/);
  assert.match(row.phone, /^(?:07700 900\d{3})?$/);
  assert.ok(row.recorded_on >= row.birth_date && row.recorded_on <= CAST_DAY);
}

function isNeverIssued(nhsNumber: string): boolean {
  return /^9\d{9}$/.test(nhsNumber) && NhsNumber.parse(nhsNumber) !== undefined;
}

type Numbered = { readonly nhsNumber: string; readonly birthDate: string; readonly familyName: string };

function documentedNumbers(): string[] {
  return Object.values(CHARACTERS).flatMap((character) => ("nhsNumber" in character ? [character.nhsNumber] : []));
}

/** What is truly theirs at a node: by their own surname and birth date, whatever number it carries. */
function ownRecords(node: CastNode, who: Numbered): IdentityRow[] {
  const numbers = documentedNumbers();
  return of(node).identities.filter(
    (row) =>
      row.birth_date === who.birthDate &&
      row.family_name === who.familyName &&
      (row.nhs_number === who.nhsNumber ||
        (who.nhsNumber === CHARACTERS.wrongNumber.nhsNumber && numbers.includes(row.nhs_number))),
  );
}

function ownPointers(node: CastNode, who: Numbered): PointerRow[] {
  return pointersOf(node, ownRecords(node, who));
}
