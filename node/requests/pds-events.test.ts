import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Database } from "better-sqlite3";

import { Concealed } from "../base/concealed.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { seededRandom } from "../base/random.ts";
import { readPdsJob } from "../jobs/read-pds.ts";
import { makeMpi, type Mpi } from "../mpi/mpi.ts";
import { makePersonSearch } from "../mpi/search.ts";
import { parseSearch } from "../mpi/search-terms.ts";
import { openDatabase, openStore } from "../storage/database.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { anIdentity, anIdentityRecord } from "../testing/an-index.ts";
import { makeFakeClock } from "../testing/fake-clock.ts";
import { makeTurns } from "../base/turns.ts";
import { loadBatch, makeHandlers as loadHandlers } from "./load-batch.ts";
import { makeHandlers, type PdsAnswer, type PdsEventKind, readPdsFor, takePdsEvent } from "./pds-events.ts";

const OLD = number("9000000009");
const NEW = number("9000000017");
const NOBODYS = number("9000000025");

function number(digits: string): NhsNumber {
  const parsed = NhsNumber.parse(digits);
  assert.ok(parsed, digits);
  return parsed;
}

/** What the service holds, in the shape in which its client reads it: a stand-in for that client, and no more. */
function found(
  nhsNumber: NhsNumber,
  restricted: boolean,
  kind: "found" | "superseded" = "found",
  death: { readonly died?: string; readonly deathRegistered?: boolean } = {},
): PdsAnswer {
  const { familyName, givenName, birthDate, gender } = anIdentityRecord();
  const details = {
    names: [{ family: familyName, given: [givenName, "Jane"] }],
    birthDate,
    gender,
    died: "",
    deathRegistered: false,
    ...death,
  };
  return { kind, patient: { nhsNumber, restricted, details: new Concealed(details) } };
}

describe("events of the national demographics service", () => {
  let folder: string;
  let db: Database;
  let readDb: Database;
  let store: StoreExecutor;
  let mpi: Mpi;
  /** What the service answers, and what it was asked. */
  let answers: Map<string, PdsAnswer | Error>;
  let asked: string[];
  const clock = makeFakeClock();
  const DAY_MS = 86_400_000;
  const at = (day: number): number => clock.wallMs() - (10 - day) * DAY_MS;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "corridor-pds-"));
    const file = join(folder, "index.db");
    db = openStore(file, "index");
    const random = seededRandom(7);
    store = makeInlineExecutor(db, { ...loadHandlers(db, random, clock, "by-number"), ...makeHandlers(db, random) });
    readDb = openDatabase(file, { readonly: true });
    mpi = makeMpi(readDb);
    answers = new Map();
    asked = [];
    const needs = { clock, store, inTurn: makeTurns(1), feedsChanged() {} };
    await loadBatch({ name: "test", asOfMs: 0 }, [anIdentity()], needs);
  });
  afterEach(async () => {
    readDb.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const take = (changedMs: number, nhsNumber = OLD, kind: PdsEventKind = "pds-record-change-1") =>
    takePdsEvent({ nhsNumber, kind, changedMs }, { clock, store });
  const pds = {
    read(nhsNumber: NhsNumber): Promise<PdsAnswer> {
      asked.push(nhsNumber.expose());
      const answer = answers.get(nhsNumber.expose()) ?? { kind: "not-found" };
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
  const jobs = () =>
    db.prepare("SELECT key, payload FROM outbox ORDER BY id").all() as { key: string; payload: string }[];
  const job = readPdsJob((its) => readPdsFor(its, { clock, store, pds }));
  async function work(): Promise<void> {
    const { signal } = new AbortController();
    for (const { key, payload } of jobs()) {
      await job.run(payload, { key, signal });
      db.prepare("DELETE FROM outbox WHERE key = ?").run(key); // as the worker does with a job that wrote nothing
    }
  }
  const isRestricted = (nhsNumber: NhsNumber) => mpi.personsByNumber(nhsNumber).map(({ restricted }) => restricted);

  it("leave a job that knows the event and not the number", async () => {
    assert.equal(await take(at(1)), "queued");
    const [first] = jobs();
    assert.deepEqual(JSON.parse(first?.payload ?? ""), { event: "1" });
    assert.ok(!JSON.stringify(jobs()).includes(OLD.expose()));
  });

  it("count by their dates, whatever the order in which they come: the latest wins, and is read once", async () => {
    assert.equal(await take(at(2)), "queued");
    assert.equal(await take(at(1)), "older");
    assert.equal(await take(at(2)), "already");
    assert.equal(await take(at(3), OLD, "pds-change-of-address-1"), "queued");
    assert.equal(jobs().length, 2);
    await work();
    assert.deepEqual(asked, [OLD.expose()], "the earlier one's job has nothing left to do");
    await work();
    assert.equal(asked.length, 1);
  });

  it("are nothing to keep where nobody here has the number", async () => {
    assert.equal(await take(at(1), NOBODYS), "not-held");
    assert.deepEqual([jobs(), db.prepare("SELECT count(*) FROM pds_event").pluck().get()], [[], 0]);
  });

  it("are refused where they are dated ahead, or all that come after would count as older", async () => {
    await assert.rejects(take(clock.wallMs() + DAY_MS), { code: "invalid-input" });
  });

  it("set and remove the service's own mark of a protected person, whatever the providers say", async () => {
    answers.set(OLD.expose(), found(OLD, true));
    await take(at(1));
    await work();
    assert.deepEqual(isRestricted(OLD), [true]);
    answers.set(OLD.expose(), found(OLD, false));
    await take(at(2));
    await work();
    assert.deepEqual(isRestricted(OLD), [false]);
    assert.equal(
      db.prepare("SELECT count(*) FROM identity_record WHERE postcode <> '' AND provider <> 'RRK'").pluck().get(),
      0,
    );
  });

  const shown = () => {
    const search = { family: "Khan", given: [], birthDate: ["1980-05-17"], fuzzy: false, exact: false, history: false };
    const outcome = makePersonSearch(readDb).search(parseSearch(search, "2026-11-22", false));
    assert.ok(outcome.kind === "found");
    const { died, deathRegistered, verified } = outcome.persons[0]!.details.expose();
    return { died, deathRegistered, verified };
  };

  it("tell of a death by its date and who has said so, refuse nothing for it, and take it back", async () => {
    for (const [day, death] of [
      [1, { died: "2025-03", deathRegistered: false }],
      [2, { died: "2025-03-01", deathRegistered: true }],
      [3, { died: "", deathRegistered: false }],
    ] as const) {
      answers.set(OLD.expose(), found(OLD, false, "found", death));
      await take(at(day), OLD, "pds-death-notification-1");
      await work();
      assert.deepEqual(shown(), { ...death, verified: true });
      assert.equal(mpi.personsByNumber(OLD).length, 1);
    }
    assert.equal(db.prepare("SELECT count(*) FROM number_standing").pluck().get(), 0);
  });

  it("tell of a death under a number that was replaced, whichever the records have", async () => {
    answers.set(OLD.expose(), { kind: "invalidated" });
    await take(at(1));
    await work();
    answers.set(OLD.expose(), found(NEW, false, "superseded", { died: "2025", deathRegistered: true }));
    await take(at(2));
    await work();
    assert.deepEqual(shown(), { died: "2025", deathRegistered: true, verified: true });
    assert.equal(db.prepare("SELECT count(*) FROM number_standing").pluck().get(), 1);
  });

  it("make a number that was withdrawn no verified one any more, and one again when it is given back", async () => {
    answers.set(OLD.expose(), { kind: "invalidated" });
    await take(at(1));
    await work();
    assert.equal(shown().verified, false);
    assert.equal(mpi.personsByNumber(OLD).length, 1, "it still finds whoever has it");
    answers.set(OLD.expose(), found(OLD, false));
    await take(at(2));
    await work();
    assert.equal(shown().verified, true);
  });

  it("copy nothing of whom the service does not mark", async () => {
    answers.set(OLD.expose(), found(OLD, false));
    await take(at(1));
    await work();
    assert.equal(db.prepare("SELECT count(*) FROM identity_record").pluck().get(), 1);
  });

  it("lead a superseded number to the new one, and the mark goes with it and goes away under the new one", async () => {
    answers.set(OLD.expose(), found(NEW, true, "superseded"));
    await take(at(1)); // sent under the old number
    await work();
    const [before, ...others] = mpi.personsByNumber(OLD);
    assert.deepEqual([others, mpi.personsByNumber(NEW).map(({ personId }) => personId)], [[], [before?.personId]]);
    assert.deepEqual(isRestricted(NEW), [true]);
    answers.set(NEW.expose(), found(NEW, false));
    await take(at(2), NEW);
    await work();
    assert.deepEqual(isRestricted(NEW), [false]);
  });

  it("change no record where the service has nobody of the number, or cannot be asked", async () => {
    const rows = () => db.prepare("SELECT * FROM identity_record").all();
    const before = rows();
    answers.set(OLD.expose(), { kind: "invalidated" });
    await take(at(1));
    await work();
    assert.deepEqual(rows(), before);
    answers.set(OLD.expose(), new Error("away"));
    await take(at(2));
    await assert.rejects(work(), /away/);
    answers.set(OLD.expose(), found(OLD, true));
    await work(); // the job was still there
    assert.deepEqual(isRestricted(OLD), [true]);
  });

  it("are told from a payload that is somebody else's", async () => {
    await assert.rejects(job.run('{"event":"9000000009x"}', { key: "1", signal: new AbortController().signal }), {
      code: "invalid-input",
    });
  });
});
