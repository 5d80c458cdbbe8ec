import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { EXIT } from "../node/cli/exit.ts";
import { rowsUnder } from "../scripts/docs/tables.ts";
import { type Scenario, SCENARIOS } from "../topology/people/scenarios.ts";
import { corridor } from "./demo/command.ts";
import { findFreePorts } from "./testing/free-ports.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGE = readFileSync(join(ROOT, "docs/integrate.md"), "utf8");
const NODES = 6;
/** Of the page's commands, once set up; what is installed first is measured by whoever has a new machine. */
const FIVE_MINUTES_MS = 300_000;

/** A command of the page, and what it says comes of it; `…` stands for anything. */
interface Step {
  readonly command: string;
  readonly shows: readonly string[];
}

describe("docs/integrate.md", () => {
  const folder = mkdtempSync(join(tmpdir(), "corridor-integrate-"));
  const data = join(folder, "sandbox");
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("leads from a clone to the first answers, just as it says (skipped where curl is missing)", async function () {
    if (spawnSync("curl", ["--version"]).error !== undefined) this.skip();
    this.timeout(FIVE_MINUTES_MS);
    const steps = stepsOf(PAGE);
    assert.ok(steps.length >= 7, "the page's commands were found");
    const portBase = await findFreePorts(NODES + 2);
    const here = (command: string): string =>
      command
        .replaceAll(".sandbox", data)
        .replaceAll(":7407", `:${portBase + NODES + 1}`)
        .replaceAll(":7406", `:${portBase + NODES}`)
        .replaceAll(":7400", `:${portBase}`)
        .replaceAll(/\b(answer\.json|events\.json|letter\.pdf)\b/g, `${folder}/$1`);
    const sandbox = await startSandbox(data, portBase);
    try {
      const script = steps.map(({ command }, at) => `${here(command)}\necho '#${at}'\n`).join("");
      const said = await bash(script);
      let rest = said;
      for (const [at, { command, shows }] of steps.entries()) {
        const [shown = "", after] = rest.split(`#${at}\n`, 2);
        assert.ok(after !== undefined, `this command did not end well:\n${command}\n${rest}`);
        checkShown(shown, shows.map(here), command);
        rest = rest.slice(shown.length + `#${at}\n`.length);
      }
      for (const scenario of SCENARIOS) await meet(scenario, data);
    } finally {
      await sandbox.stop();
    }
  });

  it("lists the sandbox's patients as the sandbox does", () => {
    const rows = rowsUnder(PAGE, "The patients");
    const told = SCENARIOS.map(({ title, nhsNumber, birthDate, answer }) => [
      `${nhsNumber}, ${birthDate}`,
      ...[title, answer],
    ]);
    assert.deepEqual(rows.slice(-told.length), told);
  });
});

/** How `corridor locate` ends for each scenario, and what it must say. */
const MET: Readonly<Record<string, readonly [exitCode: number, says: RegExp]>> = {
  "records in four areas": [EXIT.done, /6 of 6 areas answered; 4 hold records/],
  "two areas time out": [EXIT.partial, /No answer in time/],
  "a feed is hours behind": [
    EXIT.done,
    /Behind: Worcestershire Acute Hospitals NHS Trust, last\s+received 9 hours ago/,
  ],
  "check who this is": [EXIT.done, /Check who this is/],
  "refused: a restricted record": [EXIT.refused, /location protected/],
  "restricted elsewhere": [EXIT.done, /6 of 6 areas answered; nothing to show you/],
  "an objection": [EXIT.done, /6 of 6 areas answered; nothing to show you/],
  "a stranger": [EXIT.done, /6 of 6 areas answered; nothing to show you/],
  "a child": [EXIT.partial, /Does not cover under-18s/],
};

async function meet({ title, nhsNumber, birthDate }: Scenario, data: string): Promise<void> {
  const who = ["--mesh", data, "--via", "wm-bsol", "--nhs-number", nhsNumber, "--birth-date", birthDate];
  const as = ["--role", "R8000", "--setting", "emergency", "--purpose", "TREAT", "--relationship", "attendance"];
  const { exitCode, stdout, stderr } = await corridor(["locate", ...who, ...as, "--reason", "In resus"]);
  const [expected, says] = MET[title] ?? assert.fail(`nothing is known of the scenario ${title}`);
  assert.equal(exitCode, expected, `${title}: ${stdout}${stderr}`);
  assert.match(stdout + stderr, says, title);
}

/** The shell commands of the first section, each with the text that follows it. */
function stepsOf(page: string): Step[] {
  const [, section = ""] = page.split(/^## First answer in five minutes$/m);
  const blocks = [...(section.split(/^## /m)[0] ?? "").matchAll(/^```(sh|text)\n([\s\S]*?)^```$/gm)];
  const steps: Step[] = [];
  for (const [at, [, kind, text = ""]] of blocks.entries()) {
    const next = blocks[at + 1];
    if (kind === "sh") steps.push({ command: text, shows: next?.[1] === "text" ? next[2]!.trimEnd().split("\n") : [] });
  }
  return steps;
}

/** Each line that the page shows was printed, in that order. */
function checkShown(printed: string, shows: readonly string[], command: string): void {
  const lines = printed.split(/\r?\n/);
  let from = 0;
  for (const shown of shows) {
    const pattern = new RegExp(`^${shown.split("…").map(escaped).join(".*")}$`);
    const at = lines.findIndex((line, index) => index >= from && pattern.test(line));
    assert.ok(at >= 0, `the page shows\n  ${shown}\nfor\n${command}\nprinted was\n${printed}`);
    from = shown === "…" ? from : at + 1;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

async function startSandbox(dataDir: string, portBase: number): Promise<{ stop(): Promise<void> }> {
  const args = ["mesh", "up", "topology/west-midlands.yaml", "--sandbox"];
  const child = spawn(join(ROOT, "bin/corridor"), [...args, "--data", dataDir, "--port-base", String(portBase)], {
    cwd: ROOT,
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  while (!said.includes("The record network is up.")) {
    assert.equal(child.exitCode, null, `the sandbox did not start:\n${said}`);
    await sleep(50);
  }
  return {
    async stop() {
      child.kill("SIGINT");
      await ended;
    },
  };
}

/** Runs a script as a reader would type it, in the clone. */
async function bash(script: string): Promise<string> {
  const child = spawn("bash", ["-e", "-o", "pipefail", "-s"], { cwd: ROOT });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stdin.end(script);
  await new Promise((resolve) => child.once("close", resolve));
  return said;
}
