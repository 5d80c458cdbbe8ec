import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { callerFiles } from "../certs/layout.ts";
import { type Ran, run } from "./testing/doors-cli.ts";
import { type DoorNetwork, type DoorNode, HOLDER, PROVIDER, makeDoorNetwork } from "./testing/doors-network.ts";
import { aMarkedPerson, findPeopleIn } from "./testing/doors-people.ts";

const PERSON = aMarkedPerson(0);
const PROTECTED = aMarkedPerson(1);
const PEOPLE = [PERSON, PROTECTED];

const HEADER =
  "provider,local_id,nhs_number,nhs_number_status,given_name,middle_name,family_name,birth_date,gender,address_line1,address_line2,locality,postcode,phone,recorded_on,restricted";

describe("corridor search, as a process", () => {
  let network: DoorNetwork;
  let node: DoorNode;
  let dir: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "corridor-search-"));
    network = await makeDoorNetwork();
    node = await network.start();
    const lines = PEOPLE.map((person, at) =>
      [
        ...[PROVIDER, `S${at}`, person.nhsNumber, "01", person.givenName, person.middleName, person.familyName],
        ...[person.birthDate, "female", person.addressLine1, "", "Town", person.postcode, person.phone, "2025-01-01"],
        String(person === PROTECTED),
      ].join(","),
    );
    const file = join(dir, "identities.csv");
    writeFileSync(file, [HEADER, ...lines, ""].join("\n"));
    const loaded = await run(["load", file, ...via("feed"), "--rejects", join(dir, "rejects")]);
    assert.equal(loaded.code, 0, loaded.err);
  });
  after(async () => {
    await node?.stop();
    network?.remove();
    rmSync(dir, { recursive: true, force: true });
  });

  const via = (caller: string): string[] => [
    ...["--via", `https://127.0.0.1:${node.port}`, "--certs", callerFiles(network.certsDir, HOLDER, caller).directory],
  ];
  const search = (...args: string[]): Promise<Ran> =>
    run([
      ...[
        "search",
        ...via("ward"),
        "--organisation",
        PROVIDER,
        "--role",
        "R8000",
        "--setting",
        "emergency",
        "--purpose",
        "TREAT",
      ],
      ...["--relationship", "attendance", "--reason", "unknown patient", ...args],
    ]);
  const named = ({ familyName, birthDate }: typeof PERSON): string[] => [
    "--family",
    familyName,
    "--birth-date",
    birthDate,
  ];

  it("finds a person by name and birth date", async () => {
    const { code, out, err } = await search(...named(PERSON), "--json");
    assert.deepEqual([code, err], [0, ""]);
    const { result, persons } = JSON.parse(out) as { result: string; persons: Record<string, unknown>[] };
    assert.deepEqual([result, persons.length, persons[0]?.["score"]], ["found", 1, 1]);
    assert.deepEqual([persons[0]?.["nhsNumber"], persons[0]?.["postcode"]], [PERSON.nhsNumber, PERSON.postcode]);
  });

  it("finds by beginnings and fuzzily, and says so where nobody fits", async () => {
    const begun = `${PERSON.familyName.slice(0, 4)}*`;
    assert.match((await search("--family", begun, "--birth-date", PERSON.birthDate)).out, /^1 person fits/);
    const wrongly = ["--family", PERSON.givenName, "--given", PERSON.familyName, "--birth-date", PERSON.birthDate];
    assert.match((await search(...wrongly, "--fuzzy")).out, /^1 person fits/);
    const { code, out } = await search(...wrongly);
    assert.equal(code, 0);
    assert.match(out, /may be known here under other details, or elsewhere/);
  });

  it("shows no place of a restricted person, and finds none by place", async () => {
    const { code, out } = await search(...named(PROTECTED));
    assert.equal(code, 0);
    assert.match(out, /Restricted record: location protected/);
    for (const place of [PROTECTED.postcode, PROTECTED.phone, PROTECTED.addressLine1]) assert.ok(!out.includes(place));
    const byPlace = await search(...named(PROTECTED), "--postcode", PROTECTED.postcode);
    assert.doesNotMatch(byPlace.out, /person fits/);
  });

  it("refuses what cannot be answered, without a word of whom it was about", async () => {
    const refused: [args: string[], code: number, says: RegExp][] = [
      [["--family", PERSON.familyName], 2, /birth_date is missing/],
      [["--given", PERSON.givenName, "--birth-date", PERSON.birthDate], 2, /family is missing/],
      [["--family", "Q*", "--birth-date", PERSON.birthDate], 2, /first two characters/],
      [[...named(PERSON), "--practice", "M85001"], 1, /cannot search by practice/],
      [[...named(PERSON), "--automatic", "--max-results", "2"], 3, /max_results must be 1/],
      [[...named(PERSON), "--purpose", "OTHER"], 3, /care of one person at a time/],
    ];
    for (const [args, code, says] of refused) {
      const ran = await search(...args);
      assert.equal(ran.code, code, ran.err);
      assert.match(ran.err, says);
      assert.equal(ran.out, "");
      assert.deepEqual(findPeopleIn(ran.err, PEOPLE), []);
    }
  });

  it("leaves nothing of a patient in the node's log", () => {
    assert.match(node.output(), /SearchService/);
    assert.deepEqual(findPeopleIn(node.output(), PEOPLE), []);
  });
});
