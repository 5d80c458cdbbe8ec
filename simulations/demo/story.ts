import assert from "node:assert/strict";
import { join } from "node:path";

import type { AreaAnswer, Outcome, Verdict } from "../../node/base/answer.ts";
import { EXIT } from "../../node/cli/exit.ts";
import type { Mesh } from "../../node/cli/mesh/mesh.ts";
import type { Character } from "../../topology/people/characters.ts";
import { type CommandResult, corridor } from "./command.ts";

/** Who asks in the demonstration, as options of `corridor locate`. */
export const ED_CLINICIAN = {
  role: "R8000",
  setting: "emergency",
  purpose: "TREAT",
  relationship: "attendance",
  reason: "In resus, cannot give a history",
};

/** Characters of a record that are shown. */
const RECORD_SHOWN = 240;

export type Asker = typeof ED_CLINICIAN;

export interface Answer {
  readonly requestId: string;
  readonly answers: readonly AreaAnswer[];
  readonly verdict: Verdict;
}

/** What the steps share: asking as a person would, showing what came back, and keeping the times. */
export class Story {
  readonly mesh: Mesh;
  readonly #dataDir: string;
  readonly #signal: AbortSignal;
  readonly #times: { readonly what: string; readonly ms: number }[] = [];

  constructor(mesh: Mesh, dataDir: string, signal: AbortSignal) {
    this.mesh = mesh;
    this.#dataDir = dataDir;
    this.#signal = signal;
  }

  heading(text: string): void {
    console.log(`\n── ${text} ${"─".repeat(Math.max(0, 110 - text.length))}\n`);
  }

  say(text: string): void {
    console.log(text);
  }

  /** Runs `corridor locate`, prints the command and what it printed, and checks the exit code. */
  async locate(
    person: Character,
    asker: Asker,
    expectedExit: number,
    times: { birthDate?: string } = {},
  ): Promise<CommandResult> {
    const args = this.#args(person, asker, times.birthDate);
    console.log(
      `$ corridor ${args
        .filter((arg) => arg !== "--mesh" && arg !== this.#dataDir)
        .map(quoted)
        .join(" ")}\n`,
    );
    const result = await corridor(args, this.#signal);
    process.stdout.write(result.stdout);
    process.stdout.write(result.stderr);
    console.log(`\n  (exit ${result.exitCode})`);
    assert.equal(result.exitCode, expectedExit, "the exit code is not what was told");
    return result;
  }

  /** The same question with `--json`, for what a step checks or compares. */
  async ask(person: Character, asker: Asker): Promise<Answer> {
    const result = await corridor([...this.#args(person, asker), "--json"], this.#signal);
    assert.ok(result.stdout !== "", `no answer: ${result.stderr}`);
    return JSON.parse(result.stdout) as Answer;
  }

  /** Runs `corridor retrieve`, prints the command, whose the record is, and its beginning. */
  async retrieve(person: Character, asker: Asker, area: string, record: string): Promise<CommandResult> {
    const [, ...options] = this.#args(person, asker);
    console.log(`$ corridor retrieve --area ${area} --record ${record} --out - …\n`);
    const result = await corridor(
      ["retrieve", "--area", area, "--record", record, "--out", "-", ...options],
      this.#signal,
    );
    process.stdout.write(result.stderr.replace(/^/gm, "  ").trimEnd());
    const text = result.stdout.replace(/\s+/g, " ");
    console.log(`\n    ${text.length > RECORD_SHOWN ? `${text.slice(0, RECORD_SHOWN)} …` : text}\n`);
    assert.equal(result.exitCode, EXIT.done, "the record was opened");
    return result;
  }

  /** Keeps a time for the table at the end. */
  time(what: string, ms: number): void {
    this.#times.push({ what, ms });
  }

  close(totalMs: number): void {
    this.heading("Times and traces");
    for (const { what, ms } of this.#times) console.log(`  ${what.padEnd(64)} ${ms.toFixed(0).padStart(7)} ms`);
    console.log(`  ${"everything".padEnd(64)} ${totalMs.toFixed(0).padStart(7)} ms`);
    console.log("\n  Every question and every answer above is in the audit of both ends:");
    for (const node of this.mesh.nodes) console.log(`    ${node.id.padEnd(8)} ${join(node.dataDir, "audit.db")}`);
  }

  #args(person: Character, asker: Asker, birthDate?: string): string[] {
    return [
      "locate",
      ...["--via", "wm-bsol", "--nhs-number", person.nhsNumber, "--birth-date", birthDate ?? person.birthDate],
      ...["--role", asker.role, "--setting", asker.setting, "--purpose", asker.purpose],
      ...["--relationship", asker.relationship, "--reason", asker.reason],
      ...["--mesh", this.#dataDir],
    ];
  }
}

/** The outcome of one area of an answer. */
export function outcomeAt(answer: Answer, nodeId: string): Outcome | undefined {
  return answer.verdict.areas.find((area) => area.nodeId === nodeId)?.outcome;
}

function quoted(arg: string): string {
  return /^[\w./:@+-]+$/.test(arg) ? arg : `'${arg}'`;
}
