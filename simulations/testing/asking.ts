import assert from "node:assert/strict";

import type { AreaAnswer, Outcome, Scope, Verdict } from "../../node/base/answer.ts";
import { BirthDate } from "../../node/base/birth-date.ts";
import { systemClock, today } from "../../node/base/clock.ts";
import { NhsNumber } from "../../node/base/nhs-number.ts";
import type { Claim, PatientQuery } from "../../node/base/question.ts";
import { systemRandom } from "../../node/base/random.ts";
import type { OrganisationCode } from "../../node/base/words.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { FIXED_LINE } from "../../node/federation/verdict.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { corridor } from "../demo/command.ts";
import type { TestNetwork } from "./a-network.ts";
import type { TrialPerson } from "./people.ts";

/** Who asks: as options of `corridor locate`. */
export interface Asker {
  readonly role: string;
  readonly setting: Claim["setting"];
  readonly purpose: Exclude<Claim["purpose"], "OTHER">;
  readonly relationship: Claim["relationship"]["kind"];
  readonly reason: string;
}

export const DOCTOR: Asker = {
  role: "R8000",
  setting: "emergency",
  purpose: "TREAT",
  relationship: "attendance",
  reason: "In resus, cannot give a history",
};

export const NURSE: Asker = { ...DOCTOR, role: "R8001" };

/** What `corridor locate` answered, read from its JSON. */
export interface Located {
  readonly exitCode: number;
  readonly requestId: string;
  readonly answers: readonly AreaAnswer[];
  readonly verdict: Verdict;
  readonly elapsedMs: number;
}

export interface Said {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
}

export interface LocateOptions {
  readonly via?: string;
  readonly asker?: Asker;
  readonly birthDate?: string;
  readonly answerByMs?: number;
}

/** When the verdict is wanted, unless a test says otherwise: the command's own default. */
export const ANSWER_BY_MS = 2_000;
/** How much later than that the last area's outcome may be. */
export const ANSWER_SLACK_MS = 50;

/** Runs `corridor locate` as a person would, as a process of its own, and gives what it printed, whatever that is. */
export async function say(
  network: TestNetwork,
  person: Pick<TrialPerson, "nhsNumber" | "birthDate">,
  options: LocateOptions = {},
  ...more: readonly string[]
): Promise<Said> {
  const { via = "ash", asker = DOCTOR, birthDate = person.birthDate, answerByMs = ANSWER_BY_MS } = options;
  const said = await corridor([
    ...["locate", "--via", via, "--mesh", network.folder, "--answer-by", String(answerByMs)],
    ...["--nhs-number", person.nhsNumber, "--birth-date", birthDate],
    ...["--role", asker.role, "--setting", asker.setting, "--purpose", asker.purpose],
    ...["--relationship", asker.relationship, "--reason", asker.reason],
    ...more,
  ]);
  const printed = `${said.stdout}${said.stderr}`;
  assert.doesNotMatch(printed, /no\s+other\s+records?/i, "nothing may say that there is nothing else");
  assert.ok(!printed.includes(person.nhsNumber), "the number is not printed");
  assert.ok(said.elapsedMs <= 3 * answerByMs, `the command took ${said.elapsedMs.toFixed(0)} ms`);
  return said;
}

/** The same, as JSON; with what holds of every answer checked. */
export async function locate(
  network: TestNetwork,
  person: Pick<TrialPerson, "nhsNumber" | "birthDate">,
  options: LocateOptions = {},
): Promise<Located> {
  const { exitCode, stdout, stderr, elapsedMs } = await say(network, person, options, "--json");
  assert.notEqual(stdout, "", `there is no answer: ${stderr}`);
  const printed = JSON.parse(stdout) as Pick<Located, "requestId" | "answers" | "verdict">;
  checkVerdict(printed, options.answerByMs ?? ANSWER_BY_MS);
  const whole = scopeOf(printed, "network").everyAreaAnswered;
  assert.equal(exitCode, whole ? 0 : 4, "the exit code tells whether every area answered");
  return { ...printed, exitCode, elapsedMs };
}

type Answered = Pick<Located, "answers" | "verdict">;

function checkVerdict({ answers, verdict }: Answered, answerByMs: number): void {
  assert.equal(verdict.areas.length, answers.length, "every area that was named has an outcome");
  assert.equal(new Set(verdict.areas.map(({ name }) => name)).size, verdict.areas.length, "and exactly one");
  assert.equal(verdict.fixedLine, FIXED_LINE);
  for (const { name, elapsedMs, outcome, nodeId } of verdict.areas) {
    assert.ok(elapsedMs <= answerByMs + ANSWER_SLACK_MS, `${name} took ${elapsedMs} ms`);
    const answered = ["records", "nothing-to-show", "identity-check"].includes(outcome);
    if (answered && outcome !== "identity-check") continue;
    assert.ok(verdict.sentence.includes(name), `${name} (${nodeId}, ${outcome}) is named: ${verdict.sentence}`);
  }
}

/** One area's outcome and its reason code, together. */
export function outcomeAt({ verdict }: Pick<Answered, "verdict">, nodeId: string): [Outcome, string] {
  const area = verdict.areas.find((each) => each.nodeId === nodeId);
  assert.ok(area, `${nodeId} is in the verdict`);
  return [area.outcome, area.reason];
}

export function answerAt({ answers }: Pick<Answered, "answers">, nodeId: string): AreaAnswer {
  const answer = answers.find(({ area }) => area.nodeId === nodeId);
  assert.ok(answer, `${nodeId} has an answer`);
  return answer;
}

/** Which scopes count as answered whole. */
export function scopesOf(answered: Pick<Answered, "verdict">): Record<Scope, boolean> {
  const { collaborative, region, network } = Object.fromEntries(
    answered.verdict.scopes.map(({ scope, everyAreaAnswered }) => [scope, everyAreaAnswered]),
  );
  return { collaborative: collaborative === true, region: region === true, network: network === true };
}

function scopeOf({ verdict }: Pick<Answered, "verdict">, scope: Scope): Verdict["scopes"][number] {
  const found = verdict.scopes.find((each) => each.scope === scope);
  assert.ok(found, `the verdict speaks of the ${scope}`);
  return found;
}

export interface Asked {
  readonly requestId: string;
  readonly answers: readonly AreaAnswer[];
  readonly verdict: Verdict;
}

export interface AskOptions extends LocateOptions {
  readonly requestId?: string;
  /** The locate whose answers are wanted, with those that came late. */
  readonly lateOf?: string;
  /** Told of each area's answer in the moment in which it comes. */
  readonly onAnswer?: (answer: AreaAnswer) => void;
}

/** Asks through the product's own client, from this process: quicker than the command, and each event as it comes. */
export async function ask(
  network: TestNetwork,
  person: Pick<TrialPerson, "nhsNumber" | "birthDate">,
  options: AskOptions = {},
): Promise<Asked> {
  const { via = "ash", asker = DOCTOR, birthDate, answerByMs = ANSWER_BY_MS } = options;
  const { requestId = systemRandom.uuid(), lateOf = "", onAnswer } = options;
  const node = network.mesh.node(via);
  const target = { host: node.host, port: node.port, certsDir: node.callerDir(DEMO_CALLER.name) };
  const client = await connectCaller(target, systemClock);
  const answers: AreaAnswer[] = [];
  try {
    const patient = patientOf({ nhsNumber: person.nhsNumber, birthDate: birthDate ?? person.birthDate });
    for await (const event of client.locate({ patient, claim: claimOf(asker), requestId, answerByMs, lateOf })) {
      if (event.kind === "verdict") return { requestId, answers, verdict: event.verdict };
      answers.push(event.answer);
      onAnswer?.(event.answer);
    }
  } finally {
    client.close();
  }
  return assert.fail("the stream ended without a verdict");
}

export function patientOf(person: Pick<TrialPerson, "nhsNumber" | "birthDate">): PatientQuery {
  const nhsNumber = NhsNumber.parse(person.nhsNumber);
  const birthDate = BirthDate.parse(person.birthDate, today(systemClock));
  assert.ok(nhsNumber && birthDate, "the person of a test is well formed");
  return { by: "number", nhsNumber, birthDate };
}

export function claimOf(asker: Asker): Claim {
  return {
    ...{ userId: DEMO_CALLER.user, role: asker.role, setting: asker.setting, purpose: asker.purpose },
    ...{ organisation: DEMO_CALLER.organisation as OrganisationCode, assurance: "smartcard", trigger: "person" },
    relationship: { kind: asker.relationship, reference: DEMO_CALLER.reference },
    reason: asker.reason,
  };
}
