import { toPlainText } from "../base/plain-text.ts";

/** The other members, as a node lists them. */
export interface Peers {
  readonly peers: readonly {
    readonly nodeId: string;
    readonly status: string;
    readonly heard: boolean;
    readonly clockAheadMs: bigint;
    readonly directorySequence: bigint;
    readonly directoryLagMs?: bigint | undefined;
    readonly presenceAgeMs?: bigint | undefined;
    readonly rests: boolean;
    readonly restingForMs: bigint;
    readonly quarantine?:
      | { readonly reason: string; readonly userId: string; readonly sinceMs: bigint; readonly untilMs: bigint }
      | undefined;
  }[];
  readonly clock: string;
  readonly clockIsOutside: boolean;
  readonly directorySequence: bigint;
}

/** One step of the way to a peer. */
export interface Step {
  readonly name: string;
  readonly state: string;
  readonly text: string;
}

/** A line for each peer, and what their clocks say of this node's. */
export function peerLines({ peers, clock, directorySequence }: Peers): readonly string[] {
  const lines = peers.map(({ nodeId, status, heard, clockAheadMs, directorySequence: its, ...peer }) => {
    const seen = heard ? `clock ${clockWords(clockAheadMs)}, directory ${its}` : "not heard lately";
    const rests = peer.rests ? `; NOT ASKED for ${peer.restingForMs / 1_000n} s: it gave questions no answer` : "";
    const filter = peer.presenceAgeMs === undefined ? "" : `; filter as of ${peer.presenceAgeMs / 1_000n} s ago`;
    const quarantine = peer.quarantine === undefined ? "" : quarantineWords(peer.quarantine);
    return `${nodeId.padEnd(20)} ${status.padEnd(10)} ${seen}${filter}${rests}${quarantine}`;
  });
  const live = peers.filter(({ status }) => status === "live");
  const same = live.filter((peer) => peer.heard && peer.directorySequence >= directorySequence);
  const lagsMs = same.flatMap(({ directoryLagMs }) => (directoryLagMs === undefined ? [] : [directoryLagMs]));
  const worstMs = lagsMs.reduce((worst, lagMs) => (lagMs > worst ? lagMs : worst), 0n);
  const worst = lagsMs.length === 0 ? "" : `, worst ${worstMs / 1_000n} s after this node`;
  const enforced = `Directory here: ${directorySequence}, enforced by ${same.length} of ${live.length} live peers${worst}.`;
  return [...lines, "", enforced, clock].map(toPlainText);
}

/** A line for each step, as `corridor doctor` prints its findings. */
export function stepLines(steps: readonly Step[]): readonly string[] {
  return steps.map(({ name, state, text }) => toPlainText(`${state.padEnd(10)} ${name.padEnd(12)} ${text}`));
}

function clockWords(aheadMs: bigint): string {
  const seconds = Number(aheadMs) / 1_000;
  if (Math.abs(seconds) < 1) return "as here";
  return `${Math.abs(seconds).toFixed(0)} s ${seconds > 0 ? "behind" : "ahead of"} this node's`;
}

type Quarantine = NonNullable<Peers["peers"][number]["quarantine"]>;

function quarantineWords({ reason, userId, sinceMs, untilMs }: Quarantine): string {
  const until = untilMs === 0n ? "released" : instant(untilMs);
  return `; NOT ANSWERED since ${instant(sinceMs)} until ${until}, by ${userId}: ${reason}`;
}

function instant(ms: bigint): string {
  return new Date(Number(ms)).toISOString();
}
