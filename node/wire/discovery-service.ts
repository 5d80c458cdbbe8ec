import { Failure } from "../base/failure.ts";
import type { Identified, MatchGrade } from "../base/identified.ts";
import type { PeerQuestion } from "../requests/answer-locate.ts";
import type { Log } from "../telemetry/log.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { invalid } from "./convert.ts";
import {
  DiscoveryServiceService,
  type IdentifyPersonRequest,
  type IdentifyPersonResponse,
  MatchGrade as WireMatchGrade,
} from "./generated/corridor/v1/discovery_service.ts";
import { boundRequest, unary } from "./handlers.ts";
import { type IncomingCall, peerOf } from "./interceptors.ts";
import { type AskingMember, type Holder, type ProofNeeds, proveQuestion, wholenessOf } from "./prove-question.ts";
import { SeenAssertions } from "./seen-assertions.ts";
import type { Service } from "./service.ts";

/** What a claim to be told a number is bound to: it locates nothing and opens nothing. */
export const IDENTIFY = "identify";

export const GRADE = {
  "name-and-birth": WireMatchGrade.MATCH_GRADE_NAME_AND_BIRTH,
  "with-place": WireMatchGrade.MATCH_GRADE_WITH_PLACE,
} as const satisfies Record<MatchGrade, WireMatchGrade>;

/** What the door for peers who know a person without a number needs: trust's judgement of the assertion, and the story. */
export interface DiscoveryNeeds extends ProofNeeds {
  readonly answerIdentify: (question: PeerQuestion) => Promise<Identified | undefined>;
}

/**
 * The door for peers who ask whose number it is: proves one question, and hands it to the story.
 *
 * @param checkAgain throws a Failure where the asker, however long ago its call began, may not ask now.
 */
export function discoveryService(
  holder: Holder,
  log: Log,
  needs: DiscoveryNeeds,
  checkAgain: (call: IncomingCall) => void,
): Service {
  const seen = new SeenAssertions();
  const askerOf = (call: IncomingCall): AskingMember => {
    checkAgain(call);
    const peer = peerOf(call);
    if (peer.kind !== "node") throw new Failure("not-permitted", "Only member nodes may ask.");
    return peer.member;
  };
  return {
    name: "corridor.v1.DiscoveryService",
    definition: {
      identifyPerson: boundRequest(DiscoveryServiceService.identifyPerson, REQUEST_BYTES_MAX, ({ protocol }) =>
        wholenessOf(protocol, holder.protocol),
      ),
    },
    implementation: {
      identifyPerson: unary(log, async (request: IdentifyPersonRequest, call): Promise<IdentifyPersonResponse> => {
        const question = await proveQuestion(request, call, holder, seen, needs, () => askerOf(call), IDENTIFY);
        checkNamesInFull(question);
        const told = await needs.answerIdentify(question);
        return {
          protocol: { ...holder.protocol },
          nhsNumber: told?.nhsNumber.expose() ?? "",
          grade: told === undefined ? WireMatchGrade.MATCH_GRADE_UNSPECIFIED : GRADE[told.grade],
        };
      }),
    },
  };
}

/** Whoever has a number needs none; and nothing may stand for any letters. */
function checkNamesInFull({ patient }: PeerQuestion): void {
  if (patient.by === "number") throw invalid("question.patient", "has a number already");
  const texts = [patient.familyName, patient.givenName, patient.postcode].map((text) => text?.expose() ?? "");
  if (texts.some((text) => /[*?%]/.test(text))) throw invalid("question.patient.demographics", "has a wildcard");
}
