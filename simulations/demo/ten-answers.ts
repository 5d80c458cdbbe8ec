import type { AreaAnswer } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Failure, type FailureCode } from "../../node/base/failure.ts";
import { systemRandom } from "../../node/base/random.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import type { MeshNode } from "../../node/cli/mesh/mesh.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import type { Character } from "../../topology/people/characters.ts";
import { TEN_ASKERS, type TenthAsker } from "../access/ten-askers.ts";
import { claimOf, DOCTOR, patientOf } from "../testing/asking.ts";

const ANSWER_BY_MS = 5_000;

/** What one of the ten was told of a person: records of all areas together, or with which code the question was refused. */
export interface TenthAnswer {
  readonly who: string;
  readonly told: { readonly full: number; readonly summary: number } | { readonly refused: FailureCode };
}

/** Asks the same of one person as each of ten people, at one node. */
export async function askAsTen(node: MeshNode, person: Character): Promise<readonly TenthAnswer[]> {
  const client = await connectCaller(
    { host: node.host, port: node.port, certsDir: node.callerDir(DEMO_CALLER.name) },
    systemClock,
  );
  async function askAs({ role, setting, purpose, relationship }: TenthAsker): Promise<TenthAnswer["told"]> {
    const claim = {
      ...claimOf(DOCTOR),
      role,
      setting,
      purpose,
      relationship: { kind: relationship, reference: "demo" },
    };
    const answers: AreaAnswer[] = [];
    const call = { patient: patientOf(person), claim, requestId: systemRandom.uuid(), answerByMs: ANSWER_BY_MS };
    try {
      for await (const event of client.locate(call)) if (event.kind === "answer") answers.push(event.answer);
    } catch (thrown) {
      if (thrown instanceof Failure) return { refused: thrown.code };
      throw thrown;
    }
    const pointers = answers.flatMap((answer) => answer.pointers);
    const full = pointers.filter(({ access }) => access === "full").length;
    return { full, summary: pointers.length - full };
  }
  try {
    const told: TenthAnswer[] = [];
    for (const asker of TEN_ASKERS) told.push({ who: asker.who, told: await askAs(asker) });
    return told;
  } finally {
    client.close();
  }
}

/** A line for each of the ten. */
export function tenLines(answers: readonly TenthAnswer[]): string[] {
  return answers.map(({ who, told }, at) => {
    const asker = TEN_ASKERS[at];
    const where = `${who}, ${asker?.role}, ${asker?.setting}`;
    const shown = "refused" in told ? `refused (${told.refused})` : `${told.full} in full, ${told.summary} in summary`;
    return `  ${where.padEnd(48)} ${shown}`;
  });
}
