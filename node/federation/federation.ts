import type { Area, AreaAnswer, Coverage, HolderAnswer, Verdict } from "../base/answer.ts";
import { today, type Clock } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure, asFailure } from "../base/failure.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import type { NodeId } from "../base/words.ts";
import type { Manifest, Member } from "../../topology/manifest.ts";
import { AnswerQueue } from "./answer-queue.ts";
import { areasOn, type AreaOfDay } from "./areas.ts";
import { LastLooks, type Look } from "./last-looks.ts";
import { RESTING, acceptAnswer, outcomeOfFailure, type Unanswered } from "./outcomes.ts";
import { Resting } from "./resting.ts";
import { closeWith, type VerdictFacts } from "./verdict.ts";

/** Carries a question to one member. The wire does so in production; simulations and tests bring their own. */
export interface PeerTransport {
  /**
   * Asks one member. Where the connection broke off under the question, it may be asked a second time within the deadline,
   * and no more than that.
   *
   * @param deadline when the answer is wanted; the member is told what is left.
   * @param signal aborts when nobody waits any more: the call must then be cancelled.
   * @throws {Failure} why there is no answer. Anything else that is thrown counts as a fault of that member's.
   */
  ask(
    member: Member,
    question: Question,
    permit: Permit,
    deadline: Deadline,
    signal: AbortSignal,
  ): Promise<HolderAnswer>;
}

/** An area beside those of the directory: a national service, which is no member. */
export interface OutsideArea {
  /** Without a node; its name tells it from every other. */
  readonly area: Area;
  /** Why it is not asked such a question, whoever the patient is; decided before anything is sent. */
  readonly whyNotAsked?: (question: Question) => Unanswered | undefined;
  /**
   * Asks it, whatever the directory says.
   *
   * @throws {Failure} why there is no answer.
   */
  readonly ask: (question: Question, permit: Permit, deadline: Deadline, signal: AbortSignal) => Promise<HolderAnswer>;
}

/** Whether a member covers a question, as its entry in the directory and the agreements tell. */
export type Covered =
  | { readonly ok: true }
  | { readonly ok: false; readonly outcome: "no-agreement" | "not-covered" | "refused"; readonly reason: string };

/** Whether a member need be asked at all; of the own member, whether it covers the question. */
export type MayAsk = (member: Member, question: Question, permit: Permit) => Covered;

/** The directory in force, and how old it is. */
export interface DirectoryInForce {
  readonly manifest: Manifest;
  readonly ageMs: number;
  readonly state: "fresh" | "ageing" | "stale";
}

export interface FederationNeeds {
  readonly clock: Clock;
  readonly ownId: NodeId;
  readonly directory: () => DirectoryInForce;
  readonly transport: PeerTransport;
  readonly mayAsk: MayAsk;
  /** Absent: none. */
  readonly outside?: readonly OutsideArea[];
  /** Absent: every member is asked. */
  readonly presence?: {
    /** The coverage of a member that need not be asked, because it surely has nothing to show for this question. */
    readonly ruledOutBy: (member: Member, question: Question, permit: Permit) => Coverage | undefined;
    /** From 0 up to, not including, 1. */
    readonly fraction: () => number;
  };
}

export interface Federation {
  /** Every area of the directory today, own first. */
  readonly areas: () => readonly Area[];
  /**
   * Opens one locate's view of the network: the directory in force now, for as long as the locate lasts. A directory that
   * comes into force meanwhile counts from the next locate on, so that a verdict never names another list of areas than
   * the one that was asked.
   *
   * @throws {Failure} `configuration`: the directory in force does not list this node.
   */
  readonly open: () => NetworkView;
}

/** By node id, how fresh the feeds of members are that need not be asked. */
export type RuledOut = ReadonlyMap<string, Coverage>;

/** One locate's view of the network, under one directory. */
export interface NetworkView {
  readonly ownArea: Area;
  /** Whether the own node covers the question, decided before any look-up. */
  readonly ownCovers: (question: Question, permit: Permit) => Covered;
  /**
   * Asks every other area, from the moment of the call, and gives exactly one answer for each in the order in which
   * they come: at once where nobody need be asked, at the deadline at the latest. Whatever a member or the transport
   * does becomes an outcome; nothing is thrown. Leaving the iteration, or calling `return` before it began, cancels the
   * questions that are still open. May be iterated once.
   *
   * @param ruledOut who is not asked, but answered for: with nothing to show, after as long as they take to say so.
   * @param only the nodes of these areas, where not every other is to be asked.
   */
  readonly askAreas: (
    question: Question,
    permit: Permit,
    deadline: Deadline,
    ruledOut?: RuledOut,
    only?: ReadonlySet<string>,
  ) => AsyncIterableIterator<AreaAnswer, undefined>;
  /** Who need not be asked this question: members that surely have nothing to show for it, of which it is known how they say so. */
  readonly ruledOut: (question: Question, permit: Permit) => RuledOut;
  /**
   * As {@link askAreas}, but nobody is asked: each area is as it last was to such a question that finds nothing, and takes as
   * long. One of which nothing is known yet has no answer in time.
   */
  readonly asIfAsked: (
    question: Question,
    permit: Permit,
    deadline: Deadline,
  ) => AsyncIterableIterator<AreaAnswer, undefined>;
  /** The verdict over all answers, own included. Unsigned. */
  readonly closeWith: (
    question: Question,
    answers: readonly AreaAnswer[],
    identified: VerdictFacts["identified"],
  ) => Verdict;
}

/** One area of a locate, and the way to ask it: none, where nobody answers for it. */
interface AskedArea extends AreaOfDay {
  readonly outside?: OutsideArea;
}

/** A directory, its areas of one day, and those beside it. */
interface Snapshot extends DirectoryInForce {
  readonly areas: readonly AskedArea[];
}

export function makeFederation(needs: FederationNeeds): Federation {
  const { clock, ownId } = needs;
  const isOwn = ({ area }: AreaOfDay): boolean => area.nodeId === ownId;
  const looks = new LastLooks();
  const ask: Ask = async (to, question, permit, deadline, signal) => {
    const startedMs = clock.monotonicMs();
    const look = (answer: HolderAnswer | Unanswered): typeof answer => {
      // A call that nobody waited for says nothing of the member, unless it had all its time.
      const nowMs = clock.monotonicMs();
      if (!signal.aborted || deadline.passed()) looks.note(to, question, answer, nowMs - startedMs, nowMs);
      return answer;
    };
    try {
      const answer = await to.ask(question, permit, deadline, signal);
      return look(acceptAnswer(answer) ?? { outcome: "incompatible", reason: "malformed-answer" });
    } catch (error) {
      return look(error instanceof Resting ? RESTING : outcomeOfFailure(asFailure(error).code));
    }
  };
  /** How long one of the last empty answers took, drawn, so that no two waits of one patient are the same. */
  const drawnFrom = ({ emptyTookMs, tookMs }: Look): number =>
    emptyTookMs[Math.floor((needs.presence?.fraction() ?? 0) * emptyTookMs.length)] ?? tookMs;
  const showLastLook: Ask = async (to, question, _permit, deadline, signal) => {
    const last = looks.of(to, question);
    await clock.sleep(last === undefined ? deadline.remainingMs() : drawnFrom(last), signal);
    return last?.answer ?? outcomeOfFailure("timed-out");
  };
  /** How late such a wait ends, on average: some tenths of a millisecond, which would be seen over thousands of questions. */
  let lateMs = 0;
  /** Says it after as long as the member last took; the time is drawn, so that what is drawn tells nothing of the patient. */
  const askOrAnswerFor =
    (ruledOut: RuledOut): Ask =>
    async (to, question, permit, deadline, signal) => {
      const coverage = ruledOut.get(to.id);
      const last = looks.of(to, question);
      if (coverage === undefined || last === undefined || !("pointers" in last.answer)) {
        return ask(to, question, permit, deadline, signal);
      }
      const startedMs = clock.monotonicMs();
      const drawn = drawnFrom(last);
      await clock.until(startedMs + drawn - lateMs);
      const wasLateMs = clock.monotonicMs() - startedMs - drawn;
      lateMs += LATE_WEIGHT * Math.max(-LATE_MS_MAX, Math.min(LATE_MS_MAX, wasLateMs));
      return { ...last.answer, coverage };
    };
  function isKnownEmpty(member: Member, question: Question): boolean {
    const { answer, emptyAtMs = -Infinity } = looks.of(member, question) ?? {};
    return answer?.outcome === "nothing-to-show" && clock.monotonicMs() - emptyAtMs < EMPTY_KNOWN_MS;
  }
  function take(): Snapshot {
    const directory = needs.directory();
    const outside = (needs.outside ?? []).map((each) => ({ area: each.area, outside: each }));
    return { ...directory, areas: [...areasOn(directory.manifest, ownId, today(clock)), ...outside] };
  }

  return {
    areas() {
      const { areas } = take();
      return [...areas.filter(isOwn), ...areas.filter((each) => !isOwn(each))].map(({ area }) => area);
    },
    open() {
      const snapshot = take();
      const { area: ownArea, member: ownMember } = snapshot.areas.find(isOwn) ?? {};
      if (ownArea === undefined || ownMember === undefined) throw notListed(ownId);
      const others = snapshot.areas.filter((each) => !isOwn(each));
      return {
        ownArea,
        ownCovers: (question, permit) => needs.mayAsk(ownMember, question, permit),
        askAreas(question, permit, deadline, ruledOut = NOBODY, only) {
          const asking = { ...needs, ask: ruledOut.size === 0 ? ask : askOrAnswerFor(ruledOut) };
          return askAll(asking, snapshot, others.filter(isAmong(only)), question, permit, deadline);
        },
        ruledOut(question, permit) {
          const { presence } = needs;
          if (presence === undefined) return NOBODY;
          const ruledOut = new Map<string, Coverage>();
          for (const { member } of others) {
            if (member === undefined || whyNotAsked(needs, snapshot, member, question, permit) !== undefined) continue;
            const coverage = presence.ruledOutBy(member, question, permit);
            if (coverage !== undefined && isKnownEmpty(member, question)) ruledOut.set(member.id, coverage);
          }
          return ruledOut;
        },
        asIfAsked: (question, permit, deadline) =>
          askAll({ ...needs, ask: showLastLook }, snapshot, others, question, permit, deadline),
        closeWith(question, answers, identified) {
          const { requestId } = question;
          const facts = {
            requestId,
            asker: ownId,
            givenAtMs: clock.wallMs(),
            directory: toVerdict(snapshot),
            identified,
          };
          return closeWith(facts, inOrder(snapshot.areas, answers));
        },
      };
    },
  };
}

const NOBODY: RuledOut = new Map();
/** What one wait counts for in that average; one that something else held up counts for no more than this. */
const LATE_WEIGHT = 0.05;
const LATE_MS_MAX = 0.5;
/** How long it counts as known how a member says that it has nothing to show; then it is asked once more. */
const EMPTY_KNOWN_MS = 600_000;

/** Whom a question is put to, by whatever way. */
interface Askable {
  readonly id: string;
  readonly ask: OutsideArea["ask"];
}

/** Asks somebody whom nothing keeps from being asked. */
type Ask = (to: Askable, ...of: Parameters<Askable["ask"]>) => Promise<HolderAnswer | Unanswered>;

interface AskNeeds extends Pick<FederationNeeds, "clock" | "mayAsk" | "transport"> {
  readonly ask: Ask;
}

function isAmong(only: ReadonlySet<string> | undefined): (each: AreaOfDay) => boolean {
  return ({ area }) => only === undefined || only.has(area.nodeId ?? "");
}

function notListed(ownId: NodeId): Failure {
  return new Failure("configuration", `The directory in force does not list this node, ${ownId}. Issue one that does.`);
}

function toVerdict({ manifest, ageMs, state }: DirectoryInForce): Verdict["directory"] {
  return { sequence: manifest.sequence, ageSeconds: Math.round(ageMs / 1000), ageing: state !== "fresh" };
}

/** In the order of the directory, whatever the order of arrival was: two like answers read alike to the letter. */
function inOrder(areas: readonly AreaOfDay[], answers: readonly AreaAnswer[]): readonly AreaAnswer[] {
  const places = new Map(areas.map(({ area }, place) => [keyOf(area), place]));
  const placeOf = ({ area }: AreaAnswer): number => places.get(keyOf(area)) ?? places.size;
  return answers.toSorted((one, other) => placeOf(one) - placeOf(other));
}

function keyOf({ nodeId, icsCodes, name }: Area): string {
  return [nodeId ?? "", name, ...icsCodes].join("\n");
}

function askAll(
  needs: AskNeeds,
  directory: DirectoryInForce,
  others: readonly AskedArea[],
  question: Question,
  permit: Permit,
  deadline: Deadline,
): AnswerQueue {
  const startedMs = needs.clock.monotonicMs();
  /** One for each area still open: the only way to settle it, and the way to cancel its call. */
  const open = new Map<AskedArea, AbortController>(others.map((each) => [each, new AbortController()]));
  const queue = new AnswerQueue(others.length, () => {
    timer.cancel();
    for (const call of open.values()) call.abort();
    open.clear();
  });

  /** The first settlement of an area counts; whatever comes after finds it closed. */
  function settle(each: AskedArea, answer: HolderAnswer | Unanswered): void {
    if (!open.delete(each)) return;
    const { outcome, reason } = answer;
    const elapsedMs = Math.round(needs.clock.monotonicMs() - startedMs);
    const said = "pointers" in answer ? shownOf(answer) : NOTHING_SAID;
    queue.push({ area: each.area, outcome, reason, ...said, elapsedMs, own: false });
  }

  const timer = needs.clock.after(deadline.remainingMs(), () => {
    for (const [each, call] of open) {
      settle(each, outcomeOfFailure("timed-out"));
      call.abort();
    }
  });

  for (const [each, call] of open) {
    void askOne(needs, directory, each, question, permit, deadline, call.signal).then((answer) => settle(each, answer));
  }
  return queue;
}

const NOTHING_SAID = { pointers: [], sealed: [], notOffered: [], morePointers: 0 } as const;

type Shown = Pick<HolderAnswer, "pointers" | "sealed" | "notOffered" | "morePointers" | "coverage">;

function shownOf({ pointers, sealed, notOffered, morePointers, coverage }: HolderAnswer): Shown {
  const said = { pointers, sealed, notOffered, morePointers };
  return coverage === undefined ? said : { ...said, coverage };
}

/** One area's outcome, whatever happens. Never rejects. */
async function askOne(
  needs: AskNeeds,
  directory: DirectoryInForce,
  { area, member, outside }: AskedArea,
  question: Question,
  permit: Permit,
  deadline: Deadline,
  signal: AbortSignal,
): Promise<HolderAnswer | Unanswered> {
  try {
    const skipped =
      member === undefined ? outside?.whyNotAsked?.(question) : whyNotAsked(needs, directory, member, question, permit);
    if (skipped !== undefined) return skipped;
    const to = member === undefined ? outside && { id: area.name, ask: outside.ask } : toMember(member, needs);
    if (to === undefined) return { outcome: "not-in-network", reason: "" };
    if (deadline.passed()) return outcomeOfFailure("timed-out");
    return await needs.ask(to, question, permit, deadline, signal);
  } catch (error) {
    return outcomeOfFailure(asFailure(error).code);
  }
}

function toMember(member: Member, { transport }: Pick<FederationNeeds, "transport">): Askable {
  return { id: member.id, ask: (...question) => transport.ask(member, ...question) };
}

/** What the directory alone says, before anything is sent. */
function whyNotAsked(
  needs: Pick<FederationNeeds, "mayAsk">,
  directory: DirectoryInForce,
  member: Member,
  question: Question,
  permit: Permit,
): Unanswered | undefined {
  if (directory.state === "stale") return { outcome: "directory-stale", reason: "ours" };
  if (member.status !== "live") return { outcome: "not-covered", reason: member.status };
  const decision = needs.mayAsk(member, question, permit);
  return decision.ok ? undefined : { outcome: decision.outcome, reason: decision.reason };
}
