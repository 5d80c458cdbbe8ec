import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import type { Database } from "better-sqlite3";

import { systemClock } from "../node/base/clock.ts";
import { Concealed } from "../node/base/concealed.ts";
import { Failure } from "../node/base/failure.ts";
import { NhsNumber } from "../node/base/nhs-number.ts";
import { seededRandom, systemRandom } from "../node/base/random.ts";
import { parseOrganisationCode } from "../node/base/words.ts";
import { makeNumbers } from "../node/mpi/numbers.ts";
import { LIVING, makeNumberStandings, makeNumberStandingStore } from "../node/mpi/number-standing.ts";
import type { Nrl } from "../node/nrl/nrl.ts";
import { makeNrlClient } from "../node/nrl/nrl-client.ts";
import { makeHandlers as makePointerHandlers, makeHeldPointers } from "../node/nrl/pointer-store.ts";
import { makeHttp } from "../node/platform/http.ts";
import type { Tokens } from "../node/platform/tokens.ts";
import { makeHandlers as makeFeedHandlers, takeFeedMessage } from "../node/requests/feed-message.ts";
import { makeHandlers as makeChangeHandlers, makePresenceReader } from "../node/requests/presence-changes.ts";
import { type PublishedPointers, publishPointers } from "../node/requests/publish-pointers.ts";
import { personToPublish } from "../node/requests/whom-to-publish.ts";
import { openDatabase } from "../node/storage/database.ts";
import { makeInlineExecutor } from "../node/storage/inline-executor.ts";
import { anIdentity, anObjection, aPermit, aPointer, openTestIndex, type TestIndex } from "../node/testing/an-index.ts";
import { type FakeClock, makeFakeClock } from "../node/testing/fake-clock.ts";
import { type NrlDouble, startNrlDouble } from "./nrl-double.ts";
import type { Json } from "./nrl-rules.ts";
import { aPerson } from "./testing/people.ts";

const OWN = parseOrganisationCode("QHL")!;
const TOKEN = "a-token";
const CONTACT = "https://record.example/how-to-ask";
/** So many turns without a request, and a round is over. */
const QUIET_TURNS = 5;
const WITH_RECORDS = ["9000000009", "9000000017"] as const;

const number = (digits: string): NhsNumber => NhsNumber.parse(digits)!;
const fixedTokens = (token = TOKEN): Tokens => ({
  current: () => Promise.resolve(new Concealed(token)),
  forget: () => {},
});

function clientOf(double: NrlDouble, more: { readonly token?: string; readonly withinMs?: number } = {}): Nrl {
  const { token = TOKEN, withinMs = 2_000 } = more;
  return makeNrlClient({
    ...{ baseUrl: double.baseUrl, contactUrl: new URL(CONTACT), organisation: OWN, random: systemRandom },
    ...{ tokens: fixedTokens(token) },
    http: makeHttp({ fetch: globalThis.fetch, clock: systemClock, hosts: [double.host], withinMs }),
  });
}

/** What was asked of the locator stands in no address. */
function assertNoNumberIn(texts: readonly string[]): void {
  for (const text of texts) assert.doesNotMatch(text, /9\d{9}/);
}

describe("the record locator's client, against a double written from its specification", () => {
  let double: NrlDouble;
  beforeEach(async () => {
    double = await startNrlDouble({ takesToken: (token) => token === TOKEN });
  });
  afterEach(() => double.close());

  const going = new AbortController().signal;
  const failure = async (asking: Promise<unknown>): Promise<Failure> => {
    const thrown: unknown = await asking.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(thrown instanceof Failure, String(thrown));
    assertNoNumberIn([`${thrown.message} ${thrown.where} ${String(thrown.cause)}`]);
    return thrown;
  };
  it("adds a pointer as the locator takes it, finds it and takes it back, with no number in any address", async () => {
    const nrl = clientOf(double);
    const [patient, another] = WITH_RECORDS.map(number);
    const id = await nrl.create(patient!, going);
    assert.match(id, /^QHL-/);
    assert.deepEqual([await nrl.findOwn(patient!, going), await nrl.findOwn(another!, going)], [[id], []]);
    const [found] = await nrl.search(patient!, going);
    assert.deepEqual(found?.types[0], { system: "http://snomed.info/sct", code: "887181000000106" });
    assert.deepEqual([found?.custodian.code, found?.sensitivity], ["QHL", "N"]);
    await nrl.remove(id, going);
    await nrl.remove(id, going); // gone already
    assert.equal(double.count(), 0);
    assertNoNumberIn(double.requests);
  });

  it("sends an address that is the same for every patient", async () => {
    const ids = await Promise.all(WITH_RECORDS.map((each) => clientOf(double).create(number(each), going)));
    const contents = ids.map((id) => JSON.stringify(double.pointer(id)?.["content"]));
    assert.equal(contents[0], contents[1]);
    assert.match(contents[0] ?? "", /record\.example\/how-to-ask/);
  });

  it("takes nobody else's pointer back", async () => {
    assert.equal((await failure(clientOf(double).remove("RRK-1", going))).code, "invalid-input");
    assert.deepEqual(double.requests, []);
  });

  it("believes no answer that it does not understand, or that is about somebody else", async () => {
    const bundle = (resource: Json): string =>
      JSON.stringify({ resourceType: "Bundle", type: "searchset", entry: [{ resource }] });
    const nrl = clientOf(double);
    const sound = double.pointer(await nrl.create(number(WITH_RECORDS[1]), going))!;
    const { custodian: _, ...ofNobody } = sound;
    for (const body of [bundle(sound), bundle(ofNobody), "<html>", '{"resourceType":"Patient"}']) {
      double.answerNext((response) => response.writeHead(200).end(body));
      assert.equal((await failure(nrl.search(number(WITH_RECORDS[0]), going))).code, "incompatible", body);
    }
    double.answerNext((response) => response.writeHead(201).end("{}"));
    assert.equal((await failure(nrl.create(number(WITH_RECORDS[0]), going))).code, "incompatible", "no id");
    double.answerNext((response) => response.writeHead(404).end("<html>"));
    assert.equal((await failure(nrl.remove("QHL-1", going))).code, "incompatible", "some other server's 404");
  });

  it("says what went wrong, without a word of whom it asked about", async () => {
    const asked = (more = {}): Promise<Failure> =>
      failure(clientOf(double, more).findOwn(number(WITH_RECORDS[0]), going));
    assert.equal((await asked({ token: "another" })).code, "not-authenticated");
    for (const [status, code] of [
      [403, "not-permitted"],
      [422, "invalid-input"],
      [429, "overloaded"],
      [503, "unreachable"],
      [302, "unreachable"],
    ] as const) {
      double.answerNext((response) => response.writeHead(status, { location: "http://127.0.0.1:9/" }).end("{}"));
      assert.equal((await asked()).code, code);
    }
    double.setSilent(true);
    assert.equal((await asked({ withinMs: 200 })).code, "timed-out");
  });

  it("is refused by the double where the locator refuses", async () => {
    const nrl = clientOf(double);
    const sound = double.pointer(await nrl.create(number(WITH_RECORDS[0]), going))!;
    const { meta: _meta, date: _date, id: _id, ...sent } = sound;
    const headers = {
      ...{ authorization: `Bearer ${TOKEN}`, accept: "application/fhir+json;version=1" },
      ...{ "content-type": "application/fhir+json;version=1", "x-request-id": systemRandom.uuid() },
      "nhsd-end-user-organisation-ods": "QHL",
    };
    const post = (body: Json, more: Record<string, string> = {}): Promise<Response> =>
      fetch(`${double.baseUrl.href}/producer/FHIR/R4/DocumentReference`, {
        ...{ method: "POST", headers: { ...headers, ...more }, body: JSON.stringify(body) },
      });
    assert.equal((await post(sent)).status, 201);
    const author = (sent["author"] as Json[])[0]!;
    const type = {
      coding: [{ system: "http://snomed.info/sct", code: "887181000000106", display: "Clinical Summary" }],
    };
    const { author: _author, ...ofNobody } = sent;
    for (const wrong of [
      { ...sent, author: [author, author] },
      { ...sent, id: "RRK-1" },
      { ...sent, type },
      { ...sent, status: "superseded" },
      { ...sent, patient: "Robin" },
      ofNobody,
    ]) {
      const refused = await post(wrong);
      assert.equal(refused.status, 400, await refused.text());
    }
    for (const wrong of [{ "x-request-id": "1" }, { accept: "application/json" }, { "content-type": "text/plain" }]) {
      assert.equal((await post(sent, wrong)).status, 400);
    }
    assert.equal((await post(sent, { "nhsd-end-user-organisation-ods": "RRK" })).status, 400, "another's custodian");
  });
});

describe("publishing to the record locator", () => {
  let double: NrlDouble;
  let index: TestIndex;
  let clock: FakeClock;
  let reader: Database;
  let published: PublishedPointers | undefined;
  let failures: Failure[];
  let recorded: string[];
  let underWay: number;
  /** Whom the national service does not bear out. */
  const unconfirmed = new Set<string>();
  const going = new AbortController().signal;

  beforeEach(async () => {
    double = await startNrlDouble({ takesToken: (token) => token === TOKEN });
    clock = makeFakeClock();
    index = openTestIndex(undefined, clock);
    reader = openDatabase(index.db.name, { readonly: true });
    [failures, recorded, underWay] = [[], [], 0];
    unconfirmed.clear();
  });
  afterEach(async () => {
    await stop();
    reader.close();
    await index.close();
    await double.close();
  });

  function start(more: { readonly publishes?: boolean; readonly coversAge?: (age: number) => boolean } = {}): void {
    const { publishes = true, coversAge = () => true } = more;
    const [numbers, standings] = [makeNumbers(reader), makeNumberStandings(reader)];
    const store = makeInlineExecutor(index.db, {
      ...makePointerHandlers(index.db),
      ...makeChangeHandlers(index.db),
    });
    const whom = {
      ...{ ...index.mpi, clock, coversAge, reader: aPermit({ levels: { "mental-health-record": "none" } }) },
      wouldShow: (patient: Parameters<TestIndex["find"]>[0], permit: Parameters<TestIndex["find"]>[1]) =>
        index.find(patient, permit).pointers.length > 0,
      mayStandFor: (digits: number) =>
        standings.of(digits).died === "" && !standings.of(digits).withdrawn && !numbers.isProtected(digits),
    };
    published = publishPointers({
      ...{ clock, store, publishes, nrl: watched(clientOf(double, { withinMs: 300 })), held: makeHeldPointers(reader) },
      reader: makePresenceReader(reader),
      personToPublish: (nhsNumber) => personToPublish(nhsNumber, whom)?.personId,
      recordNational: async ({ action, nhsNumber }) => void recorded.push(`${action} ${nhsNumber.expose()}`),
      confirm: (nhsNumber) => Promise.resolve(!unconfirmed.has(nhsNumber.expose())),
      told: () => {},
      failed: (failure) => void failures.push(failure),
    });
  }

  async function stop(): Promise<void> {
    const stopping = published?.stop();
    published = undefined;
    await passing(stopping);
  }

  /** Waits for what needs both: the real network, and time on a clock that stands still. */
  async function passing(settled?: Promise<void>): Promise<void> {
    let isOver = settled === undefined;
    void settled?.then(() => (isOver = true));
    while (!isOver) {
      await clock.advance(100);
      await sleep(1);
    }
  }

  /** Rounds at their times, each over before the next, however slow the machine. */
  async function rounds(count = 6): Promise<void> {
    for (let round = 0; round < count; round++) {
      await clock.advance(2_000);
      await overNow();
    }
  }

  async function overNow(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet = underWay === 0 ? quiet + 1 : 0) {
      await clock.advance(1);
      await sleep(1);
    }
  }

  /** A client of which it is known whether something is under way. */
  function watched(client: Nrl): Nrl {
    const watch =
      <Asked extends readonly unknown[], Told>(ask: (...asked: Asked) => Promise<Told>) =>
      (...asked: Asked): Promise<Told> => {
        underWay++;
        return ask(...asked).finally(() => underWay--);
      };
    const { findOwn, create, remove, search } = client;
    return { findOwn: watch(findOwn), create: watch(create), remove: watch(remove), search: watch(search) };
  }

  const person = (at: number, nhsNumber: string, more = {}) =>
    anIdentity({
      localId: `P${at}`,
      nhsNumber,
      birthDate: `19${60 + at}-05-17`,
      givenName: `Name${"abcdefgh"[at]}`,
      ...more,
    });
  const record = (at: number, more = {}) => aPointer({ localId: `P${at}`, recordId: `D${at}`, ...more });
  const isThere = (nhsNumber: string): boolean => double.pointers(nhsNumber).length > 0;

  it("is of exactly those whom an ordinary question would find", async () => {
    const [shown, restricted, objected, unverified, without, sealed, dead] = [
      ...["9000000009", "9000000017", "9000000025", "9000000033", "9000000041", "9000000068", "9000000076"],
    ] as [string, string, string, string, string, string, string];
    await index.load([
      ...[person(0, shown), record(0)],
      ...[person(1, restricted, { restricted: true }), record(1)],
      ...[person(2, objected), record(2), anObjection({ localId: "P2" })],
      ...[person(3, unverified, { nhsNumberStatus: "" }), record(3)],
      person(4, without),
      ...[person(5, sealed), record(5, { recordType: "mental-health-record" })],
      ...[person(6, dead), record(6)],
    ]);
    makeNumberStandingStore(index.db)(Number(dead), { ...LIVING, died: "2025-03-01" });
    start();
    await rounds();
    assert.deepEqual([...WITH_RECORDS, objected, unverified, without, sealed, dead].filter(isThere), [shown]);
    assert.equal(double.count(), 1);
    assert.deepEqual(recorded, [`published ${shown}`], "each in the audit, before it leaves");
    assert.deepEqual(failures, []);
    assertNoNumberIn(double.requests);
  });

  it("leaves out whom this node does not answer for, by age", async () => {
    await index.load([person(0, WITH_RECORDS[0]), record(0)]);
    start({ coversAge: (age) => age < 18 });
    await rounds();
    assert.equal(double.count(), 0);
  });

  const endings: readonly [what: string, end: () => Promise<unknown>][] = [
    ["an objection", () => index.load([anObjection({ localId: "P0" })])],
    ["a mark of restriction", () => index.load([person(0, WITH_RECORDS[0], { restricted: true })])],
    [
      "a death",
      async () => makeNumberStandingStore(index.db)(Number(WITH_RECORDS[0]), { ...LIVING, died: "2026-11-01" }),
    ],
    [
      "a withdrawn number",
      async () => makeNumberStandingStore(index.db)(Number(WITH_RECORDS[0]), { ...LIVING, withdrawn: true }),
    ],
    ["a number under protection", async () => index.db.exec("INSERT INTO protected_number VALUES (9000000009)")],
    [
      "a merge with somebody who has objected",
      async () => {
        await index.load([person(2, ""), anObjection({ localId: "P2" })]);
        const store = makeInlineExecutor(index.db, makeFeedHandlers(index.db, seededRandom(5)));
        const changes = new Concealed([{ kind: "merge", losing: "P2", winning: "P0" } as const]);
        await takeFeedMessage({ feed: "pas", provider: "RRK", changes }, { clock, store });
      },
    ],
    ["the number of somebody else too", () => index.load([person(2, WITH_RECORDS[0])])],
    ["another number", () => index.load([person(0, "9000000033")])],
  ];
  for (const [what, end] of endings) {
    it(`ends within seconds at ${what}`, async () => {
      await index.load([person(0, WITH_RECORDS[0]), record(0), person(1, WITH_RECORDS[1]), record(1)]);
      start();
      await rounds();
      assert.deepEqual(WITH_RECORDS.map(isThere), [true, true]);
      await end();
      await rounds(2);
      assert.deepEqual(WITH_RECORDS.map(isThere), [false, true]);
      assert.ok(recorded.includes(`taken-back ${WITH_RECORDS[0]}`));
      assert.equal(isThere("9000000033"), what === "another number");
    });
  }

  it("comes back where what ended it ends", async () => {
    await index.load([person(0, WITH_RECORDS[0]), record(0), anObjection({ localId: "P0" })]);
    start();
    await rounds();
    assert.equal(isThere(WITH_RECORDS[0]), false);
    await index.load([anObjection({ localId: "P0", state: "withdrawn" })]);
    await rounds(2);
    assert.equal(isThere(WITH_RECORDS[0]), true);
  });

  it("ends at the next start, though it was stopped when its cause came", async () => {
    await index.load([person(0, WITH_RECORDS[0]), record(0)]);
    start();
    await rounds();
    await stop();
    await index.load([anObjection({ localId: "P0" })]);
    start();
    await rounds(2);
    assert.equal(double.count(), 0);
    assert.equal(
      index.db.prepare("SELECT count(*) FROM national_pointer").pluck().get(),
      0,
      "and nothing is kept of it",
    );
  });

  it("adds no second pointer where the answer to the first was lost, or the index was", async () => {
    await index.load([person(0, WITH_RECORDS[0]), record(0)]);
    double.loseNextCreation();
    start();
    await rounds(10);
    assert.equal(double.count(), 1);
    assert.equal(failures[0]?.code, "unreachable");
    await stop();
    index.db.exec("DELETE FROM national_pointer");
    start();
    await rounds();
    assert.equal(double.count(), 1);
  });

  it("takes back what is there twice, and what was there before it was known", async () => {
    const nrl = clientOf(double);
    await index.load([person(0, WITH_RECORDS[0]), record(0)]);
    await nrl.create(number(WITH_RECORDS[0]), going);
    await nrl.create(number(WITH_RECORDS[0]), going);
    start();
    await rounds();
    assert.equal(double.count(), 1);
  });

  it("waits where the locator is away, ever longer, says so once, and goes on when it is back", async () => {
    await index.load([person(0, WITH_RECORDS[0]), record(0)]);
    double.setSilent(true);
    start();
    await rounds(20);
    const asked = double.requests.length;
    assert.ok(asked >= 2 && asked <= 6, `${asked} requests in 40 seconds`);
    assert.deepEqual(
      failures.map(({ code }) => code),
      ["timed-out"],
    );
    double.setSilent(false);
    await clock.advance(600_000);
    await rounds(3);
    assert.equal(double.count(), 1);
  });

  it("puts off whose pointer is refused, and goes on with everybody else", async () => {
    await index.load([person(0, WITH_RECORDS[0]), record(0), person(1, WITH_RECORDS[1]), record(1)]);
    double.answerNext((response) => response.writeHead(422).end("{}"));
    start();
    await rounds();
    assert.equal(double.count(), 1);
    await clock.advance(60_000);
    await rounds(2);
    assert.equal(double.count(), 2);
  });

  it("adds nobody whom the national service does not bear out, and asks again after a day", async () => {
    await index.load([person(0, WITH_RECORDS[0]), record(0), person(1, WITH_RECORDS[1]), record(1)]);
    unconfirmed.add(WITH_RECORDS[0]);
    start();
    await rounds();
    assert.deepEqual([WITH_RECORDS.map(isThere), failures], [[false, true], []]);
    unconfirmed.clear();
    await rounds();
    assert.equal(isThere(WITH_RECORDS[0]), false);
    await stop();
    await clock.advance(24 * 3_600_000); // with nothing under way, which would take that long for its answer
    start();
    await rounds(2);
    assert.equal(isThere(WITH_RECORDS[0]), true);
  });

  it("waits as long as the locator says", async () => {
    await index.load([person(0, WITH_RECORDS[0]), record(0)]);
    double.answerNext((response) => response.writeHead(429, { "retry-after": "60" }).end("{}"));
    start();
    await rounds(20);
    assert.equal(double.requests.length, 1);
    await rounds(12);
    assert.equal(double.count(), 1);
  });

  it("takes everything back where it is turned off", async () => {
    await index.load([person(0, WITH_RECORDS[0]), record(0), person(1, WITH_RECORDS[1]), record(1)]);
    start();
    await rounds();
    assert.equal(double.count(), 2);
    await stop();
    start({ publishes: false });
    await rounds();
    assert.equal(double.count(), 0);
  });

  it("keeps within five people a second", async () => {
    const people = Array.from({ length: 25 }, (_, at) => aPerson(at, `19${60 + at}-05-17`));
    await index.load(
      people.flatMap(({ nhsNumber, birthDate }, at) => [
        anIdentity({ localId: `Q${at}`, nhsNumber, birthDate }),
        aPointer({ localId: `Q${at}`, recordId: `E${at}` }),
      ]),
    );
    start();
    await overNow();
    const counts = [double.count()];
    for (let round = 0; round < 3; round++) {
      await rounds(1);
      counts.push(double.count());
    }
    assert.deepEqual(counts, [10, 20, 25, 25]);
  });
});
