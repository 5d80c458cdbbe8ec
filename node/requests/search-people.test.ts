import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeAccess } from "../access/decide.ts";
import { makeSearchQuota } from "../access/search-quota.ts";
import { loadAccessTable } from "../access/table.ts";
import { type Audit, makeAudit } from "../audit/audit.ts";
import { type AuditEntry, openAuditReader } from "../audit/audit-reader.ts";
import { makeHandlers } from "../audit/audit-store.ts";
import { makePatientToken } from "../audit/patient-token.ts";
import { Failure } from "../base/failure.ts";
import type { Claim } from "../base/question.ts";
import { systemRandom } from "../base/random.ts";
import { type NodeId, parseOrganisationCode } from "../base/words.ts";
import { makePersonSearch } from "../mpi/search.ts";
import { type AskedSearch, parseSearch } from "../mpi/search-terms.ts";
import { openStore } from "../storage/database.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import { makeInlineExecutor } from "../storage/inline-executor.ts";
import { anIdentity, openTestIndex, type TestIndex } from "../testing/an-index.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { type SearchAnswer, searchPeople, type SearchPeopleNeeds } from "./search-people.ts";

const OWN = "wm-bsol" as NodeId;
const CLAIM: Claim = {
  userId: "user-1",
  role: "R8000",
  setting: "emergency",
  organisation: parseOrganisationCode("RRK")!,
  assurance: "smartcard",
  purpose: "TREAT",
  relationship: { kind: "attendance", reference: "A-17" },
  trigger: "person",
  reason: "Brought in by ambulance",
};
const KHAN: AskedSearch = {
  family: "Khan",
  given: [],
  birthDate: ["1980-05-17"],
  fuzzy: false,
  exact: false,
  history: false,
};

describe("searching for people", () => {
  let folder: string;
  let clock: FakeClock;
  let index: TestIndex;
  let store: StoreExecutor;
  let audit: Audit;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "corridor-search-"));
    clock = makeFakeClock();
    index = openTestIndex();
    const db = openStore(join(folder, "audit.db"), "audit");
    store = makeInlineExecutor(db, makeHandlers(db));
    audit = makeAudit({
      ...{ executor: store, ownId: OWN, clock, random: systemRandom, onAlarm: () => {} },
      tokenOf: makePatientToken(Buffer.alloc(32, 7)),
    });
  });
  afterEach(async () => {
    await audit.close();
    await store.close();
    await index.close();
    rmSync(folder, { recursive: true });
  });

  const ask = async (
    asked: Partial<AskedSearch> = {},
    claim: Partial<Claim> = {},
    needs: Partial<SearchPeopleNeeds> = {},
  ): Promise<{ readonly requestId: string; readonly answer: SearchAnswer | Failure }> => {
    const requestId = systemRandom.uuid();
    const whole = { ...CLAIM, ...claim };
    const search = parseSearch({ ...KHAN, ...asked }, "2026-11-22", whole.trigger === "automatic");
    const { decideAccess } = makeAccess({
      ...{ clock, random: systemRandom, table: loadAccessTable(), ownId: OWN },
      ...{ agreements: () => [], members: () => [] },
    });
    const searchIndex = makePersonSearch(index.db).search;
    try {
      const question = { requestId, caller: "ward", claim: whole, search };
      const quota = makeSearchQuota({ clock, perUserHour: 100, alarm: () => {} });
      const all = { ...audit, decideAccess, searchIndex, quota, ...needs };
      return { requestId, answer: await searchPeople(question, all) };
    } catch (thrown) {
      assert.ok(thrown instanceof Failure, String(thrown));
      return { requestId, answer: thrown };
    }
  };
  const entriesOf = (requestId: string): readonly AuditEntry[] => {
    const reader = openAuditReader(join(folder, "audit.db"));
    try {
      return reader.byRequest(requestId);
    } finally {
      reader.close();
    }
  };
  const told = (answer: SearchAnswer | Failure): SearchAnswer => {
    if (answer instanceof Failure) throw answer;
    return answer;
  };

  it("records the search, then everybody whom it shows, each by number where they have one", async () => {
    await index.load([anIdentity(), anIdentity({ localId: "P2", givenName: "Amira", nhsNumber: "" })]);
    const { requestId, answer } = await ask();
    const { persons, result } = told(answer);
    assert.deepEqual([result, persons.length], ["found", 2]);
    const [search, ...shown] = entriesOf(requestId);
    assert.deepEqual([search?.kind, search?.outcome, search?.userId], ["search", "permitted", "user-1"]);
    assert.deepEqual(JSON.parse(search?.detail ?? ""), {
      ...{ fields: ["family", "birth-date"], fuzzy: false, exact: false, history: false, maxResults: 50 },
    });
    assert.deepEqual(new Set(shown.map(({ personId }) => personId)), new Set(persons.map(({ personId }) => personId)));
    assert.deepEqual(new Set(shown.map(({ patient }) => patient?.expose())), new Set(["9000000009", undefined]));
    assert.ok(shown.every(({ kind, outcome }) => kind === "search" && outcome === "shown"));
  });

  it("records that it showed nobody, and keeps a token of whom it looked for, not the details", async () => {
    const { requestId } = await ask({ given: ["Aisha"] });
    const [search, nobody, ...more] = entriesOf(requestId);
    assert.match(search?.patient?.expose() ?? "", /^t:/);
    assert.deepEqual([nobody?.outcome, nobody?.patient, more.length], ["none", undefined, 0]);
    assert.doesNotMatch(JSON.stringify([search, nobody]), /khan|aisha|1980/i);
  });

  it("shows nobody whom the audit has not, and reads nothing before the search is in it", async () => {
    await index.load([anIdentity()]);
    const broken = (): Promise<void> => Promise.reject(new Failure("store-unavailable", "The disk is full."));
    let reads = 0;
    const searchIndex = (): never => {
      reads++;
      throw new Error("read too early");
    };
    const early = await ask({}, {}, { recordSearch: broken, searchIndex });
    assert.ok(early.answer instanceof Failure && early.answer.code === "store-unavailable");
    assert.equal(reads, 0);
    const late = await ask({}, {}, { recordFound: broken });
    assert.ok(late.answer instanceof Failure && late.answer.code === "store-unavailable");
  });

  it("refuses what is no individual care, and roles that care for nobody, and records that", async () => {
    for (const [claim, code] of [
      [{ purpose: "OTHER" }, "purpose-refused"],
      [{ purpose: "BTG" }, "purpose-refused"],
      [{ role: "R9999" }, "role-refused"],
      [{ reason: " " }, "not-permitted"],
    ] as const) {
      const { requestId, answer } = await ask({}, claim);
      assert.ok(answer instanceof Failure && answer.code === code, code);
      const entries = entriesOf(requestId);
      assert.deepEqual(
        entries.map(({ kind, outcome }) => [kind, outcome]),
        [["search", code]],
      );
    }
  });

  it("refuses a user who has searched too often, audits it, and reads nothing", async () => {
    await index.load([anIdentity()]);
    const quota = makeSearchQuota({ clock, perUserHour: 100, alarm: () => {} });
    for (let each = 0; each < 100; each++) quota.admit({ caller: "ward", userId: CLAIM.userId });
    const searchIndex = (): never => assert.fail("read though refused");
    const { requestId, answer } = await ask({}, {}, { quota, searchIndex });
    assert.ok(answer instanceof Failure && answer.code === "over-quota");
    assert.ok((answer.retryAfterMs ?? 0) > 0);
    const [entry, ...more] = entriesOf(requestId);
    assert.deepEqual([entry?.outcome, entry?.userId, more], ["over-quota", "user-1", []]);
    assert.equal(told((await ask({}, { userId: "user-2" }, { quota })).answer).persons.length, 1);
  });

  it("asks for more fields above five people", async () => {
    const people = Array.from({ length: 6 }, (_, at) =>
      anIdentity({
        localId: `P${at}`,
        nhsNumber: "",
        givenName: ["Aisha", "Amira", "Zoe", "Ruth", "Jane", "Mary"][at]!,
      }),
    );
    await index.load(people.slice(0, 5));
    assert.equal(told((await ask()).answer).askForMore, false);
    await index.load(people.slice(5));
    assert.equal(told((await ask()).answer).askForMore, true);
  });

  it("gives a system one person, or does not say that there are several", async () => {
    await index.load([anIdentity()]);
    const automatic = { trigger: "automatic" } as const;
    assert.equal(told((await ask({}, automatic)).answer).persons.length, 1);
    await index.load([anIdentity({ localId: "P2", nhsNumber: "", givenName: "Amira" })]);
    const { requestId, answer } = await ask({}, automatic);
    assert.deepEqual(told(answer), { result: "none", persons: [], askForMore: false });
    assert.equal(entriesOf(requestId).at(-1)?.outcome, "none");
  });
});
