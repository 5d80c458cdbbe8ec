import {
  ANSWERED_OUTCOMES,
  SCOPES,
  type AreaAnswer,
  type CoverageGap,
  type FeedState,
  type Outcome,
  type ProviderFeed,
  type Scope,
  type ScopeVerdict,
  type Verdict,
} from "../base/answer.ts";

/** Follows every verdict, wherever it is shown, word for word. */
export const FIXED_LINE =
  "This does not mean there is nothing else: records may be withheld, not yet connected, or held outside England.";

/** What a page says of each outcome. The first four depend on the patient; the others never do. */
export const OUTCOME_WORDS = {
  records: "Records found",
  "nothing-to-show": "Nothing to show you",
  "identity-check": "This number belongs to a record with a different name or date of birth. Check who this is.",
  "possible-match": "A record here may be this patient's; identity not confirmed.",
  "no-agreement": "Not asked: no sharing agreement",
  refused: "Not available to your role or purpose",
  "not-covered": "Not covered for this question",
  "timed-out": "No answer in time",
  unreachable: "Could not be reached",
  resting: "Could not be reached",
  incompatible: "Could not be asked: technical fault",
  "directory-stale": "Could not be asked: technical fault",
  "not-in-network": "Not connected to this network",
} as const satisfies Record<Outcome, string>;

/** Words of an outcome that is said more plainly where the reason is known. */
const NOT_COVERED_WORDS: ReadonlyMap<string, string> = new Map([
  ["under-18s", "Does not cover under-18s"],
  ["age", "Does not cover patients of this age"],
  ["joining", "Not connected yet"],
  ["suspended", "Not connected at present"],
  ["no-number", "Not asked: an NHS number is needed"],
]);

/** Where it is not the clinician's role or purpose. */
const REFUSED_WORDS: ReadonlyMap<string, string> = new Map([
  ["quarantined", "Not available to your area at present"],
  ["sign-in", "Only for those who have signed in with a smartcard"],
  ["automatic", "Not asked automatically"],
]);

/** One area's outcome in words for a clinician, with the telephone number where one is needed. */
export function outcomeWords({ outcome, reason, area }: Pick<AreaAnswer, "outcome" | "reason" | "area">): string {
  if (outcome === "not-covered") return NOT_COVERED_WORDS.get(reason) ?? OUTCOME_WORDS[outcome];
  if (outcome === "refused") return REFUSED_WORDS.get(reason) ?? OUTCOME_WORDS[outcome];
  if (outcome === "possible-match" && area.contact !== "") return `${OUTCOME_WORDS[outcome]} Phone ${area.contact}.`;
  return OUTCOME_WORDS[outcome];
}

/** Limits of the role, as the own area applies them, and areas whose agreement offers less than the role could see. */
export function offerWords(answers: readonly Pick<AreaAnswer, "area" | "own" | "notOffered">[]): string {
  const byRole = new Set(answers.find(({ own }) => own)?.notOffered);
  const limited = answers.filter(({ notOffered }) => notOffered.some((recordType) => !byRole.has(recordType)));
  const names = limited.map(({ area }) => area.name).join("; ");
  return [
    byRole.size === 0
      ? ""
      : `Not offered to your role: ${byRole.size} ${byRole.size === 1 ? "kind" : "kinds"} of record.`,
    limited.length === 0
      ? ""
      : `${names} ${limited.length === 1 ? "shares" : "share"} only some kinds of record with you.`,
  ]
    .filter((words) => words !== "")
    .join(" ");
}

export interface VerdictFacts extends Pick<Verdict, "requestId" | "asker" | "givenAtMs" | "directory"> {
  /**
   * How the others came to be asked where the caller gave no NHS number: with the one that the own index, the national
   * demographics service or another area holds for these details, or without any. Absent where the caller gave a number.
   */
  readonly identified?: "number-found" | "number-from-pds" | "number-from-area" | "without-number" | undefined;
}

const IDENTIFIED_WORDS = {
  "number-found": "Other areas were asked with the NHS number that is held here for these details.",
  "number-from-pds":
    "Other areas were asked with the NHS number that the national demographics service holds for these details.",
  "number-from-area":
    "Areas were asked with the NHS number that another area holds for these details: check that it is this patient's.",
  "without-number": "Asked without an NHS number: none is held here for these details.",
} as const satisfies Record<NonNullable<VerdictFacts["identified"]>, string>;

/**
 * Closes a locate: what was covered, scope by scope, and what was not, in one plain sentence. Pure.
 *
 * @param answers exactly one for each area, own area included.
 */
export function closeWith(facts: VerdictFacts, answers: readonly AreaAnswer[]): Verdict {
  const gaps = gapsOf(answers);
  const { requestId, asker, givenAtMs, directory } = facts;
  return {
    ...{ requestId, asker, givenAtMs, directory },
    scopes: SCOPES.map((scope) => scopeVerdict(scope, answers)),
    areas: answers.map(({ area: { nodeId, name, scopes }, outcome, elapsedMs, reason }) => ({
      ...(nodeId === undefined ? {} : { nodeId }),
      name,
      outcome,
      elapsedMs,
      reason,
      scopes,
    })),
    gaps,
    unfed: answers.filter(isUnfed).flatMap(({ area: { nodeId } }) => (nodeId === undefined ? [] : [nodeId])),
    sentence: sentenceOf(facts, answers, gaps),
    fixedLine: FIXED_LINE,
  };
}

/** A scope without an area is not an answered one: at least the own area must be in it. */
function scopeVerdict(scope: Scope, answers: readonly AreaAnswer[]): ScopeVerdict {
  const inScope = answers.filter(({ area }) => area.scopes.includes(scope));
  const answered = inScope.filter(isAnswered).length;
  return {
    scope,
    everyAreaAnswered: inScope.length > 0 && answered === inScope.length,
    areas: inScope.length,
    answered,
  };
}

function isAnswered({ outcome }: AreaAnswer): boolean {
  return ANSWERED_OUTCOMES.has(outcome);
}

/**
 * True of a node's area that answered although nobody is known to feed it now: it says nothing of its providers, names none, or all
 * of them are paused or not connected. A provider that is behind still feeds.
 */
function isUnfed(answer: AreaAnswer): boolean {
  if (answer.area.nodeId === undefined || !isAnswered(answer)) return false;
  return !providersOf(answer).some(({ state }) => state === "feeding" || state === "stale");
}

/** True where an unfed area may still show what it was once sent. */
function hasOldData(answer: AreaAnswer): boolean {
  return (
    answer.outcome !== "nothing-to-show" || providersOf(answer).some(({ lastReceivedAtMs }) => lastReceivedAtMs > 0)
  );
}

function providersOf({ coverage }: AreaAnswer): readonly ProviderFeed[] {
  return coverage?.providers ?? [];
}

/** Providers that the answers could not speak for. Of areas that did not answer, nothing at all is known. */
function gapsOf(answers: readonly AreaAnswer[]): readonly CoverageGap[] {
  return answers.filter(isAnswered).flatMap((answer) => {
    const { nodeId } = answer.area;
    if (nodeId === undefined) return [];
    const behind = providersOf(answer).filter(({ state }) => state !== "feeding");
    return behind.map((provider) => ({ nodeId, provider }));
  });
}

function sentenceOf(facts: VerdictFacts, answers: readonly AreaAnswer[], gaps: readonly CoverageGap[]): string {
  const inNetwork = answers.filter(({ area }) => area.scopes.includes("network"));
  const outside = answers.filter(({ area }) => !area.scopes.includes("network"));
  const withOutcome = (wanted: Outcome): AreaAnswer[] => inNetwork.filter(({ outcome }) => outcome === wanted);
  const unanswered = inNetwork.filter((answer) => !isAnswered(answer));
  const unfed = inNetwork.filter(isUnfed);
  const doubtful = "Check who this is: the number belongs to a record with a different name or date of birth in ";
  return [
    countsOf(inNetwork),
    listed(doubtful, withOutcome("identity-check").map(nameOf)),
    listed(
      "A record may be this patient's, identity not confirmed, in ",
      withOutcome("possible-match").map(nameAndContact),
    ),
    unfedWords(unfed.filter((answer) => !hasOldData(answer)).map(nameOf), "nothing can be found there"),
    unfedWords(unfed.filter(hasOldData).map(nameOf), "nothing new can be found there"),
    listed("Not answered: ", unanswered.map(nameAndOutcome)),
    listed("Not connected to this network: ", outside.map(nameOf)),
    listed("Behind: ", providersIn("stale", gaps, facts.givenAtMs)),
    listed("Paused: ", providersIn("paused", gaps, facts.givenAtMs)),
    listed("Not connected: ", providersIn("not-connected", gaps, facts.givenAtMs)),
    facts.identified === undefined ? "" : IDENTIFIED_WORDS[facts.identified],
    facts.directory.ageing ? `The list of areas was last confirmed ${agoOf(facts.directory.ageSeconds * 1000)}.` : "",
  ]
    .filter((part) => part !== "")
    .join(" ");
}

function countsOf(inNetwork: readonly AreaAnswer[]): string {
  const answered = inNetwork.filter(isAnswered);
  const counts = `${answered.length} of ${counted(inNetwork.length, "area")} answered`;
  const holding = answered.filter(({ outcome }) => outcome === "records").length;
  if (holding > 0) return `${counts}; ${holding} ${holding === 1 ? "holds" : "hold"} records.`;
  // A doubt about who the patient is comes next in the sentence, and must not be softened here.
  const plain = answered.length > 0 && answered.every(({ outcome }) => outcome === "nothing-to-show");
  return plain ? `${counts}; nothing to show you.` : `${counts}.`;
}

function nameOf({ area }: AreaAnswer): string {
  return area.name;
}

function nameAndContact({ area: { name, contact } }: AreaAnswer): string {
  return contact === "" ? name : `${name} (phone ${contact})`;
}

function nameAndOutcome(answer: AreaAnswer): string {
  const words = outcomeWords(answer);
  return `${answer.area.name} (${words.charAt(0).toLowerCase()}${words.slice(1)})`;
}
/** Names printed before "and … more": a region has hundreds of providers, and the whole list is in the verdict's gaps. */
const PROVIDERS_NAMED_MAX = 5;

function providersIn(state: FeedState, gaps: readonly CoverageGap[], nowMs: number): readonly string[] {
  // A provider that feeds several nodes is one name; the oldest moment speaks for it.
  const byCode = new Map<string, ProviderFeed>();
  for (const { provider } of gaps) {
    const known = byCode.get(provider.code);
    if (provider.state !== state || (known !== undefined && known.lastReceivedAtMs <= provider.lastReceivedAtMs))
      continue;
    byCode.set(provider.code, provider);
  }
  const named = [...byCode.values()].map((provider) => nameWithAge(provider, nowMs));
  const more = named.length - PROVIDERS_NAMED_MAX;
  return more > 0 ? [...named.slice(0, PROVIDERS_NAMED_MAX), `and ${more} more`] : named;
}

function nameWithAge({ name, state, lastReceivedAtMs }: ProviderFeed, nowMs: number): string {
  if (state === "not-connected") return name;
  return lastReceivedAtMs === 0
    ? `${name}, nothing received yet`
    : `${name}, last received ${agoOf(nowMs - lastReceivedAtMs)}`;
}

/** `9 hours ago`, rounded down; two whole days or more in days. A moment in the future is a wrong clock and reads "just now". */
function agoOf(ageMs: number): string {
  const minutes = Math.floor(ageMs / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${counted(minutes, "minute")} ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${counted(hours, "hour")} ago` : `${counted(Math.floor(hours / 24), "day")} ago`;
}

function counted(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}

function unfedWords(names: readonly string[], so: string): string {
  return names.length === 0 ? "" : `No provider feeds ${names.join("; ")}: ${so}.`;
}

/** `Behind: A; B.`, or nothing where the list is empty. Names hold commas, so items are parted by semicolons. */
function listed(heading: string, items: readonly string[]): string {
  return items.length === 0 ? "" : `${heading}${items.join("; ")}.`;
}
