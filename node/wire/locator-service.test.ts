import assert from "node:assert/strict";

import type { Client, ClientWritableStream } from "@grpc/grpc-js";

import type { Member } from "../../topology/manifest.ts";
import type { HolderAnswer as Answer } from "../base/answer.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import type { Failure } from "../base/failure.ts";
import type { PeerQuestion } from "../requests/answer-locate.ts";
import { verifyAssertion } from "../trust/assertion.ts";
import { fromClaim, fromPatient } from "./convert.ts";
import { AssertionPayload } from "./generated/corridor/v1/assertion.ts";
import { AnswerLocateRequest, AnswerLocateResponse, HolderAnswer } from "./generated/corridor/v1/locator_service.ts";
import { bindPatient } from "./patient-binding.ts";
import type { RunningServer } from "./server.ts";
import { failureFrom, plainClient, sendBytes } from "./testing/a-call.ts";
import {
  type DoorStories,
  PATIENT_BORN,
  PATIENT_NUMBER,
  aClaim,
  aPatient,
  nothingToShow,
  openDoor,
} from "./testing/a-door.ts";
import { ASKER, HOLDER, OTHER, type WireNetwork, makeWireNetwork } from "./testing/a-network.ts";

const ANSWER_LOCATE = "/corridor.v1.LocatorService/AnswerLocate";
const ATTEMPT = "6f1b2c7e-3b1a-4c55-9a55-0123456789ab";
const NONCE = Buffer.alloc(16, 7);
const REQUEST = "7a1b2c7e-3b1a-4c55-9a55-0123456789ab";

/** What an honest asker would send, and where the tests depart from it. */
interface Departure {
  readonly payload?: (honest: AssertionPayload) => AssertionPayload;
  /** The payload's bytes, after signing. */
  readonly bytes?: (signed: Buffer) => Buffer;
  readonly request?: (honest: AnswerLocateRequest) => AnswerLocateRequest;
  readonly signedBy?: string;
}

describe("the peers' door", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let client: Client;
  let asked: PeerQuestion[];

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network, {
      answerLocate(question) {
        asked.push(question);
        return Promise.resolve(nothingToShow());
      },
    });
    client = plainClient(door.port, network.nodeTls(ASKER));
  });
  after(async () => {
    client.close();
    await door.close(0);
    network.remove();
  });
  beforeEach(() => {
    asked = [];
  });

  async function compose(departure: Departure = {}): Promise<Buffer> {
    const patient = fromPatient(aPatient());
    const nowMs = BigInt(Math.floor(systemClock.wallMs()));
    const honest: AssertionPayload = {
      asker: ASKER,
      holder: HOLDER,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + 60_000n,
      claims: [
        {
          attemptId: ATTEMPT,
          requestId: REQUEST,
          claim: fromClaim(aClaim(), "kept-back"),
          patientBinding: bindPatient(ATTEMPT, NONCE, patient),
        },
      ],
    };
    const payload = Buffer.from(AssertionPayload.encode(departure.payload?.(honest) ?? honest).finish());
    const signature = Buffer.from(await network.signer(departure.signedBy ?? ASKER).sign(payload));
    const request: AnswerLocateRequest = {
      protocol: { major: 1, minor: 0 },
      assertion: { payload: departure.bytes?.(payload) ?? payload, signature },
      question: { claimIndex: 0, patient, patientNonce: NONCE, answerByMs: 2_000, lateUntilMs: 10_000 },
    };
    return Buffer.from(AnswerLocateRequest.encode(departure.request?.(request) ?? request).finish());
  }

  const send = async (departure: Departure = {}): Promise<Buffer> =>
    sendBytes(client, ANSWER_LOCATE, await compose(departure));

  it("hands the story one question, proven and parsed", async () => {
    const bytes = await send();
    const [question] = asked;
    assert.ok(question !== undefined && asked.length === 1);
    assert.deepEqual([question.asker, question.attemptId, question.requestId], [ASKER, ATTEMPT, REQUEST]);
    const { reason: _kept, ...claim } = aClaim();
    assert.deepEqual(question.claim, claim);
    assert.ok(question.patient.by === "number" && question.patient.nhsNumber.expose() === PATIENT_NUMBER);
    assert.ok(question.answerBy.remainingMs() <= 2_000 && question.answerBy.remainingMs() > 1_000);
    assert.ok(question.lateUntil.remainingMs() > 8_000);
    assert.equal(question.evidence.signature.length, 64);
    assert.equal(AssertionPayload.decode(question.evidence.payload).asker, ASKER);
    assert.deepEqual(question.evidence.patientNonce, NONCE);
    assert.ok(!Buffer.from(question.evidence.payload).includes(NONCE), "the nonce is no part of what is signed");
    const { protocol, answer } = AnswerLocateResponse.decode(bytes);
    assert.deepEqual([protocol, answer?.attemptId], [{ major: 1, minor: 0 }, ATTEMPT]);
  });

  it("answers two empty answers to one attempt with the same bytes, a multiple of 256 of them", async () => {
    const [one, other] = [await send(), await send()];
    assert.ok(one.equals(other));
    assert.equal(HolderAnswer.encode(AnswerLocateResponse.decode(one).answer!).finish().length % 256, 0);
  });

  it("gives a shorter deadline of the call precedence over the question's", async () => {
    await sendBytes(client, ANSWER_LOCATE, await compose(), { deadline: systemClock.wallMs() + 500 });
    assert.ok(asked[0]!.answerBy.remainingMs() <= 500);
  });

  it("reads a claim that is not the first", async () => {
    const second = "8a1b2c7e-3b1a-4c55-9a55-0123456789ab";
    await send({
      payload: (honest) => ({
        ...honest,
        claims: [
          honest.claims[0]!,
          {
            ...honest.claims[0]!,
            attemptId: second,
            patientBinding: bindPatient(second, NONCE, fromPatient(aPatient())),
          },
        ],
      }),
      request: (honest) => ({ ...honest, question: { ...honest.question!, claimIndex: 1 } }),
    });
    assert.equal(asked[0]?.attemptId, second);
  });

  const claimOf = (more: object) => (honest: AssertionPayload) => ({
    ...honest,
    claims: [{ ...honest.claims[0]!, ...more }],
  });
  const questionOf = (more: object) => (honest: AnswerLocateRequest) => ({
    ...honest,
    question: { ...honest.question!, ...more },
  });
  const minutes = (count: number): bigint => BigInt(count * 60_000);
  const number = { $case: "number" as const, value: { nhsNumber: PATIENT_NUMBER, birthDate: PATIENT_BORN } };

  const refused: readonly [string, Departure, Failure["code"], string?][] = [
    ["no protocol version", { request: (r) => ({ ...r, protocol: undefined }) }, "incompatible", "protocol"],
    ["another major version", { request: (r) => ({ ...r, protocol: { major: 2, minor: 0 } }) }, "incompatible"],
    ["a minor version too far", { request: (r) => ({ ...r, protocol: { major: 1, minor: 2 } }) }, "incompatible"],
    ["no assertion", { request: (r) => ({ ...r, assertion: undefined }) }, "invalid-input", "assertion"],
    ["an empty assertion", { bytes: () => Buffer.alloc(0) }, "invalid-input", "assertion.payload"],
    ["an assertion over 32 KiB", { bytes: () => Buffer.alloc(32 * 1024 + 1) }, "invalid-input", "assertion.payload"],
    ["an assertion that is none", { bytes: () => Buffer.from([0x0a, 0x7f]) }, "invalid-input", "assertion.payload"],
    [
      "a short signature",
      { request: (r) => ({ ...r, assertion: { ...r.assertion!, signature: Buffer.alloc(63) } }) },
      "invalid-input",
      "assertion.signature",
    ],
    ["another's name", { payload: (p) => ({ ...p, asker: OTHER }) }, "not-authenticated", "assertion.asker"],
    ["another's signature", { signedBy: OTHER }, "not-authenticated", "assertion"],
    [
      "one byte changed after signing",
      // The last character of the user's name: everything still parses.
      { bytes: (signed) => Buffer.from(signed.toString("latin1").replace("a.clinician", "a.cliniciam"), "latin1") },
      "not-authenticated",
      "assertion",
    ],
    [
      "an assertion for another holder",
      { payload: (p) => ({ ...p, holder: OTHER }) },
      "not-authenticated",
      "assertion.holder",
    ],
    [
      "an assertion that has expired",
      { payload: (p) => ({ ...p, issuedAtMs: p.issuedAtMs - minutes(3), expiresAtMs: p.issuedAtMs - minutes(1) }) },
      "clocks-differ",
    ],
    [
      "an assertion that lasts too long",
      { payload: (p) => ({ ...p, expiresAtMs: p.issuedAtMs + minutes(6) }) },
      "not-authenticated",
    ],
    [
      "an assertion of times beyond all numbers",
      { payload: (p) => ({ ...p, issuedAtMs: 2n ** 63n - 1n, expiresAtMs: 2n ** 63n - 1n }) },
      "not-authenticated",
    ],
    ["no claims", { payload: (p) => ({ ...p, claims: [] }) }, "invalid-input", "assertion.claims"],
    [
      "65 claims",
      { payload: (p) => ({ ...p, claims: Array.from({ length: 65 }, () => p.claims[0]!) }) },
      "invalid-input",
      "assertion.claims",
    ],
    ["a claim that is not there", { request: questionOf({ claimIndex: 1 }) }, "invalid-input", "question.claim_index"],
    ["no attempt id", { payload: claimOf({ attemptId: "" }) }, "invalid-input", "claim.attempt_id"],
    ["a request id that is no UUID", { payload: claimOf({ requestId: "1" }) }, "invalid-input", "claim.request_id"],
    [
      "another patient",
      {
        request: questionOf({
          patient: { by: { ...number, value: { ...number.value, familyName: "Y", givenName: "" } } },
        }),
      },
      "not-authenticated",
      "claim.patient_binding",
    ],
    [
      "the binding of another attempt",
      { payload: claimOf({ attemptId: REQUEST }) },
      "not-authenticated",
      "claim.patient_binding",
    ],
    [
      "another nonce",
      { request: questionOf({ patientNonce: Buffer.alloc(16, 8) }) },
      "not-authenticated",
      "claim.patient_binding",
    ],
    ["no nonce", { request: questionOf({ patientNonce: Buffer.alloc(0) }) }, "invalid-input", "question.patient_nonce"],
    [
      "a nonce that is too short",
      { request: questionOf({ patientNonce: NONCE.subarray(1) }) },
      "invalid-input",
      "question.patient_nonce",
    ],
    [
      "a nonce that is too long",
      { request: questionOf({ patientNonce: Buffer.alloc(17, 7) }) },
      "invalid-input",
      "question.patient_nonce",
    ],
    ["no patient", { request: questionOf({ patient: undefined }) }, "invalid-input", "question.patient"],
    ["no question", { request: (r) => ({ ...r, question: undefined }) }, "invalid-input", "question"],
    ["no time", { request: questionOf({ answerByMs: 0 }) }, "invalid-input", "question.answer_by_ms"],
    [
      "too much time",
      { request: questionOf({ answerByMs: 60_001, lateUntilMs: 60_001 }) },
      "invalid-input",
      "question.answer_by_ms",
    ],
    [
      "a late time before the answer's",
      { request: questionOf({ lateUntilMs: 1_999 }) },
      "invalid-input",
      "question.late_until_ms",
    ],
    ["a claim that is empty", { payload: claimOf({ claim: undefined }) }, "invalid-input", "claim"],
    [
      "an NHS number as the reference",
      {
        payload: claimOf({
          claim: fromClaim(aClaim({ relationship: { kind: "attendance", reference: "9000000017/1" } }), "kept-back"),
        }),
      },
      "invalid-input",
      "claim.relationship.reference",
    ],
    [
      "an NHS number as the user",
      { payload: claimOf({ claim: fromClaim(aClaim({ userId: "9000000017" }), "kept-back") }) },
      "invalid-input",
      "claim.user_id",
    ],
    [
      "an unknown setting",
      { payload: claimOf({ claim: { ...fromClaim(aClaim(), "kept-back"), setting: 99 } }) },
      "invalid-input",
      "claim.setting",
    ],
  ];
  for (const [what, departure, code, where] of refused) {
    it(`refuses ${what}: ${code}`, async () => {
      const failure = await failureFrom(send(departure));
      assert.equal(failure.code, code, failure.message);
      if (where !== undefined) assert.equal(failure.where, where);
      assert.ok(!failure.message.includes(PATIENT_NUMBER) && !failure.message.includes(PATIENT_BORN));
      assert.deepEqual(asked, [], "the story has not been told");
    });
  }

  it("refuses a wrong patient by field, bound or not", async () => {
    const patient = {
      by: { ...number, value: { ...number.value, birthDate: "1958-02-30", familyName: "", givenName: "" } },
    };
    const failure = await failureFrom(
      send({
        payload: claimOf({ patientBinding: bindPatient(ATTEMPT, NONCE, patient) }),
        request: questionOf({ patient }),
      }),
    );
    assert.deepEqual([failure.code, failure.where], ["invalid-input", "question.patient.number.birth_date"]);
  });

  describe("fields that are not known here", () => {
    const UNKNOWN = Buffer.from([0xf8, 0x07, 0x01]);
    const speaking = (minor: number) => (honest: AnswerLocateRequest) => ({ ...honest, protocol: { major: 1, minor } });
    /** Signs a payload that says more, and sends it to that port. */
    async function sendMore(where: "request" | "payload", minor: number, to = client): Promise<Buffer> {
      const honest = AnswerLocateRequest.decode(await compose());
      const payload =
        where === "payload" ? Buffer.concat([honest.assertion!.payload, UNKNOWN]) : honest.assertion!.payload;
      const signature = Buffer.from(await network.signer(ASKER).sign(payload));
      const request = AnswerLocateRequest.encode(speaking(minor)({ ...honest, assertion: { payload, signature } }));
      const bytes = Buffer.from(request.finish());
      return sendBytes(to, ANSWER_LOCATE, where === "request" ? Buffer.concat([bytes, UNKNOWN]) : bytes);
    }

    for (const where of ["request", "payload"] as const) {
      it(`are ignored in the ${where} of an asker one minor version newer`, async () => {
        await sendMore(where, 1);
        assert.equal(asked.length, 1);
      });

      it(`are refused in the ${where} of an asker of the same version`, async () => {
        const failure = await failureFrom(sendMore(where, 0));
        assert.equal(failure.code, "invalid-input");
        assert.match(failure.message, /not known here/);
        assert.deepEqual(asked, []);
      });

      it(`are refused in the ${where} of an asker of an older version`, async () => {
        const newerDoor = await openDoor(network, {}, { protocol: { major: 1, minor: 1 } });
        const older = plainClient(newerDoor.port, network.nodeTls(ASKER));
        try {
          assert.equal((await failureFrom(sendMore(where, 0, older))).code, "invalid-input");
        } finally {
          older.close();
          await newerDoor.close(0);
        }
      });
    }

    it("do not hide that the versions do not speak with each other", async () => {
      assert.equal((await failureFrom(sendMore("request", 2))).code, "incompatible");
    });
  });

  describe("of an asker that is removed from the directory", () => {
    let asker: Member;
    let told: number;
    const closing: (() => unknown)[] = [];

    beforeEach(() => {
      asker = network.directory.members.get(ASKER)!;
      told = 0;
    });
    afterEach(async () => {
      network.directory.members.set(ASKER, asker);
      for (const close of closing.splice(0).toReversed()) await close();
    });

    /** A door that does not look at open calls by itself. */
    async function openSleepyDoor(stories: DoorStories = {}): Promise<Client> {
      const clock: Clock = { ...systemClock, every: () => ({ cancel() {} }) };
      const answerLocate = (): Promise<Answer> => {
        told++;
        return Promise.resolve(nothingToShow());
      };
      const sleepy = await openDoor(network, { answerLocate, ...stories }, { clock });
      const caller = plainClient(sleepy.port, network.nodeTls(ASKER));
      closing.push(
        () => sleepy.close(0),
        () => caller.close(),
      );
      return caller;
    }

    it("refuses the question whose call had begun before", async () => {
      const caller = await openSleepyDoor();
      const asIs = (bytes: Buffer): Buffer => bytes;
      let begun!: ClientWritableStream<Buffer>;
      const ended = new Promise<unknown>((resolve, reject) => {
        const done = (error: Error | null, answer: unknown): void => (error === null ? resolve(answer) : reject(error));
        begun = caller.makeClientStreamRequest(ANSWER_LOCATE, asIs, asIs, done);
      });
      const failure = failureFrom(ended);
      await systemClock.sleep(200); // the headers are there
      network.directory.members.delete(ASKER);
      begun.write(await compose());
      begun.end();
      assert.equal((await failure).code, "not-authenticated");
      assert.equal(told, 0);
    });

    it("refuses the question whose signature was being verified", async () => {
      const caller = await openSleepyDoor({
        verifyAssertion(...signed) {
          network.directory.members.delete(ASKER);
          return verifyAssertion(...signed);
        },
      });
      assert.equal((await failureFrom(sendBytes(caller, ANSWER_LOCATE, await compose()))).code, "not-authenticated");
      assert.equal(told, 0);
    });
  });
});
