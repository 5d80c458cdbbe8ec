import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { PeerTransport } from "./federation.ts";

const AGAIN_AFTER_MS = 5 * 60_000;

/**
 * The same way to members, that tells the operator where one refuses questions because the two clocks differ: of each member
 * once in five minutes, for every question would say the same.
 */
export function tellRefusedForTime(
  transport: PeerTransport,
  clock: Pick<Clock, "monotonicMs">,
  tell: (member: string, refusal: Failure) => void,
): PeerTransport {
  const toldAtMs = new Map<string, number>();
  return {
    async ask(member, ...question) {
      try {
        return await transport.ask(member, ...question);
      } catch (thrown) {
        if (!(thrown instanceof Failure) || thrown.code !== "clocks-differ") throw thrown;
        const nowMs = clock.monotonicMs();
        if (nowMs - (toldAtMs.get(member.id) ?? -Infinity) >= AGAIN_AFTER_MS) {
          toldAtMs.set(member.id, nowMs);
          tell(member.id, thrown);
        }
        throw thrown;
      }
    },
  };
}
