import { status as Status } from "@grpc/grpc-js";

import { checkDigit } from "../../node/base/nhs-number.ts";
import { Outcome } from "../../node/wire/generated/corridor/v1/answer.ts";
import { RelationshipKind } from "../../node/wire/generated/corridor/v1/identity.ts";
import { AnswerLocateResponse } from "../../node/wire/generated/corridor/v1/locator_service.ts";
import { type Ended, METHOD, type RawClient } from "../testing/doors-call.ts";
import type { DoorNetwork } from "../testing/doors-network.ts";
import { type MarkedPerson, aMarkedPerson } from "../testing/doors-people.ts";
import { type PeerSpoils, peerBytes, peerQuestion } from "../testing/doors-questions.ts";

/** How many calls whoever holds a stolen key keeps open at once. */
const AT_ONCE = 32;

/** What came of one question: an outcome of the holder's, or the failure that it was refused with. */
export function saidOf({ code, failure, messages }: Ended): string {
  if (code !== Status.OK) return failure;
  const { outcome, reason } = AnswerLocateResponse.decode(messages[0]!).answer!;
  const [name = ""] = Object.entries(Outcome).find(([, value]) => value === outcome) ?? [];
  return reason === "" ? name : `${name} ${reason}`;
}

/** Somebody invented, with a number that nobody has; the same for the same count. */
export function somebody(count: number): MarkedPerson {
  return { ...aMarkedPerson(0), nhsNumber: numberAt(count), birthDate: "1960-01-01" };
}

/** The numbers of the range that is never issued, in order: the way in which a sweep goes through them. */
function numberAt(count: number): string {
  for (let nine = 910_000_000 + count * 7; ; nine++) {
    const last = checkDigit(String(nine));
    if (last !== 10) return `${nine}${last}`;
  }
}

/** Not an attendance. */
const REGISTERED: PeerSpoils = {
  claim: { relationship: { kind: RelationshipKind.RELATIONSHIP_KIND_REGISTERED, reference: "" } },
};

/** Asks about one person after the other with a member's own key and certificate, as fast as it may. */
export async function sweep(
  network: DoorNetwork,
  asker: string,
  client: RawClient,
  people: Iterable<MarkedPerson>,
  onEnd: (ended: Ended) => void,
  spoils: PeerSpoils = REGISTERED,
): Promise<void> {
  const next = people[Symbol.iterator]();
  const askOn = async (): Promise<void> => {
    for (let each = next.next(); each.done !== true; each = next.next()) {
      const bytes = peerBytes(await peerQuestion(network, each.value, spoils, asker));
      onEnd(await client.call(METHOD.answerLocate, [bytes]));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askOn));
}

export function* everybody(from: number, to: number): Generator<MarkedPerson> {
  for (let count = from; count < to; count++) yield somebody(count);
}
