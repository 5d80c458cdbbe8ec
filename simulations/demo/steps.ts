import assert from "node:assert/strict";

import { EXIT } from "../../node/cli/exit.ts";
import { CHARACTERS } from "../../topology/people/characters.ts";
import { askAsTen, tenLines } from "./ten-answers.ts";
import { COUNCIL, OPENED } from "./sources.ts";
import { type Answer, ED_CLINICIAN, type Story, outcomeAt } from "./story.ts";

const BUDGET_MS = 2_000;
const SOCIAL_WORKER = {
  role: "R8014",
  setting: "adult-social-care",
  purpose: "CAREMGT",
  relationship: "caseload",
  reason: "Discharge planning",
};

/** The demonstration, step by step, in the order told. */
export const STEPS: readonly ((story: Story) => Promise<void>)[] = [
  twentyHistories,
  feedBehind,
  socialWorkerSeesLess,
  tenAnswers,
  anotherBirthDate,
  exactlyAlike,
  locationProtected,
  researchRefused,
  silentAreas,
  openRecords,
];

async function twentyHistories(story: Story): Promise<void> {
  story.heading("An ED clinician in Birmingham: a patient who has told their history twenty times today");
  await story.locate(CHARACTERS.twentyHistories, ED_CLINICIAN, EXIT.done);
  const answer = await story.ask(CHARACTERS.twentyHistories, ED_CLINICIAN);
  for (const nodeId of CHARACTERS.twentyHistories.expectedAreas) assert.equal(outcomeAt(answer, nodeId), "records");
  assert.ok(answer.answers[0]?.own, "own hits come first");
  story.time("own hits of the first locate", answer.answers[0].elapsedMs);
  story.time("last area of the first locate", lastMs(answer));
}

async function feedBehind(story: Story): Promise<void> {
  story.heading("A feed that is nine hours behind is named");
  await story.locate(CHARACTERS.behindFeed, ED_CLINICIAN, EXIT.done);
  const { verdict } = await story.ask(CHARACTERS.behindFeed, ED_CLINICIAN);
  const stale = verdict.gaps.filter((gap) => gap.provider.state === "stale");
  assert.equal(stale.length, 1, "exactly one feed is behind");
  assert.ok(verdict.sentence.includes(stale[0]?.provider.name ?? "?"), "and the sentence names it");
}

async function socialWorkerSeesLess(story: Story): Promise<void> {
  story.heading("A social worker asks the same, and is shown less");
  await story.locate(CHARACTERS.twentyHistories, SOCIAL_WORKER, EXIT.done);
  const [clinician, socialWorker] = [
    await story.ask(CHARACTERS.twentyHistories, ED_CLINICIAN),
    await story.ask(CHARACTERS.twentyHistories, SOCIAL_WORKER),
  ];
  story.say(
    `\n  Records shown: ${fullRecords(clinician)} in full to the clinician, ${fullRecords(socialWorker)} to the social worker.`,
  );
  assert.ok(fullRecords(socialWorker) < fullRecords(clinician));
}

async function tenAnswers(story: Story): Promise<void> {
  story.heading("The same question by ten people: ten answers");
  const answers = await askAsTen(story.mesh.node("wm-bsol"), CHARACTERS.twentyHistories);
  for (const line of tenLines(answers)) story.say(line);
  story.say("\n  Who sees what, and which line decides: corridor access explain (docs/access.md).");
  const refused = answers.filter(({ told }) => "refused" in told).map(({ who }) => who);
  assert.deepEqual(refused, ["privacy officer", "researcher"]);
}

async function anotherBirthDate(story: Story): Promise<void> {
  story.heading("The number with another date of birth: check who this is");
  await story.locate(CHARACTERS.twentyHistories, ED_CLINICIAN, EXIT.done, { birthDate: "1961-02-03" });
}

async function exactlyAlike(story: Story): Promise<void> {
  story.heading("Restricted elsewhere, objected, or a stranger: three answers that are exactly alike");
  const people = [CHARACTERS.restrictedAtPeers, CHARACTERS.objector, CHARACTERS.stranger];
  const shown = [];
  for (const person of people) shown.push(comparable(await story.ask(person, ED_CLINICIAN)));
  await story.locate(CHARACTERS.objector, ED_CLINICIAN, EXIT.done);
  assert.equal(shown[0], shown[1], "restricted and objected differ");
  assert.equal(shown[1], shown[2], "objected and stranger differ");
  story.say(
    `\n  The three answers, less their ids and times, are the same ${shown[0]?.length} bytes. Which is which is in the audit.`,
  );
}

async function locationProtected(story: Story): Promise<void> {
  story.heading("A person marked restricted here: nobody is asked");
  await story.locate(CHARACTERS.restrictedInOwnIndex, ED_CLINICIAN, EXIT.refused);
}

async function researchRefused(story: Story): Promise<void> {
  story.heading("A research purpose is refused");
  await story.locate(
    CHARACTERS.twentyHistories,
    { ...ED_CLINICIAN, purpose: "HRESCH", reason: "Cohort study" },
    EXIT.refused,
  );
}

async function silentAreas(story: Story): Promise<void> {
  story.heading("Coventry's node is killed, Hereford's freezes: a partial answer in time, the missing named");
  await story.mesh.node("wm-cw").process.kill();
  story.mesh.node("wm-hw").process.pause();
  await story.locate(CHARACTERS.twentyHistories, ED_CLINICIAN, EXIT.partial);
  const answer = await story.ask(CHARACTERS.twentyHistories, ED_CLINICIAN);
  assert.equal(outcomeAt(answer, "wm-cw"), "unreachable");
  assert.equal(outcomeAt(answer, "wm-hw"), "timed-out");
  assert.ok(lastMs(answer) <= BUDGET_MS, `the answer came after ${lastMs(answer)} ms`);
  story.time("partial answer with one area killed and one frozen (budget 2000)", lastMs(answer));
  story.mesh.node("wm-hw").process.resume();
}

/** One through each kind of source, at areas that are still up. */
async function openRecords(story: Story): Promise<void> {
  story.heading(
    "Three of the records are opened, live, from their custodians' own systems in Shropshire, and one at home",
  );
  const { answers } = await story.ask(CHARACTERS.twentyHistories, ED_CLINICIAN);
  const found = answers.find(({ area }) => area.nodeId === "wm-stw")?.pointers ?? [];
  for (const { custodian, recordType, shows } of OPENED) {
    const pointer = found.find((each) => each.custodian.code === custodian && each.recordType === recordType);
    assert.ok(pointer, `${custodian} holds a record of the kind ${recordType}`);
    const opened = await story.retrieve(CHARACTERS.twentyHistories, ED_CLINICIAN, "wm-stw", pointer.pointerId);
    assert.match(opened.stdout, shows);
    assert.doesNotMatch(opened.stdout, /script|http:/i, "nothing in it acts or leads elsewhere");
  }
  const { area, custodian, recordType, shows } = COUNCIL;
  const home = (await story.ask(CHARACTERS.twentyHistories, SOCIAL_WORKER)).answers.find(({ own }) => own)?.pointers;
  const involvement = home?.find((each) => each.custodian.code === custodian && each.recordType === recordType);
  assert.ok(involvement, "the council's record is found at home");
  const opened = await story.retrieve(CHARACTERS.twentyHistories, SOCIAL_WORKER, area, involvement.pointerId);
  assert.match(opened.stdout, shows);
}

function lastMs(answer: Answer): number {
  return Math.max(...answer.answers.map(({ elapsedMs }) => elapsedMs));
}

function fullRecords(answer: Answer): number {
  return answer.answers.flatMap(({ pointers }) => pointers).filter(({ access }) => access === "full").length;
}

/** All that was shown, in the order of the directory, without what differs from one question to the next. */
function comparable(answer: Answer): string {
  const byName = [...answer.answers].sort((a, b) => (a.area.name < b.area.name ? -1 : 1));
  const { sentence, scopes, gaps } = answer.verdict;
  return JSON.stringify({ answers: byName.map((one) => ({ ...one, elapsedMs: 0 })), sentence, scopes, gaps });
}
