import type { HolderAnswer } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Deadline } from "../../node/base/deadline.ts";
import type { Permit } from "../../node/base/permit.ts";
import { systemRandom } from "../../node/base/random.ts";
import { PROTOCOL } from "../../node/base/words.ts";
import { type PeerClient, makePeerClient } from "../../node/wire/peer-client.ts";
import { aClaim, aPatient } from "../../node/wire/testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork } from "../../node/wire/testing/a-network.ts";

const NO_PERMIT = {} as Permit; // the way to a peer reads nothing of it

/** The product's own way to a peer, without the rest of a node. */
export interface Asker {
  ask(port: number, requestId: string, answerByMs: number): Promise<HolderAnswer>;
  close(): void;
}

export function makeAsker(network: WireNetwork): Asker {
  const signer = network.signer(ASKER);
  const client: PeerClient = makePeerClient({
    ...{ ownId: ASKER, domain: DOMAIN, tls: network.nodeTls(ASKER), clock: systemClock, random: systemRandom },
    ...{ protocol: PROTOCOL, sign: signer.sign, checkMember: network.checkMember },
  });
  return {
    ask(port, requestId, answerByMs) {
      const member = { ...network.directory.members.get(HOLDER)!, endpoints: [`127.0.0.1:${port}`] };
      const answerBy = Deadline.in(systemClock, answerByMs);
      const question = { requestId, patient: aPatient(), claim: aClaim(), answerBy, lateUntil: answerBy };
      return client.ask(member, question, NO_PERMIT, answerBy, new AbortController().signal);
    },
    close: () => client.close(),
  };
}
