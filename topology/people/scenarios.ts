import { type Character, CHARACTERS } from "./characters.ts";

/** Areas of a sandbox that answer too late about {@link CHARACTERS.slowAreas}. */
export const SLOW_AREAS: readonly string[] = ["wm-cw", "wm-hw"];

/** One thing that an integrator must be able to show, and the invented patient of a sandbox with whom to meet it. */
export interface Scenario {
  readonly title: string;
  readonly nhsNumber: string;
  /** As it is asked with: not always the patient's own. */
  readonly birthDate: string;
  /** What an emergency clinician of Birmingham is answered. */
  readonly answer: string;
}

/** What the sandbox has a patient for, in the order in which an application meets it. */
export const SCENARIOS: readonly Scenario[] = [
  scenario("records in four areas", CHARACTERS.twentyHistories, "Every area answered; a letter can be opened."),
  scenario(
    "two areas time out",
    CHARACTERS.slowAreas,
    "Partial, and says which. With Prefer: respond-async, whole after four seconds.",
  ),
  scenario("a feed is hours behind", CHARACTERS.behindFeed, "Every area answered; the verdict names the feed."),
  {
    ...scenario(
      "check who this is",
      CHARACTERS.twentyHistories,
      "identity-check: the number belongs to somebody born on another day.",
    ),
    birthDate: "1961-02-03",
  },
  scenario("refused: a restricted record", CHARACTERS.restrictedInOwnIndex, "Refused (403); nobody is asked."),
  scenario("restricted elsewhere", CHARACTERS.restrictedAtPeers, "Nothing to show, as of a stranger."),
  scenario("an objection", CHARACTERS.objector, "Nothing to show, as of a stranger."),
  scenario("a stranger", CHARACTERS.stranger, "Nothing to show; that is never 'no records'."),
  scenario("a child", CHARACTERS.childKnownToSocialCare, "Areas that hold adults alone are not covered."),
];

function scenario(title: string, { nhsNumber, birthDate }: Character, answer: string): Scenario {
  return { title, nhsNumber, birthDate, answer };
}
