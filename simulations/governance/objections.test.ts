import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import Sqlite from "better-sqlite3";

import { EXIT } from "../../node/cli/exit.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { answerAt, ask } from "../testing/asking.ts";
import { run } from "../testing/doors-cli.ts";
import { aPerson } from "../testing/people.ts";
import { providerOf } from "../testing/a-topology.ts";

const START_MS = 60_000;
const TEST_MS = 90_000;
const AREAS = ["ash", "birch"].map((id) => ({ id, name: id, collaborative: "north", region: "Upland" }));
const PROVIDER = providerOf("birch");

describe("corridor objection", function () {
  this.timeout(TEST_MS);
  const patient = aPerson(1, "1961-04-12", [{ area: "birch", records: ["discharge-letter", "allergies"] }]);
  const nobody = aPerson(9, "1950-01-01", []);
  let network: TestNetwork;

  before(async function () {
    this.timeout(START_MS);
    network = await startNetwork({
      ...{ areas: AREAS, agreements: [{ between: ["ash", "birch"] }], people: [patient] },
    });
  });
  after(async function () {
    this.timeout(START_MS);
    await network?.stop();
  });

  const onBirch = (): string[] => ["--config", network.mesh.node("birch").configPath];
  const toBirch = (): string[] => [...onBirch(), "--via", "birch", "--mesh", network.folder, "--provider", PROVIDER];
  const objection = async (args: readonly string[], stdin = "") => {
    const ran = await run(["objection", ...args], { stdin });
    assert.ok(!`${ran.out}${ran.err}`.includes(patient.nhsNumber));
    return ran;
  };
  const shown = async () =>
    answerAt(await ask(network, patient), "birch")
      .pointers.map(({ recordType }) => recordType)
      .toSorted();
  const asOf = () => {
    const db = new Sqlite(network.auditPath("birch").replace(/audit\.db$/, "index.db"), { readonly: true });
    try {
      return db.prepare("SELECT as_of_ms FROM feed_state WHERE provider = ?").pluck().get(PROVIDER);
    } finally {
      db.close();
    }
  };

  it("adds one by the number, decides it and takes it back: each counts at the next question of another area", async () => {
    const freshAs = asOf();
    assert.deepEqual(await shown(), ["allergies", "discharge-letter"]);
    const added = await objection(
      ["add", ...toBirch(), "--nhs-number", "-", "--id", "O1", "--scope", "type:allergies"],
      patient.nhsNumber,
    );
    assert.equal(added.code, EXIT.done, added.err);
    assert.deepEqual(await shown(), ["discharge-letter"]);
    assert.equal((await objection(["uphold", "O1", ...toBirch()])).code, EXIT.done);
    assert.deepEqual(await shown(), ["discharge-letter"]);
    const listed = await objection(["list", ...onBirch()], patient.nhsNumber);
    assert.match(listed.out, /^O1 \(.*\): upheld, received on .*; about type:allergies; not even emergency access/);
    const declined = await objection(["decline", "O1", ...toBirch(), "--reason", "Needed for the safety of others"]);
    assert.equal(declined.code, EXIT.done, declined.err);
    assert.deepEqual(await shown(), ["allergies", "discharge-letter"]);
    assert.equal((await objection(["uphold", "O1", ...toBirch()])).code, EXIT.done);
    assert.deepEqual(await shown(), ["discharge-letter"]);
    assert.equal((await objection(["withdraw", "O1", ...toBirch()])).code, EXIT.done);
    assert.deepEqual(await shown(), ["allergies", "discharge-letter"]);
    assert.equal(asOf(), freshAs, "one objection does not make a feed fresh");
  });

  it("imports many from a file, as load does", async () => {
    const file = join(network.folder, "objections.csv");
    writeFileSync(
      file,
      `provider,local_id,objection_id,state,received_on,override_in_emergency\n${PROVIDER},P0,O2,received,2026-01-01,true\n`,
    );
    const imported = await objection(["import", file, "--via", "birch", "--mesh", network.folder]);
    assert.equal(imported.code, EXIT.done, imported.err);
    assert.deepEqual(await shown(), []);
    assert.equal((await objection(["withdraw", "O2", ...toBirch()])).code, EXIT.done);
    assert.deepEqual(await shown(), ["allergies", "discharge-letter"]);
  });

  it("says what is wrong: nobody of that number, a number on the command line, no such objection, a scope that is none", async () => {
    const add = ["add", ...toBirch()];
    const usages: readonly (readonly [readonly string[], string, RegExp])[] = [
      [[...add, "--nhs-number", "-"], nobody.nhsNumber, /has told this node of nobody with this number/],
      [[...add, "--nhs-number", nobody.nhsNumber], "", /takes - alone/],
      [[...add, "--nhs-number", "-"], "12345", /must be one NHS number/],
      [add, "", /Give --nhs-number -, or --local-id/],
      [[...add, "--local-id", "P0", "--scope", "everything"], "", /Not kept: scope/],
      [["uphold", "O9", ...toBirch()], "", /No such objection is held here/],
    ];
    for (const [args, stdin, said] of usages) {
      const ran = await objection(args, stdin);
      assert.equal(ran.code, EXIT.usage, ran.out);
      assert.match(ran.err, said);
    }
    assert.match((await objection(["list", ...onBirch()], nobody.nhsNumber)).out, /No objection is held here/);
  });
});
