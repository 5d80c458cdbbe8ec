import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { nodeFiles } from "../../certs/layout.ts";
import { assertionPublicKey } from "../../certs/fingerprint.ts";
import type { AreaAnswer, LocateEvent, PointerView } from "../base/answer.ts";
import { systemClock } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import type { Question } from "../base/question.ts";
import { type OrganisationCode, isUuid } from "../base/words.ts";
import { verifyVerdict } from "../trust/assertion.ts";
import { type CallerClient, connectCaller } from "./caller-client.ts";
import { fromClaim, fromPatient } from "./convert.ts";
import type { CallerRights } from "./federation-service.ts";
import { FederationServiceService, type LocateRequest } from "./generated/corridor/v1/federation_service.ts";
import type { RunningServer } from "./server.ts";
import { failureFrom, plainClient } from "./testing/a-call.ts";
import { aClaim, aPatient, aVerdict, anAreaAnswer, openDoor } from "./testing/a-door.ts";
import { HOLDER, type WireNetwork, makeWireNetwork } from "./testing/a-network.ts";

const REQUEST = "7a1b2c7e-3b1a-4c55-9a55-0123456789ab";
const QUESTION = { patient: aPatient(), claim: aClaim(), requestId: REQUEST, answerByMs: 2_000 };
const BY_NAME = { familyName: "Patel", givenName: "Asha", birthDate: "1958-04-17", postcode: "" };
const WIRE_QUESTION: LocateRequest = {
  patient: fromPatient(aPatient()),
  claim: fromClaim(aClaim(), "stated"),
  requestId: "",
  answerByMs: 0,
  lateUntilMs: 0,
  lateOf: "",
};

describe("the callers' door", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let caller: CallerClient;
  let story: (question: Question, rights: CallerRights) => AsyncGenerator<LocateEvent, void>;
  let asked: { question: Question; rights: CallerRights } | undefined;

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network, {
      locate(question, rights) {
        asked = { question, rights };
        return story(question, rights);
      },
    });
    caller = await connectCaller(
      { host: "127.0.0.1", port: door.port, certsDir: network.callerDir("demo") },
      systemClock,
    );
  });
  after(async () => {
    caller.close();
    await door.close(0);
    network.remove();
  });
  beforeEach(() => {
    asked = undefined;
    story = async function* ({ requestId }) {
      yield { kind: "answer", answer: anAreaAnswer() };
      yield { kind: "verdict", verdict: aVerdict(requestId) };
    };
  });

  async function send(more: Partial<LocateRequest>): Promise<unknown[]> {
    const client = plainClient(door.port, network.callerTls("demo"));
    const { path, requestSerialize, responseDeserialize } = FederationServiceService.locate;
    const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {
      ...WIRE_QUESTION,
      ...more,
    });
    const events: unknown[] = [];
    try {
      for await (const event of call) events.push(event);
      return events;
    } finally {
      client.close();
    }
  }

  it("hands the story the question, parsed, and what the caller's certificate lists", async () => {
    const familyName = new Concealed("Patel");
    const patient = { ...aPatient(), familyName };
    for await (const _ of caller.locate({ ...QUESTION, patient })) void _;
    assert.ok(asked !== undefined);
    assert.deepEqual(asked.question.claim, aClaim());
    assert.equal(asked.question.requestId, REQUEST);
    assert.equal(asked.question.patient.familyName?.expose(), "Patel");
    assert.deepEqual([asked.rights.roles, asked.rights.organisations], [["R8000"], ["RRK"]]);
    assert.ok(asked.question.answerBy.remainingMs() <= 2_000);
  });

  it("streams events as they come, the signed verdict last", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    story = async function* ({ requestId }) {
      yield { kind: "answer", answer: anAreaAnswer() };
      await held;
      yield { kind: "verdict", verdict: aVerdict(requestId) };
    };
    const events = caller.locate(QUESTION);
    const first = await events.next();
    assert.deepEqual(first.value, { kind: "answer", answer: anAreaAnswer() });
    release();
    const last = (await events.next()).value;
    assert.ok(last?.kind === "verdict");
    assert.deepEqual([last.verdict, last.signed?.signature.length], [aVerdict(REQUEST), 64]);
    assert.equal((await events.next()).done, true);
  });

  it("signs the verdict's very bytes in the node's name", async () => {
    const events = (await send({ requestId: REQUEST })) as {
      event: { $case: string; value: { payload: Buffer; signature: Buffer } };
    }[];
    const { payload, signature } = events.at(-1)!.event.value;
    const assertionKey = assertionPublicKey(readFileSync(nodeFiles(network.dir, HOLDER).assertionPublic, "utf8"));
    assert.equal(await verifyVerdict({ assertionKey }, payload, signature), true);
    payload[payload.length - 1]! ^= 1;
    assert.equal(await verifyVerdict({ assertionKey }, payload, signature), false);
  });

  it("makes a request id and the usual times where none are given", async () => {
    await send({});
    assert.ok(isUuid(asked!.question.requestId));
    assert.ok(asked!.question.answerBy.remainingMs() > 1_500 && asked!.question.answerBy.remainingMs() <= 2_000);
    assert.ok(asked!.question.lateUntil.remainingMs() > 9_500 && asked!.question.lateUntil.remainingMs() <= 10_000);
  });

  const wrong: readonly [string, Partial<LocateRequest>, string][] = [
    ["no patient", { patient: undefined }, "patient"],
    ["no claim", { claim: undefined }, "claim"],
    ["a request id that is none", { requestId: "one" }, "request_id"],
    ["too little time", { answerByMs: 99 }, "answer_by_ms"],
    ["too much time", { answerByMs: 30_001 }, "answer_by_ms"],
    ["a late time before the answer's", { answerByMs: 5_000, lateUntilMs: 4_999 }, "late_until_ms"],
    ["a late time beyond all use", { lateUntilMs: 60_001 }, "late_until_ms"],
    [
      "somebody's NHS number as reference, asked by name",
      {
        patient: { by: { $case: "demographics", value: BY_NAME } },
        claim: fromClaim(aClaim({ relationship: { kind: "attendance", reference: "9000000017-1" } }), "stated"),
      },
      "claim.relationship.reference",
    ],
    [
      "somebody's NHS number as the user",
      { claim: fromClaim(aClaim({ userId: "9000000017" }), "stated") },
      "claim.user_id",
    ],
  ];
  for (const [what, more, where] of wrong) {
    it(`refuses ${what}, and tells the story nothing`, async () => {
      const failure = await failureFrom(send(more));
      assert.deepEqual([failure.code, failure.where], ["invalid-input", where]);
      assert.equal(asked, undefined);
    });
  }

  it("stops the story when its caller goes away", async () => {
    let told = 0;
    let stopped = false;
    story = async function* () {
      try {
        for (;;) {
          yield { kind: "answer", answer: anAreaAnswer({ elapsedMs: told++ }) };
          await systemClock.sleep(5);
        }
      } finally {
        stopped = true;
      }
    };
    for await (const event of caller.locate(QUESTION)) {
      if (event.kind === "answer" && event.answer.elapsedMs === 3) break;
    }
    await systemClock.sleep(100);
    assert.ok(stopped);
    const then = told;
    await systemClock.sleep(50);
    assert.equal(told, then, "nothing more is told");
  });

  it("tells no faster than its caller reads", async () => {
    const pointer: PointerView = {
      pointerId: "p",
      recordType: "discharge-letter",
      custodian: { code: "RRK" as OrganisationCode, name: "x".repeat(1_000), phone: "" },
      recordedOn: "",
      updatedAtMs: 0,
      format: "",
      access: "full",
      sources: [],
    };
    const large: AreaAnswer = anAreaAnswer({ outcome: "records", pointers: Array.from({ length: 64 }, () => pointer) });
    let told = 0;
    story = async function* ({ requestId }) {
      for (; told < 2_000; told++) yield { kind: "answer", answer: large };
      yield { kind: "verdict", verdict: aVerdict(requestId) };
    };
    const events = caller.locate(QUESTION);
    await events.next();
    await systemClock.sleep(300);
    const ahead = told;
    assert.ok(ahead < 200, `${ahead} answers of 64 KiB were told to a caller that read one`);
    let read = 1;
    for await (const event of events) if (event.kind === "answer") read++;
    assert.deepEqual([read, told], [2_000, 2_000], "and none was lost");
  });

  it("is reached only under the caller's own node's name", async () => {
    const other = await connectCaller(
      { host: "localhost", port: door.port, certsDir: network.callerDir("demo") },
      systemClock,
    );
    let events = 0;
    for await (const _ of other.locate(QUESTION)) events++;
    assert.equal(events, 2, "whatever the address is");
    other.close();
  });

  it("says which folder holds no caller's certificate", async () => {
    const wrongDir = nodeFiles(network.dir, HOLDER).directory;
    const failure = await failureFrom(connectCaller({ host: "x", port: 1, certsDir: wrongDir }, systemClock));
    assert.equal(failure.code, "configuration");
    assert.match(failure.message, /caller\.key\.pem/);
  });
});
