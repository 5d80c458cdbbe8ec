import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Concealed } from "../base/concealed.ts";
import { seededRandom } from "../base/random.ts";
import { makeHandlers } from "../requests/dead-letter-store.ts";
import { keepLetter } from "../requests/dead-letters.ts";
import { makeLetterSeal } from "../requests/letter-seal.ts";
import { openStore } from "../storage/database.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { checkLetters } from "./doctor-letters.ts";

describe("the doctor, of the dead letters", () => {
  let dataDir: string;
  beforeEach(() => (dataDir = mkdtempSync(join(tmpdir(), "corridor-doctor-"))));
  afterEach(() => rmSync(dataDir, { recursive: true }));

  it("says how many wait, and since when", async () => {
    assert.equal(checkLetters({ dataDir }), "no message waits that could not be taken");
    const db = openStore(join(dataDir, "index.db"), "index");
    const store = makeInlineExecutor(db, makeHandlers(db));
    assert.equal(checkLetters({ dataDir }), "no message waits that could not be taken");
    const random = seededRandom(1);
    const box = { clock: makeFakeClock(), random, store, seal: makeLetterSeal(new Uint8Array(32), random) };
    await keepLetter({ feed: "pas", reason: "204", at: "", bytes: new Concealed(Buffer.from("MSH")) }, box);
    await store.close();
    const found = checkLetters({ dataDir });
    assert.ok(typeof found === "object" && found.state === "warning");
    assert.match(found.text, /^1 messages could not be taken, the first on 2026-11-20; 'corridor mpi dead-letters'/);
  });
});
