import assert from "node:assert/strict";

import { systemClock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import type { Failure } from "../base/failure.ts";
import type { PersonEvent } from "../mpi/person-events.ts";
import type { HandChange } from "../mpi/review-desk.ts";
import type { LetterLine } from "../requests/dead-letter-store.ts";
import type { Comparison, Reviewer, ShownRecord } from "../requests/review.ts";
import { anIdentityRecord } from "../testing/an-index.ts";
import { makeLog } from "../telemetry/log.ts";
import { connectReviewer, type MpiClient } from "./mpi-client.ts";
import type { RunningServer } from "./server.ts";
import { failureFrom } from "./testing/a-call.ts";
import { openDoor } from "./testing/a-door.ts";
import { makeWireNetwork, type WireNetwork } from "./testing/a-network.ts";

const BY = { userId: "r.one", role: "R8008", reason: "weekly review", requestId: "" };
const SCORE = { weight: 12.5, fields: [{ field: "family", level: "same", weight: 9.25 }] };

function shownRecord(identityNo: number): ShownRecord {
  const { restricted: _, ...values } = anIdentityRecord({ familyName: "Quillfeatherstone" });
  return { identityNo, values: new Concealed(values) };
}

const COMPARISON: Comparison = {
  ...{ reason: "close", sinceMs: 5, record: shownRecord(1) },
  candidates: [{ personId: "p1", score: SCORE, records: [shownRecord(2)] }],
};
const EVENT: PersonEvent = {
  ...{ eventNo: 7, atMs: 9, kind: "link", actor: "machine", identityNo: 1, otherIdentityNo: null, from: null, to: 35 },
  ...{ reason: "score", ruleVersion: "first-rule/1", score: JSON.stringify(SCORE), undoes: null, undoneBy: 8 },
};

const LETTER_ID = "00112233445566ff";
const LINE: LetterLine = {
  ...{ letterNo: 4, id: LETTER_ID, feed: "pas", reason: "204 Not known.", place: "MRG-1" },
  ...{ arrivedMs: 5, tries: 2, triedMs: 6, sizeBytes: 20 },
};

describe("the door to who is whom", () => {
  let network: WireNetwork;
  let door: RunningServer;
  const clients: MpiClient[] = [];
  let asked: (readonly [Reviewer, unknown])[];
  let log: string[];

  before(async () => {
    log = [];
    network = await makeWireNetwork();
    const noting =
      <Result>(result: Result) =>
      (by: Reviewer, about?: unknown): Promise<Result> => {
        asked.push([by, about]);
        return Promise.resolve(result);
      };
    const records = [{ identityNo: 1, sinceMs: 5, reason: "close", candidates: [{ personId: "p1", weight: 12.5 }] }];
    const hairball = { personKey: 35, identities: 40, verifiedNumbers: 1, birthDates: 2, givenNames: 3, full: false };
    const mpi = {
      listReview: noting({ records, waiting: 3, oldestMs: 5 }),
      showReview: noting(COMPARISON),
      changePersons: noting({ kind: "done", eventNo: 7, verdictNo: 2 } as const),
      showHistory: noting([EVENT]),
      listHairballs: noting([hairball]),
      showQuality: noting({
        ...{ identities: 10, inReview: 1, oldestMs: 5 },
        bands: [{ fromBits: 12, same: 1, different: 2, unsure: 3 }],
      }),
      listLetters: noting({ letters: [LINE], count: 9, oldestMs: 5 }),
      showLetter: noting({ line: LINE, bytes: new Concealed(Buffer.from("PID|Quillfeatherstone")) }),
      replayLetters: noting({ taken: 1, refused: 2, notTried: 3, next: 4 }),
      purgeLetters: noting(7),
    };
    door = await openDoor(network, { mpi }, { log: makeLog("debug", (line) => void log.push(line)) });
  });
  after(async () => {
    for (const client of clients) client.close();
    await door.close(0);
    network.remove();
  });
  beforeEach(() => {
    asked = [];
  });

  const as = (caller: Parameters<WireNetwork["callerDir"]>[0]): MpiClient => {
    const client = connectReviewer(
      { host: "127.0.0.1", port: door.port, certsDir: network.callerDir(caller) },
      systemClock,
    );
    clients.push(client);
    return client;
  };

  it("gives everything as the stories told it, by its caller's certificate", async () => {
    const reviewer = as("reviewer");
    const list = await reviewer.listReview(BY);
    assert.deepEqual(
      [list.waiting, list.oldestMs, list.records[0]?.candidates[0]],
      [3, 5, { personId: "p1", weight: 12.5 }],
    );
    const told = await reviewer.showReview(BY, 1);
    assert.deepEqual(told.record.values?.expose(), COMPARISON.record.values?.expose());
    assert.deepEqual(told.candidates[0]?.score, SCORE);
    assert.equal(told.candidates[0].records[0]?.identityNo, 2);
    const [event] = await reviewer.showHistory(BY, 1);
    assert.deepEqual(
      [event?.eventNo, event?.toPersonId, event?.fromPersonId, event?.weight, event?.fields, event?.undoneBy],
      [7, "z", "", 12.5, SCORE.fields, 8],
    );
    assert.equal((await reviewer.listHairballs(BY, 0))[0]?.personId, "z");
    assert.equal(asked.at(-1)?.[1], 20, "from twenty identities unless another figure is given");
    assert.deepEqual((await reviewer.showQuality(BY)).bands, [{ fromBits: 12, same: 1, different: 2, unsure: 3 }]);
    const [by] = asked[0] ?? assert.fail();
    assert.deepEqual([by.caller, by.userId, by.role, by.mayReview], ["reviewer", "r.one", "R8008", true]);
    assert.match(by.requestId, /^[0-9a-f-]{36}$/);
  });

  it("carries every kind of decision as it was made", async () => {
    const changes: readonly HandChange[] = [
      { kind: "decide", identityNo: 1, personKey: 35, verdict: "different" },
      { kind: "undecide", verdictNo: 2 },
      { kind: "link", identityNo: 1, otherIdentityNo: 2 },
      { kind: "merge", identityNo: 1, otherIdentityNo: 2 },
      { kind: "unmerge", identityNo: 1, otherIdentityNo: 2 },
      { kind: "break", identityNo: 1 },
      { kind: "revert", eventNo: 7 },
      { kind: "supersede", old: "9000000009", new: "9000000017", protected: true },
      { kind: "confuse", nhsNumber: "9000000009" },
    ];
    const reviewer = as("reviewer");
    for (const change of changes) {
      assert.deepEqual(await reviewer.changePersons(BY, change), { outcome: "done", eventNo: 7, verdictNo: 2 });
    }
    assert.deepEqual(
      asked.map(([, change]) => change),
      changes,
    );
  });

  it("carries dead letters, and which of them are meant", async () => {
    const reviewer = as("reviewer");
    assert.deepEqual(await reviewer.listLetters(BY, { feed: "pas", after: 3 }), {
      ...{ letters: [LINE], count: 9, oldestMs: 5 },
    });
    const { line, bytes } = await reviewer.showLetter(BY, LETTER_ID);
    assert.deepEqual([line, Buffer.from(bytes.expose()).toString()], [LINE, "PID|Quillfeatherstone"]);
    const choices = [{ id: LETTER_ID }, { feed: "pas" }, { feed: "pas", after: 3 }, {}];
    for (const choice of choices) {
      assert.deepEqual(await reviewer.replayLetters(BY, choice), { taken: 1, refused: 2, notTried: 3, next: 4 });
    }
    const purged = [{ id: LETTER_ID }, { feed: "pas", olderThanMs: 5 }, { olderThanMs: 0 }];
    for (const choice of purged) assert.equal(await reviewer.purgeLetters(BY, choice), 7);
    assert.deepEqual(
      asked.map(([, about]) => about),
      [{ feed: "pas", after: 3 }, LETTER_ID, ...choices, ...purged],
    );
    for (const id of ["", "../../etc", "00112233445566fg"]) {
      assert.deepEqual((await failureFrom(reviewer.showLetter(BY, id))).where, "id");
    }
    assert.equal((await failureFrom(reviewer.listLetters(BY, { feed: "x".repeat(101) }))).where, "feed");
    assert.equal((await failureFrom(reviewer.purgeLetters(BY, { olderThanMs: -1 }))).where, "older_than_ms");
  });

  it("lets an operator look, masked, and decide nothing; and nobody else at all", async () => {
    const operator = as("operator");
    await operator.showReview({ ...BY, role: "R8000" }, 1);
    const [by] = asked[0] ?? assert.fail();
    assert.deepEqual([by.mayReview, by.role], [false, "operator"], "whatever role an operator claims");
    asked = [];
    const change = { kind: "break", identityNo: 1 } as const;
    assert.equal((await failureFrom(operator.changePersons(BY, change))).code, "not-permitted");
    assert.equal((await failureFrom(operator.showLetter(BY, LETTER_ID))).code, "not-permitted");
    for (const caller of ["demo", "feed"] as const) {
      const client = as(caller);
      for (const call of [
        () => client.listReview(BY),
        () => client.showReview(BY, 1),
        () => client.changePersons(BY, change),
        () => client.showHistory(BY, 1),
        () => client.listHairballs(BY, 20),
        () => client.showQuality(BY),
        () => client.listLetters(BY, {}),
        () => client.showLetter(BY, LETTER_ID),
        () => client.replayLetters(BY, {}),
        () => client.purgeLetters(BY, { olderThanMs: 0 }),
      ]) {
        assert.equal((await failureFrom(call())).code, "not-permitted", caller);
      }
    }
    assert.deepEqual(asked, []);
  });

  it("refuses a role that the certificate does not list, no reason, and a number in the words", async () => {
    const reviewer = as("reviewer");
    const refused: [Partial<typeof BY>, Failure["code"], string][] = [
      [{ role: "R8000" }, "not-permitted", "by.role"],
      [{ reason: " " }, "invalid-input", "by.reason"],
      [{ userId: "" }, "invalid-input", "by.user_id"],
      [{ reason: "she is 9000000009" }, "invalid-input", "by.reason"],
      [{ requestId: "seven" }, "invalid-input", "by.request_id"],
    ];
    for (const [more, code, where] of refused) {
      const failure = await failureFrom(reviewer.listReview({ ...BY, ...more }));
      assert.deepEqual([failure.code, failure.where], [code, where]);
    }
    assert.deepEqual(asked, []);
  });

  it("writes nobody's name to the log", () => {
    assert.ok(!log.join("\n").includes("Quillfeather"));
  });
});
