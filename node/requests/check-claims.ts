import type { Claim, ClaimsJudged } from "../audit/claim-store.ts";
import type { Clock } from "../base/clock.ts";
import { asFailure, type Failure } from "../base/failure.ts";
import { mapInSlices } from "../base/in-slices.ts";
import type { StoreExecutor } from "../storage/executor.ts";
import type { AttendanceFound, ClaimedAttendance } from "./attendances.ts";

/** How long a hospital has to tell of an attendance before somebody is asked about it: ADT comes within minutes. */
const TOLD_WITHIN_MS = 2 * 3_600_000;
/** How long what is told later still takes a claim off the list. */
const TAKEN_OFF_WITHIN_MS = 30 * 24 * 3_600_000;
const EVERY_MS = 15 * 60_000;

export interface CheckClaimsNeeds {
  readonly clock: Clock;
  /** Of the audit. */
  readonly store: StoreExecutor;
  readonly attendanceOf: (claim: ClaimedAttendance) => AttendanceFound;
}

/** How many questions came to the privacy officer's list, and how many left it. */
export interface ClaimsChecked {
  readonly unmatched: number;
  readonly selfClaimed: number;
  readonly takenOff: number;
}

/**
 * Holds what own users claimed to be to a patient against what the hospitals say: whoever claims an attendance that no
 * hospital tells of, or a relationship that nobody but they can confirm, is put before the privacy officer; never refused
 * for it. Every question is looked at within a day, once, across restarts.
 *
 * @throws {Failure} `store-unavailable`: what was looked at until then is kept; the next round goes on from there.
 */
export async function checkClaims(needs: CheckClaimsNeeds, stopping: AbortSignal): Promise<ClaimsChecked> {
  const { clock, store } = needs;
  const takenOff = await takeOffBorneOut(needs, stopping);
  let [unmatched, selfClaimed] = [0, 0];
  for (let isMore = true; isMore && !stopping.aborted;) {
    const ahead = await store.run("audit.claims-ahead", { beforeMs: clock.wallMs() - TOLD_WITHIN_MS });
    isMore = ahead.isMore;
    const judged = await judge(ahead.claims, needs);
    await store.run("audit.keep-claims", { ...judged, checkedTo: ahead.checkedTo, nowMs: clock.wallMs() });
    for (const { why } of judged.toReview) {
      if (why === "self-claimed") selfClaimed++;
      else unmatched++;
    }
  }
  return { unmatched, selfClaimed, takenOff };
}

/** Attendances that were told of after they were asked about. */
async function takeOffBorneOut({ clock, store, attendanceOf }: CheckClaimsNeeds, stopping: AbortSignal) {
  let [after, takenOff] = [0, 0];
  while (!stopping.aborted) {
    const listed = await store.run("audit.claims-listed", { after, sinceMs: clock.wallMs() - TAKEN_OFF_WITHIN_MS });
    const last = listed.at(-1);
    if (last === undefined) break;
    const found = await mapInSlices(listed, attendanceOf, clock);
    const seqs = listed.filter((_, at) => found[at] === "borne-out").map(({ seq }) => seq);
    if (seqs.length > 0) await store.run("audit.take-claims-off", seqs);
    takenOff += seqs.length;
    after = last.seq;
  }
  return takenOff;
}

async function judge(
  claims: readonly Claim[],
  { clock, attendanceOf }: CheckClaimsNeeds,
): Promise<Pick<ClaimsJudged, "toReview" | "notCheckable">> {
  const toReview: { seq: number; why: ClaimsJudged["toReview"][number]["why"] }[] = [];
  const notCheckable = new Map<string, { organisation: string; day: string; claims: number }>();
  const found = await mapInSlices(
    claims,
    (claim) => (claim.relationship === "self-claimed" ? "self-claimed" : attendanceOf(claim)),
    clock,
  );
  for (const [at, { seq, organisation, atMs }] of claims.entries()) {
    const why = found[at]!;
    if (why === "borne-out") continue;
    if (why !== "not-checkable") {
      toReview.push({ seq, why });
      continue;
    }
    const day = new Date(atMs).toISOString().slice(0, 10);
    const counted = notCheckable.get(`${organisation} ${day}`) ?? { organisation, day, claims: 0 };
    notCheckable.set(`${organisation} ${day}`, { ...counted, claims: counted.claims + 1 });
  }
  return { toReview, notCheckable: [...notCheckable.values()] };
}

/**
 * Makes a round of {@link checkClaims} now and every quarter of an hour, one at a time.
 *
 * @param tell of a round by which the list has changed.
 */
export function startClaimChecks(
  needs: CheckClaimsNeeds,
  tell: (checked: ClaimsChecked) => void,
  alarm: (failure: Failure) => void,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const makeRound = async (): Promise<void> => {
    try {
      const checked = await checkClaims(needs, stopping.signal);
      if (checked.unmatched + checked.selfClaimed + checked.takenOff > 0) tell(checked);
    } catch (thrown) {
      alarm(asFailure(thrown));
    }
    running = undefined;
  };
  const round = (): void => {
    running ??= makeRound();
  };
  const rounds = needs.clock.every(EVERY_MS, round);
  round();
  return {
    async stop() {
      rounds.cancel();
      stopping.abort();
      await running;
    },
  };
}
