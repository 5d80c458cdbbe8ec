import { createHash, randomBytes, randomUUID } from "node:crypto";

import { AssertionPayload, type QuestionClaim } from "../../node/wire/generated/corridor/v1/assertion.ts";
import { LocateRequest } from "../../node/wire/generated/corridor/v1/federation_service.ts";
import { type LoadItem, LoadRequest } from "../../node/wire/generated/corridor/v1/feed_service.ts";
import {
  Assurance,
  type Claim,
  PatientQuery,
  Purpose,
  RelationshipKind,
  Setting,
  Trigger,
} from "../../node/wire/generated/corridor/v1/identity.ts";
import { AnswerLocateRequest, type Question } from "../../node/wire/generated/corridor/v1/locator_service.ts";
import { ASKER, type DoorNetwork, HOLDER, PROVIDER } from "./doors-network.ts";
import type { MarkedPerson } from "./doors-people.ts";

/** Messages as an honest side would send them, laid out by hand so that each part can be spoilt. */

const MINUTE_MS = 60_000;

export function patientOf({ nhsNumber, birthDate }: Pick<MarkedPerson, "nhsNumber" | "birthDate">): PatientQuery {
  return { by: { $case: "number", value: { nhsNumber, birthDate, familyName: "", givenName: "" } } };
}

export function aClaim(more: Partial<Claim> = {}): Claim {
  return {
    ...{ userId: "a.clinician", role: "R8000", setting: Setting.SETTING_EMERGENCY, organisation: PROVIDER },
    ...{ assurance: Assurance.ASSURANCE_SMARTCARD, purpose: Purpose.PURPOSE_TREAT },
    relationship: { kind: RelationshipKind.RELATIONSHIP_KIND_ATTENDANCE, reference: "ATT-1" },
    ...{ trigger: Trigger.TRIGGER_PERSON, reason: "In resus" },
    ...more,
  };
}

export function aLocate(person: MarkedPerson, more: Partial<LocateRequest> = {}): LocateRequest {
  return {
    ...{
      patient: patientOf(person),
      claim: aClaim(),
      requestId: randomUUID(),
      answerByMs: 2_000,
      lateUntilMs: 0,
      lateOf: "",
    },
    ...more,
  };
}

export function locateBytes(request: LocateRequest): Uint8Array {
  return LocateRequest.encode(request).finish();
}

/** What of an honest peer's question may be spoilt, before it is signed and after. */
export interface PeerSpoils {
  readonly payload?: Partial<AssertionPayload>;
  /** The claim that covers the question. */
  readonly covering?: Partial<QuestionClaim>;
  readonly claim?: Partial<Claim>;
  readonly question?: Partial<Question>;
  readonly request?: Partial<AnswerLocateRequest>;
  /** The member whose assertion key signs; whoever asks, unless said otherwise. */
  readonly signedBy?: string;
  /** Changes the payload's bytes before they are signed. */
  readonly signs?: (payload: Buffer) => Buffer;
  /** Changes the payload's bytes after they are signed. */
  readonly tampered?: (payload: Buffer) => Buffer;
  /** Changes the signature. */
  readonly signature?: (signature: Buffer) => Buffer;
}

export async function peerQuestion(
  network: Pick<DoorNetwork, "sign">,
  person: MarkedPerson,
  spoils: PeerSpoils = {},
  asker: string = ASKER,
): Promise<AnswerLocateRequest> {
  const patient = patientOf(person);
  const claim = aClaimFor(patient, { ...spoils.covering, claim: aClaim({ reason: "", ...spoils.claim }) });
  const honest = Buffer.from(
    AssertionPayload.encode({
      ...{ asker, holder: HOLDER, claims: [claim] },
      ...{ issuedAtMs: BigInt(Date.now()), expiresAtMs: BigInt(Date.now() + MINUTE_MS) },
      ...spoils.payload,
    }).finish(),
  );
  const payload = spoils.signs?.(honest) ?? honest;
  const signature = Buffer.from(await network.sign(spoils.signedBy ?? asker, payload));
  return {
    protocol: { major: 1, minor: 0 },
    assertion: {
      payload: spoils.tampered?.(payload) ?? payload,
      signature: spoils.signature?.(signature) ?? signature,
    },
    question: {
      claimIndex: 0,
      patient,
      patientNonce: PATIENT_NONCE,
      answerByMs: 2_000,
      lateUntilMs: 10_000,
      ...spoils.question,
    },
    ...spoils.request,
  };
}

/** Honest askers draw a fresh one for each attempt. */
const PATIENT_NONCE = randomBytes(16);

/** A claim that is bound to this patient. */
export function aClaimFor(patient: PatientQuery, more: Partial<QuestionClaim> = {}): QuestionClaim {
  const attemptId = more.attemptId ?? randomUUID();
  const bound = createHash("sha256")
    .update(attemptId)
    .update(PATIENT_NONCE)
    .update(PatientQuery.encode(patient).finish());
  const patientBinding = bound.digest();
  return { requestId: randomUUID(), claim: aClaim({ reason: "" }), patientBinding, ...more, attemptId };
}

export function peerBytes(request: AnswerLocateRequest): Uint8Array {
  return AnswerLocateRequest.encode(request).finish();
}

export type IdentityItem = Extract<LoadItem["item"], { $case: "identity" }>["value"];
export type PointerItem = Extract<LoadItem["item"], { $case: "pointer" }>["value"];

export function anIdentity(localId: string, person: MarkedPerson, more: Partial<IdentityItem> = {}): LoadItem {
  const { nhsNumber, birthDate, familyName, givenName, middleName, addressLine1, postcode, phone } = person;
  const value = {
    ...{ provider: PROVIDER, localId, nhsNumber, nhsNumberStatus: "01", birthDate, gender: "female" },
    ...{ familyName, givenName, middleName, addressLine1, addressLine2: "", locality: "Nowhere", postcode, phone },
    ...{ recordedOn: "2024-05-01", restricted: false },
    ...more,
  };
  return { item: { $case: "identity", value } };
}

export function aPointer(localId: string, recordId: string, more: Partial<PointerItem> = {}): LoadItem {
  const value = {
    ...{ provider: PROVIDER, localId, recordId, recordType: "discharge-letter", recordedOn: "2025-03-02" },
    ...{ format: "application/pdf", fetch: `https://records.example/${recordId}`, sensitivity: "N" },
    ...more,
  };
  return { item: { $case: "pointer", value } };
}

export function header(name = "a load", asOfMs = 0n): Uint8Array {
  return LoadRequest.encode({ message: { $case: "header", value: { name, asOfMs, goesOnStoreId: "" } } }).finish();
}

export function batch(sequence: bigint, items: readonly LoadItem[]): Uint8Array {
  return LoadRequest.encode({ message: { $case: "batch", value: { sequence, items: [...items] } } }).finish();
}

/** Says that nothing of a load is missing. */
export function finish(): Uint8Array {
  return LoadRequest.encode({ message: { $case: "finish", value: { providers: [] } } }).finish();
}
