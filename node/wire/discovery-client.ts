import type { Member } from "../../topology/manifest.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure } from "../base/failure.ts";
import type { Identified } from "../base/identified.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import type { Question } from "../base/question.ts";
import { askOnce } from "./ask-once.ts";
import { REQUEST_BYTES_MAX } from "./bounds.ts";
import { GRADE, IDENTIFY } from "./discovery-service.ts";
import { wordOf } from "./convert-words.ts";
import { DiscoveryServiceService } from "./generated/corridor/v1/discovery_service.ts";
import { type LoneQuestionOrder, makeLoneQuestion } from "./lone-question.ts";
import { type MemberChannelOrder, openMemberChannel } from "./member-channel.ts";

/** Asks a member for the number of a person. @throws {Failure} it was not reached, or refused. */
export type IdentifyAtPeer = (
  member: Member,
  question: Question,
  deadline: Deadline,
  signal: AbortSignal,
) => Promise<Identified | undefined>;

/** Over a connection of its own: such questions are rare. */
export function makeDiscoveryClient(order: MemberChannelOrder & LoneQuestionOrder): IdentifyAtPeer {
  return async (member, question, answerBy, signal) => {
    const client = openMemberChannel(member, REQUEST_BYTES_MAX, order);
    const close = (): void => client.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      const request = await makeLoneQuestion(order, member, { ...question, answerBy }, IDENTIFY);
      const until = order.clock.wallMs() + answerBy.remainingMs();
      const said = await askOnce(client, DiscoveryServiceService.identifyPerson, request, until);
      if (said.nhsNumber === "") return undefined;
      const [nhsNumber, grade] = [NhsNumber.parse(said.nhsNumber), wordOf(GRADE, said.grade)];
      if (nhsNumber !== undefined && grade !== undefined) return { nhsNumber, grade };
      throw new Failure("incompatible", `${member.id} named a person in a way that is not understood here.`);
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  };
}
