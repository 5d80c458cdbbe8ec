import assert from "node:assert/strict";

import { readPrivateKey } from "../../certs/key-file.ts";
import { nodeFiles } from "../../certs/layout.ts";
import { makeAccess } from "../../node/access/decide.ts";
import { loadAccessTable } from "../../node/access/table.ts";
import type { HolderAnswer } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Deadline } from "../../node/base/deadline.ts";
import type { Permit } from "../../node/base/permit.ts";
import type { Question } from "../../node/base/question.ts";
import { systemRandom } from "../../node/base/random.ts";
import { PROTOCOL, type NodeId } from "../../node/base/words.ts";
import { makeAssertionSigner } from "../../node/trust/assertion.ts";
import { openDirectory } from "../../node/trust/directory.ts";
import { authorisePeer } from "../../node/trust/peer-identity.ts";
import {
  AnswerLocateStreamResponse,
  HolderAnswer as WireHolderAnswer,
  LocatorServiceService,
} from "../../node/wire/generated/corridor/v1/locator_service.ts";
import { makePeerClient } from "../../node/wire/peer-client.ts";
import { readNodeTls } from "../../node/wire/tls-files.ts";
import type { TestNetwork } from "./a-network.ts";
import { type Asker, claimOf, patientOf } from "./asking.ts";
import type { TrialPerson } from "./people.ts";

export interface DirectQuestions {
  /** The member in whose name is asked, with its own certificate and keys. */
  readonly as: string;
  readonly holder: string;
  readonly asker: Asker;
  readonly people: readonly Pick<TrialPerson, "nhsNumber" | "birthDate">[];
  /** How often each is asked about, in turns. */
  readonly rounds: number;
}

/** What came back for one question. */
export interface DirectAnswer {
  readonly requestId: string;
  readonly answer: HolderAnswer;
  /** The whole message as it came off the wire, with the attempt's id blanked out: that one differs each time. */
  readonly bytes: Buffer;
  /** Length of the holder's answer within it. */
  readonly answerBytes: number;
  readonly elapsedMs: number;
}

const ANSWER_BY_MS = 2_000;
const UUID_CHARACTERS = 36;

/** Asks one holder with the product's own peer client, over the wire, and listens in on the bytes that come back. */
export async function askHolderDirectly(network: TestNetwork, order: DirectQuestions): Promise<DirectAnswer[][]> {
  const { paths, topology } = network.mesh;
  const files = nodeFiles(paths.certs, order.as);
  const { domain } = topology.network;
  const directory = await openDirectory({
    ...{ path: paths.manifest, publicKeyPath: files.manifestPublic, ownId: order.as, clock: systemClock },
    authorities: () => [],
    alarm: (text) => assert.fail(text),
  });
  const signer = makeAssertionSigner(readPrivateKey(files.assertionKey));
  const peers = makePeerClient({
    ...{ ownId: order.as as NodeId, domain, tls: readNodeTls(files.directory), clock: systemClock },
    ...{ random: systemRandom, protocol: PROTOCOL, sign: signer.sign },
    checkMember(member, identity) {
      authorisePeer(identity, directory, member.id);
    },
  });
  const access = makeAccess({
    ...{ clock: systemClock, random: systemRandom, table: loadAccessTable(), ownId: order.as as NodeId },
    agreements: () => directory.inForce().manifest.agreements,
    members: () => directory.inForce().manifest.members,
  });
  const permitFor = (question: Question): Permit => {
    const decision = access.decideAccess(question);
    return decision.kind === "permitted" ? decision.permit : assert.fail(decision.reason);
  };
  const tap = listenIn();
  const answers: DirectAnswer[][] = order.people.map(() => []);
  try {
    const member = directory.member(order.holder);
    assert.ok(member, `${order.holder} is a member`);
    for (let round = 0; round < order.rounds; round++) {
      for (const [at, person] of order.people.entries()) {
        const question = questionAbout(person, order.asker);
        const permit = permitFor(question);
        const { signal } = new AbortController();
        const startedMs = performance.now();
        const answer = await peers.ask(member, question, permit, question.answerBy, signal);
        const elapsedMs = performance.now() - startedMs;
        answers[at]!.push({ requestId: question.requestId, answer, elapsedMs, ...readTap(tap.taken()) });
      }
    }
    return answers;
  } finally {
    tap.stop();
    peers.close();
    directory.close();
  }
}

function questionAbout(person: Pick<TrialPerson, "nhsNumber" | "birthDate">, asker: Asker): Question {
  return {
    requestId: systemRandom.uuid(),
    patient: patientOf(person),
    claim: claimOf(asker),
    answerBy: Deadline.in(systemClock, ANSWER_BY_MS),
    lateUntil: Deadline.in(systemClock, ANSWER_BY_MS),
  };
}

/** Keeps what the peer client is handed off the wire, and hands it on. */
function listenIn(): { taken(): Buffer; stop(): void } {
  const method = LocatorServiceService.answerLocateStream;
  const { responseDeserialize } = method;
  let last: Buffer | undefined;
  Object.assign(method, {
    responseDeserialize(bytes: Buffer) {
      last = Buffer.from(bytes);
      return responseDeserialize(bytes);
    },
  });
  return {
    taken: () => last ?? assert.fail("nothing came off the wire"),
    stop: () => void Object.assign(method, { responseDeserialize }),
  };
}

function readTap(bytes: Buffer): Pick<DirectAnswer, "bytes" | "answerBytes"> {
  const { message } = AnswerLocateStreamResponse.decode(bytes);
  assert.ok(
    message?.$case === "frame" && message.value.answers.length === 1,
    "one question has one answer in its frame",
  );
  const [answer] = message.value.answers;
  assert.ok(answer);
  assert.deepEqual(
    Buffer.from(AnswerLocateStreamResponse.encode({ message }).finish()),
    bytes,
    "nothing is hidden in the message",
  );
  const at = bytes.indexOf(answer.attemptId);
  const blanked = Buffer.from(bytes).fill("-", at, at + UUID_CHARACTERS);
  return { bytes: blanked, answerBytes: WireHolderAnswer.encode(answer).finish().length };
}
