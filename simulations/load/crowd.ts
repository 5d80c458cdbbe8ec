/** The members that ask one holder: told how by {@link startCrowd}, over the channel to its parent, and gone with it. */
import { readFileSync } from "node:fs";

import type { Member } from "../../topology/manifest.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Deadline } from "../../node/base/deadline.ts";
import { asFailure } from "../../node/base/failure.ts";
import type { Permit } from "../../node/base/permit.ts";
import type { Question } from "../../node/base/question.ts";
import { systemRandom } from "../../node/base/random.ts";
import { type NodeId, PROTOCOL } from "../../node/base/words.ts";
import type { PeerTransport } from "../../node/federation/federation.ts";
import { makePeerWays } from "../../node/federation/peer-ways.ts";
import { Resting } from "../../node/federation/resting.ts";
import { makeAssertionSigner } from "../../node/trust/assertion.ts";
import { makePeerClient } from "../../node/wire/peer-client.ts";
import { readNodeTls } from "../../node/wire/tls-files.ts";
import { percentile } from "../bench/measure.ts";
import { DOCTOR, claimOf, patientOf } from "../testing/asking.ts";
import type { CrowdOrder, Fared, Manner, Together } from "./crowd-channel.ts";

const TICK_MS = 5;
const NO_PERMIT = {} as Permit; // the way to a peer reads nothing of it

const order = JSON.parse(process.argv[2] ?? "") as CrowdOrder;
const holder = { id: order.holder, endpoints: [`127.0.0.1:${order.port}`] } as unknown as Member;
const patient = patientOf({ nhsNumber: "9000000009", birthDate: "1961-04-12" });

process.on("message", ({ manners, forMs }: Together) => {
  Promise.all(manners.map((manner) => askSo(manner, forMs))).then(
    (fared) => process.send?.(fared),
    (thrown: unknown) => process.send?.(String(thrown)),
  );
});
process.on("disconnect", () => process.exit(0));

/** A member's connections to the holder, opened once. */
const ways = new Map<string, readonly PeerTransport[]>();

function waysOf({ asker, connections, isWellBehaved }: Manner): readonly PeerTransport[] {
  const key = `${asker} ${connections} ${isWellBehaved}`;
  const known = ways.get(key);
  if (known !== undefined) return known;
  const member = order.members.find(({ id }) => id === asker)!;
  const signer = makeAssertionSigner(readFileSync(member.assertionKey, "utf8"));
  const opened = Array.from({ length: connections }, () => {
    const client = makePeerClient({
      ...{ ownId: asker as string as NodeId, domain: order.domain, tls: readNodeTls(member.certsDir) },
      ...{ clock: systemClock, random: systemRandom, protocol: PROTOCOL, sign: signer.sign },
      checkMember: () => {},
    });
    const around = { clock: systemClock, random: systemRandom, knock: client.knock, onChange() {} };
    return isWellBehaved ? makePeerWays({ transport: client, ...around }) : client;
  });
  ways.set(key, opened);
  return opened;
}

async function askSo(manner: Manner, forMs: number): Promise<Fared> {
  const [answeredMs, shedMs]: [number[], number[]] = [[], []];
  const otherwise: Record<string, number> = {};
  const transports = waysOf(manner);
  let asked = 0;
  const ask = async (): Promise<void> => {
    const answerBy = Deadline.in(systemClock, manner.answerByMs);
    const claim = claimOf(DOCTOR);
    const question: Question = { requestId: systemRandom.uuid(), patient, claim, answerBy, lateUntil: answerBy };
    const transport = transports[asked++ % transports.length]!;
    const startedMs = performance.now();
    const over = new AbortController();
    const timer = systemClock.after(manner.answerByMs, () => over.abort());
    try {
      await transport.ask(holder, question, NO_PERMIT, answerBy, over.signal);
      answeredMs.push(performance.now() - startedMs);
    } catch (thrown) {
      const { code } = asFailure(thrown);
      // One that rests was silent to everybody for a while: not to be asked is to be sent away, by one's own side.
      if (code === "overloaded" || thrown instanceof Resting) shedMs.push(performance.now() - startedMs);
      else otherwise[code] = (otherwise[code] ?? 0) + 1;
    } finally {
      timer.cancel();
    }
  };
  if ("perSecond" in manner.pace) await askEvery(manner.pace.perSecond, forMs, ask);
  else await askAtATime(manner.pace.atATime, forMs, ask);
  return {
    ...{ asked, answered: answeredMs.length, shed: shedMs.length, otherwise },
    ...{ answeredMs: figuresOf(answeredMs), shedMs: figuresOf(shedMs) },
  };
}

/** At a steady pace, however long answers take. */
async function askEvery(perSecond: number, forMs: number, ask: () => Promise<void>): Promise<void> {
  const startedMs = performance.now();
  const asked: Promise<void>[] = [];
  for (let elapsedMs = 0; elapsedMs < forMs; elapsedMs = performance.now() - startedMs) {
    while (asked.length < (elapsedMs * perSecond) / 1_000) asked.push(ask());
    await systemClock.sleep(TICK_MS);
  }
  await Promise.all(asked);
}

/** A time of 0: each of them asks once. */
async function askAtATime(atATime: number, forMs: number, ask: () => Promise<void>): Promise<void> {
  const untilMs = performance.now() + forMs;
  const lane = async (): Promise<void> => {
    do await ask();
    while (performance.now() < untilMs);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}

function figuresOf(ms: readonly number[]): Fared["answeredMs"] {
  return ms.length === 0 ? { p50: 0, p99: 0 } : { p50: percentile(ms, 50), p99: percentile(ms, 99) };
}
