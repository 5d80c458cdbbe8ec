import { createHash, createPrivateKey, sign } from "node:crypto";

import type { HolderAnswer, PointerView, Verdict } from "../../node/base/answer.ts";
import { BirthDate } from "../../node/base/birth-date.ts";
import { Concealed } from "../../node/base/concealed.ts";
import { NhsNumber } from "../../node/base/nhs-number.ts";
import type { Claim, PatientQuery } from "../../node/base/question.ts";
import type { NodeId, OrganisationCode, ProtocolVersion } from "../../node/base/words.ts";
import { fromClaim, fromPatient } from "../../node/wire/convert.ts";
import { encodeHolderAnswer, fromAreaAnswer, fromVerdict } from "../../node/wire/convert-answer.ts";
import { GRADE } from "../../node/wire/discovery-service.ts";
import { encode } from "../../node/wire/encode.ts";
import { AssertionPayload } from "../../node/wire/generated/corridor/v1/assertion.ts";
import {
  IdentifyPersonRequest,
  IdentifyPersonResponse,
} from "../../node/wire/generated/corridor/v1/discovery_service.ts";
import {
  LocateRequest,
  LocateResponse,
  Verdict as WireVerdict,
} from "../../node/wire/generated/corridor/v1/federation_service.ts";
import {
  AnswerLocateRequest,
  AnswerLocateResponse,
  AnswerLocateStreamRequest,
  AnswerLocateStreamResponse,
  HolderAnswer as WireHolderAnswer,
} from "../../node/wire/generated/corridor/v1/locator_service.ts";
import {
  ExchangeManifestRequest,
  ExchangeManifestResponse,
} from "../../node/wire/generated/corridor/v1/membership_service.ts";
import { GreetRequest, GreetResponse } from "../../node/wire/generated/corridor/v1/peer_service.ts";
import { FetchRecordRequest } from "../../node/wire/generated/corridor/v1/record_service.ts";
import {
  AddCheckpointRequest,
  AddCheckpointResponse,
  ListCheckpointsResponse,
  ProveConsistencyRequest,
  ProveConsistencyResponse,
} from "../../node/wire/generated/corridor/v1/witness_service.ts";
import { bindPatient } from "../../node/wire/patient-binding.ts";

/**
 * One message of each kind that crosses between two machines, always the same: what nodes of another version are held to.
 * Everybody in them is invented.
 */

/** What generated code gives for each message, of whatever type. */
export interface Codec {
  encode(message: unknown): { finish(): Uint8Array };
  decode(bytes: Uint8Array): unknown;
}

export interface Sample {
  readonly codec: Codec;
  readonly bytes: Uint8Array;
}

const ASKER = "wm-bsol";
const HOLDER = "wm-cw" as NodeId;
const REQUEST_ID = "0d4f2c1e-5f5e-4b0a-9d57-3f1f2f6f8a11";
const ATTEMPT_ID = "7c0e8f7a-1b2c-4d3e-8f90-a1b2c3d4e5f6";
const AT_MS = 1_794_873_600_000;
const PATIENT_NONCE = Buffer.alloc(16, 7);

/** The signing key of the asker in these messages: derived from a word, worth nothing. */
export const ASKER_KEY = createPrivateKey({
  key: Buffer.concat([
    Buffer.from("302e020100300506032b657004220420", "hex"), // PKCS #8 head of an Ed25519 key
    createHash("sha256").update("wire fixtures").digest(),
  ]),
  format: "der",
  type: "pkcs8",
});

const PATIENT: PatientQuery = {
  by: "number",
  nhsNumber: NhsNumber.parse("9000200261")!,
  birthDate: BirthDate.parse("1958-04-17", "2026-11-16")!,
  familyName: new Concealed("Whitehouse"),
  givenName: new Concealed("Maureen"),
};

const NAMED: PatientQuery = {
  by: "demographics",
  familyName: new Concealed("Whitehouse"),
  givenName: new Concealed("Maureen"),
  birthDate: BirthDate.parse("1958-04-17", "2026-11-16")!,
  postcode: new Concealed("B12 9XY"),
};

const CLAIM: Claim = {
  userId: "demo.clinician",
  role: "S0010:G0020:R8000",
  setting: "emergency",
  organisation: "RRK" as OrganisationCode,
  assurance: "smartcard",
  purpose: "TREAT",
  relationship: { kind: "attendance", reference: "demo-attendance-1" },
  trigger: "person",
  reason: "In resus",
};

const POINTER: PointerView = {
  pointerId: "c6b1f0a2",
  recordType: "encounters",
  custodian: { code: "RKB" as OrganisationCode, name: "A hospital", phone: "024 7696 4000" },
  recordedOn: "2026-11-16",
  updatedAtMs: AT_MS,
  format: "application/fhir+json",
  access: "full",
  sources: [],
  encounter: { class: "emergency", state: "closed", endedOn: "2026-11-17" },
};

const PROVIDER = { code: POINTER.custodian.code, name: "A hospital", state: "stale", lastReceivedAtMs: AT_MS } as const;

const RECORDS: HolderAnswer = {
  ...{ outcome: "records", pointers: [POINTER], sealed: ["mental-health-record"], reason: "" },
  ...{ coverage: { providers: [PROVIDER] }, notOffered: ["childrens-social-care"], morePointers: 3 },
};

const NOTHING: HolderAnswer = { ...RECORDS, outcome: "nothing-to-show", pointers: [], morePointers: 0 };

const AREA = {
  ...{ nodeId: HOLDER, name: "Coventry and Warwickshire", icsCodes: ["QWU" as OrganisationCode] },
  ...{ scopes: ["collaborative", "region", "network"] as const, contact: "Record desk, 01632 960002" },
};

const VERDICT: Verdict = {
  ...{ requestId: REQUEST_ID, asker: ASKER as NodeId, givenAtMs: AT_MS },
  scopes: [{ scope: "network", everyAreaAnswered: false, areas: 2, answered: 1 }],
  areas: [
    { nodeId: HOLDER, name: AREA.name, outcome: "records", elapsedMs: 41, reason: "", scopes: AREA.scopes },
    { name: "Gloucestershire", outcome: "not-in-network", elapsedMs: 0, reason: "", scopes: [] },
  ],
  gaps: [{ nodeId: HOLDER, provider: PROVIDER }],
  unfed: ["wm-hw" as NodeId],
  sentence: "1 of 2 areas answered; 1 holds records.",
  fixedLine: "This does not mean there is nothing else.",
  directory: { sequence: 17, ageSeconds: 3_600, ageing: true },
};

/** Every message, by its name and what it shows, as a node of that protocol version says it. */
export function samplesOf(version: ProtocolVersion): ReadonlyMap<string, Sample> {
  const protocol = { ...version };
  const payload = encode(AssertionPayload, {
    ...{ asker: ASKER, holder: HOLDER, issuedAtMs: BigInt(AT_MS), expiresAtMs: BigInt(AT_MS + 120_000) },
    claims: [
      {
        ...{ attemptId: ATTEMPT_ID, requestId: REQUEST_ID, claim: fromClaim(CLAIM, "kept-back") },
        patientBinding: bindPatient(ATTEMPT_ID, PATIENT_NONCE, fromPatient(PATIENT)),
      },
    ],
  });
  const assertion = { payload, signature: signed("corridor.v1.assertion\n", payload) };
  const question = {
    ...{ claimIndex: 0, patient: fromPatient(PATIENT), patientNonce: PATIENT_NONCE },
    ...{ answerByMs: 1_950, lateUntilMs: 9_950 },
  };
  const answerOf = (answer: HolderAnswer) => WireHolderAnswer.decode(encodeHolderAnswer(answer, ATTEMPT_ID));
  const areaAnswer = { ...RECORDS, area: AREA, elapsedMs: 41, own: false };
  const verdict = fromVerdict(VERDICT);
  const verdictBytes = encode(WireVerdict, verdict);
  const signedVerdict = { payload: verdictBytes, signature: signed("corridor.v1.verdict\n", verdictBytes), verdict };
  return new Map([
    ["AssertionPayload", sample(AssertionPayload, AssertionPayload.decode(payload))],
    ["AnswerLocateRequest", sample(AnswerLocateRequest, { protocol, assertion, question })],
    ["AnswerLocateResponse records", sample(AnswerLocateResponse, { protocol, answer: answerOf(RECORDS) })],
    ["AnswerLocateResponse nothing", sample(AnswerLocateResponse, { protocol, answer: answerOf(NOTHING) })],
    [
      "AnswerLocateStreamRequest frame",
      sample(AnswerLocateStreamRequest, {
        message: { $case: "frame", value: { protocol, assertion, questions: [question] } },
      }),
    ],
    [
      "AnswerLocateStreamRequest cancel",
      sample(AnswerLocateStreamRequest, { message: { $case: "cancel", value: { attemptId: ATTEMPT_ID } } }),
    ],
    [
      "AnswerLocateStreamResponse frame",
      sample(AnswerLocateStreamResponse, { message: { $case: "frame", value: { answers: [answerOf(NOTHING)] } } }),
    ],
    [
      "AnswerLocateStreamResponse refusal",
      sample(AnswerLocateStreamResponse, {
        message: {
          $case: "refusal",
          value: {
            attemptId: ATTEMPT_ID,
            status: 8,
            failure: "over-quota",
            retryAfterMs: 1_500,
            details: "",
            where: "",
          },
        },
      }),
    ],
    ["FetchRecordRequest", sample(FetchRecordRequest, { protocol, assertion, question, pointerId: "c6b1f0a2" })],
    [
      "IdentifyPersonRequest",
      sample(IdentifyPersonRequest, { protocol, assertion, question: { ...question, patient: fromPatient(NAMED) } }),
    ],
    [
      "IdentifyPersonResponse",
      sample(IdentifyPersonResponse, { protocol, nhsNumber: "9000200261", grade: GRADE["with-place"] }),
    ],
    ["GreetRequest", sample(GreetRequest, { protocol })],
    [
      "GreetResponse",
      sample(GreetResponse, {
        ...{ nodeId: HOLDER, wallMs: BigInt(AT_MS), protocol, directorySequence: 17n },
        ...{ agreementIds: ["wm-direct-care-2026"], quarantined: true },
      }),
    ],
    ["ExchangeManifestRequest", sample(ExchangeManifestRequest, { sequence: 17n })],
    ["ExchangeManifestResponse", sample(ExchangeManifestResponse, { sequence: 18n, manifest: "a.signed.document" })],
    ["AddCheckpointRequest", sample(AddCheckpointRequest, { body: "old 3\n\nan origin\n4\nroot\n" })],
    ["AddCheckpointResponse", sample(AddCheckpointResponse, { status: 200, body: "— a witness signature\n" })],
    ["ListCheckpointsResponse", sample(ListCheckpointsResponse, { checkpoints: ["an origin\n4\nroot\n"] })],
    ["ProveConsistencyRequest", sample(ProveConsistencyRequest, { from: 3n, to: 4n })],
    ["ProveConsistencyResponse", sample(ProveConsistencyResponse, { proof: [Buffer.alloc(32, 9)] })],
    [
      "LocateRequest",
      sample(LocateRequest, {
        ...{ patient: fromPatient(PATIENT), claim: fromClaim(CLAIM, "stated"), requestId: REQUEST_ID },
        ...{ answerByMs: 2_000, lateUntilMs: 0, lateOf: "" },
      }),
    ],
    [
      "LocateResponse answer",
      sample(LocateResponse, { event: { $case: "answer", value: fromAreaAnswer(areaAnswer) } }),
    ],
    ["LocateResponse verdict", sample(LocateResponse, { event: { $case: "verdict", value: signedVerdict } })],
  ]);
}

interface MessageType<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
}

function sample<Message>(type: MessageType<Message>, message: Message): Sample {
  const codec: Codec = { encode: (decoded) => type.encode(decoded as Message), decode: (bytes) => type.decode(bytes) };
  return { codec, bytes: type.encode(message).finish() };
}

function signed(prefix: string, payload: Uint8Array): Buffer {
  return sign(null, Buffer.concat([Buffer.from(prefix, "ascii"), payload]), ASKER_KEY);
}
