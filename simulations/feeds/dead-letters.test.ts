import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { openDatabase } from "../../node/storage/database.ts";
import { aMarkedPerson, findPeopleIn } from "../testing/doors-people.ts";
import { FEED, type FedNode, startFedNode } from "./a-fed-node.ts";
import type { Hl7Line } from "../hl7/hl7-line.ts";

const person = aMarkedPerson(0);
const SAID = {
  ...{ familyName: person.familyName, givenName: person.givenName, birthDate: person.birthDate },
  ...{ nhsNumber: person.nhsNumber, gender: "F" },
};

interface Listed {
  readonly letters: readonly { readonly id: string; readonly place: string; readonly reason: string; tries: number }[];
  readonly count: number;
}

describe("a message that a node cannot take", function () {
  this.timeout(60_000);
  let fed: FedNode;
  let line: Hl7Line;

  before(async () => {
    fed = await startFedNode();
    line = await fed.line();
  });
  after(async () => {
    line?.close();
    await fed?.stop();
  });

  const list = async (): Promise<Listed> => (await fed.mpi("operator", "dead-letters")).result as Listed;
  const personsOf = (...localIds: string[]): unknown[] => {
    const db = openDatabase(join(fed.network.dataDir, "index.db"), { readonly: true });
    const find = db.prepare("SELECT person_id FROM identity_record WHERE current = 1 AND local_id = ?").pluck();
    const found = localIds.map((localId) => find.get(localId));
    db.close();
    return found;
  };

  it("is kept through a kill, says why, and is taken when it is replayed after what it waited for", async () => {
    const A40 = fed.message("A40", "D1", { otherId: "D2" });
    assert.equal((await line.send(A40)).code, "AE");
    await fed.restart();
    line = await fed.line();
    assert.equal((await line.send(A40)).code, "AE", "its sender tries again");
    const { letters, count } = await list();
    assert.equal(count, 1);
    assert.deepEqual([letters[0]?.place, letters[0]?.tries], ["MRG-1", 2]);

    const still = await fed.mpi("operator", "replay", "--all");
    assert.deepEqual([still.code, still.result], [3, { taken: 0, refused: 1, notTried: 0 }]);
    assert.equal((await line.send(fed.message("A28", "D1", SAID))).code, "AA");
    assert.equal(
      (await line.send(fed.message("A28", "D2", { ...SAID, nhsNumber: "", givenName: "Other" }))).code,
      "AA",
    );
    const [one, other] = personsOf("D1", "D2");
    assert.notEqual(one, other);

    const replayed = await fed.mpi("operator", "replay", "--feed", FEED);
    assert.deepEqual([replayed.code, replayed.result], [0, { taken: 1, refused: 0, notTried: 0 }]);
    assert.deepEqual(personsOf("D2"), [one]);
    assert.equal((await list()).count, 0);
  });

  it("shows what is in it to a reviewer alone, and to nobody who reads the node's files or its log", async () => {
    const text = fed.message("A08", "D3", { ...SAID, birthDate: "1961-02-30" });
    assert.equal((await line.send(text)).code, "AE");
    const listed = await list();
    const id = listed.letters[0]?.id ?? "";
    assert.deepEqual(findPeopleIn(JSON.stringify(listed), [person]), []);
    assert.equal((await fed.mpi("operator", "dead-letters", "show", id)).code, 3);
    assert.equal((await fed.mpi("feed", "dead-letters")).code, 3);
    const { result } = await fed.mpi("reviewer", "dead-letters", "show", id);
    const { bodyBase64 = "" } = result as { readonly bodyBase64?: string };
    assert.equal(Buffer.from(bodyBase64, "base64").toString(), text);

    const files = readdirSync(fed.network.dataDir).map((name) =>
      readFileSync(join(fed.network.dataDir, name), "latin1"),
    );
    assert.ok(
      !files.some((file) => file.includes("1961-02-30") || file.includes("19610230")),
      "nothing of it in a file",
    );
    assert.deepEqual(findPeopleIn(fed.node().output(), [person]), []);
    const audit = openDatabase(join(fed.network.dataDir, "audit.db"), { readonly: true });
    const entries = audit.prepare("SELECT * FROM audit_log WHERE kind = 'review'").all();
    audit.close();
    assert.match(JSON.stringify(entries), /dead-letter-show/);
    assert.deepEqual((await fed.mpi("operator", "dead-letters", "purge", id)).result, { dropped: 1 });
  });

  it("stays where it is when its key is gone, and the node says so", async () => {
    assert.equal((await line.send(fed.message("A40", "D8", { otherId: "D9" }))).code, "AE");
    await fed.node().kill();
    rmSync(join(fed.network.dataDir, "letters.key"));
    await fed.restart();
    line = await fed.line();
    assert.match(fed.node().output(), /dead-letters-unreadable/);
    assert.deepEqual((await fed.mpi("operator", "replay", "--all")).result, { taken: 0, refused: 0, notTried: 1 });
    assert.equal((await list()).count, 1);
  });
});
