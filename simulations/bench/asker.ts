import { readFileSync } from "node:fs";

import { loadAccessTable } from "../../node/access/table.ts";
import { makeAccess } from "../../node/access/decide.ts";
import type { HolderAnswer } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Deadline } from "../../node/base/deadline.ts";
import type { Claim, PatientQuery, Question } from "../../node/base/question.ts";
import { systemRandom } from "../../node/base/random.ts";
import { type NodeId, type OrganisationCode, PROTOCOL } from "../../node/base/words.ts";
import { makeAssertionSigner } from "../../node/trust/assertion.ts";
import { openDirectory } from "../../node/trust/directory.ts";
import { authorisePeer } from "../../node/trust/peer-identity.ts";
import { fromPatient } from "../../node/wire/convert.ts";
import { encodeHolderAnswer } from "../../node/wire/convert-answer.ts";
import {
  AnswerLocateRequest,
  AnswerLocateResponse,
  HolderAnswer as WireHolderAnswer,
} from "../../node/wire/generated/corridor/v1/locator_service.ts";
import { makePeerClient } from "../../node/wire/peer-client.ts";
import { readNodeTls } from "../../node/wire/tls-files.ts";
import type { MessageSizes } from "./echo-client.ts";
import type { HolderNetwork } from "./network.ts";
import { HOLDER_ID } from "./people.ts";

export const ASKER_ID = "wm-bsol" as NodeId;

const ANSWER_WITHIN_MS = 10_000;

/** An emergency clinician of Birmingham. */
export const CLAIM: Claim = {
  userId: "bench.clinician",
  role: "R8000",
  setting: "emergency",
  organisation: "RRK" as OrganisationCode,
  assurance: "smartcard",
  purpose: "TREAT",
  relationship: { kind: "attendance", reference: "bench-attendance-1" },
  trigger: "person",
  reason: "Measurement",
};

/** A member node's side of the wire, in this process: the product's own client, with everything it does. */
export interface Asker {
  /** Asks the holder once, under an assertion of its own. */
  ask(patient: PatientQuery): Promise<HolderAnswer>;
  /** How large this question and its answer are on the wire, as protobuf. */
  sizesOf(patient: PatientQuery): Promise<MessageSizes>;
  close(): void;
}

export async function makeAsker(network: HolderNetwork): Promise<Asker> {
  const [clock, random] = [systemClock, systemRandom];
  const files = network.filesOf(ASKER_ID);
  const { domain } = network.topology.network;
  const directory = await openDirectory({
    ...{ path: network.manifestPath, publicKeyPath: files.manifestPublic, ownId: ASKER_ID, clock },
    authorities: () => [],
    alarm: (text) => console.error(text),
  });
  const holder = directory.member(HOLDER_ID);
  if (holder === undefined) throw new Error(`${HOLDER_ID} is not in the manifest`);
  const { agreements, members } = directory.inForce().manifest;
  const access = makeAccess({
    ...{ clock, random, table: loadAccessTable(), ownId: ASKER_ID },
    ...{ agreements: () => agreements, members: () => members },
  });
  const signer = makeAssertionSigner(readFileSync(files.assertionKey, "utf8"));
  let payloadBytes = 0;
  const client = makePeerClient({
    ...{ ownId: ASKER_ID, domain, tls: readNodeTls(files.directory), clock, random, protocol: PROTOCOL },
    sign(payload) {
      payloadBytes = payload.length;
      return signer.sign(payload);
    },
    checkMember(member, identity) {
      const peer = authorisePeer(identity, directory, member.id);
      if (peer.kind !== "node") throw new Error(`the other end is not ${member.id}`);
    },
  });

  const questionOn = (patient: PatientQuery): Question => ({
    requestId: random.uuid(),
    patient,
    claim: CLAIM,
    answerBy: Deadline.in(clock, ANSWER_WITHIN_MS),
    lateUntil: Deadline.in(clock, ANSWER_WITHIN_MS),
  });
  const ask = (patient: PatientQuery): Promise<HolderAnswer> => {
    const question = questionOn(patient);
    const decision = access.decideAccess(question);
    if (decision.kind === "refused") throw new Error(decision.reason);
    return client.ask(holder, question, decision.permit, question.answerBy, new AbortController().signal);
  };
  return {
    ask,
    async sizesOf(patient) {
      const answer = await ask(patient);
      return { request: requestBytes(patient, payloadBytes), response: responseBytes(answer) };
    },
    close() {
      client.close();
      directory.close();
    },
  };
}

function requestBytes(patient: PatientQuery, payloadBytes: number): number {
  const assertion = { payload: Buffer.alloc(payloadBytes, 1), signature: Buffer.alloc(64, 1) };
  const times = { answerByMs: ANSWER_WITHIN_MS, lateUntilMs: ANSWER_WITHIN_MS };
  const question = { claimIndex: 0, patient: fromPatient(patient), patientNonce: Buffer.alloc(16, 1), ...times };
  return AnswerLocateRequest.encode({ protocol: { ...PROTOCOL }, assertion, question }).finish().length;
}

function responseBytes(answer: HolderAnswer): number {
  const message = WireHolderAnswer.decode(encodeHolderAnswer(answer, systemRandom.uuid()));
  return AnswerLocateResponse.encode({ protocol: { ...PROTOCOL }, answer: message }).finish().length;
}
