import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { EXIT } from "../node/cli/exit.ts";
import { findFreePorts } from "./testing/free-ports.ts";
import { processesLeftWith, processesWith } from "./testing/processes.ts";

const DEMO = fileURLToPath(new URL("./demo/demo.ts", import.meta.url));
const NODES = ["wm-bsol", "wm-cw", "wm-hw", "wm-bc", "wm-stw", "wm-sst"];

/** What the demonstration may take on two idle cores, once set up; tests share theirs with others. */
const WHOLE_MS_MAX = 60_000;
const TEST_MS = 2 * WHOLE_MS_MAX;
/** From Ctrl-C to the end: a node that does not stop is ended after five seconds. */
const STOP_MS_MAX = 10_000;
/** For a command that was just starting when all was stopped. */
const GONE_WITHIN_MS = 2_000;
const INTERRUPTED = 130;

/** One run of the demonstration, in a process group of its own, as a terminal would start it. */
class Run {
  readonly folder: string;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  stdout = "";
  stderr = "";

  constructor(portBase: number) {
    this.folder = mkdtempSync(join(tmpdir(), "corridor-demo-"));
    this.child = spawn(process.execPath, [DEMO, "--port-base", String(portBase), "--data", this.folder], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => this.child.once("close", () => resolve()));
  }

  /** Waits until it has printed this. */
  async until(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      assert.equal(this.child.exitCode, null, `it ended without "${text}":\n${this.stdout}\n${this.stderr}`);
      await sleep(20);
    }
  }

  /** What a terminal does at Ctrl-C: every process of the group is told. */
  interrupt(): void {
    process.kill(-(this.child.pid ?? assert.fail("it did not start")), "SIGINT");
  }

  /** Ends whatever a failed test left, by its process id, and removes the folder. */
  async remove(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
    for (const line of processesWith(this.folder)) process.kill(Number.parseInt(line, 10), "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe("the demonstration", function () {
  this.timeout(TEST_MS);
  let run: Run;
  const start = async (): Promise<void> => {
    run = new Run(await findFreePorts(NODES.length));
  };
  afterEach(() => run.remove());

  it("tells its whole story, exits 0 and leaves nothing running", async () => {
    const startedMs = performance.now();
    await start();
    await run.ended;
    const elapsedMs = performance.now() - startedMs;
    assert.equal(run.child.exitCode, EXIT.done, `${run.stdout}\n${run.stderr}`);
    const told = run.stdout.replaceAll(/\s+/g, " ");
    for (const line of EXPECTED) assert.match(told, line);
    const inOrder = HEADINGS.map((heading) => run.stdout.indexOf(heading));
    assert.ok(!inOrder.includes(-1), `every heading is there: ${inOrder.join(" ")}`);
    assert.deepEqual(
      inOrder,
      inOrder.toSorted((a, b) => a - b),
      "in the order of the story",
    );
    assert.doesNotMatch(`${run.stdout}${run.stderr}`, /no\s+other\s+records?/i);
    for (const id of NODES) {
      const path = new RegExp(`^ +${id} +(\\S+audit\\.db)$`, "m").exec(run.stdout)?.[1];
      assert.ok(path !== undefined && existsSync(path), `the audit of ${id} lies where it is said to lie`);
    }
    assert.deepEqual(await processesLeftWith(run.folder, GONE_WITHIN_MS), []);
    assert.ok(elapsedMs <= WHOLE_MS_MAX, `it took ${(elapsedMs / 1_000).toFixed(0)} s`);
  });

  const moments: [when: string, wait: () => Promise<unknown>][] = [
    ["half a second after the start", () => sleep(500)],
    ["two seconds after the start", () => sleep(2_000)],
    ["five seconds after the start", () => sleep(5_000)],
    [
      "while one node is killed and one frozen",
      async () => {
        await run.until("Coventry's node is killed");
        await sleep(1_000);
      },
    ],
  ];
  for (const [when, wait] of moments) {
    it(`stops everything at Ctrl-C, ${when}`, async () => {
      await start();
      await wait();
      assert.notDeepEqual(processesWith(run.folder), [], "it is running");
      const interruptedMs = performance.now();
      run.interrupt();
      await run.ended;
      const elapsedMs = performance.now() - interruptedMs;
      const { exitCode, signalCode } = run.child;
      assert.ok(exitCode === INTERRUPTED || signalCode === "SIGINT", `${exitCode}, ${signalCode}: ${run.stderr}`);
      assert.ok(elapsedMs <= STOP_MS_MAX, `it took ${elapsedMs.toFixed(0)} ms to stop`);
      assert.deepEqual(await processesLeftWith(run.folder, GONE_WITHIN_MS), []);
    });
  }

  it("leaves no node behind even when it is killed itself", async () => {
    await start();
    await run.until("People: ");
    run.child.kill("SIGKILL");
    await run.ended;
    assert.deepEqual(await processesLeftWith(run.folder, STOP_MS_MAX), []);
  });

  it("names a port that is taken, and starts nothing", async () => {
    const portBase = await findFreePorts(NODES.length);
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(portBase + 2, "127.0.0.1", resolve));
    try {
      run = new Run(portBase);
      await run.ended;
    } finally {
      other.close();
    }
    assert.equal(run.child.exitCode, EXIT.usage);
    assert.match(run.stderr, new RegExp(`\\bport ${portBase + 2} is in use by another program\\b.*--port-base`));
    assert.doesNotMatch(run.stdout, /Nodes:/);
    assert.deepEqual(await processesLeftWith(run.folder, GONE_WITHIN_MS), []);
  });
});

const HEADINGS = [
  "── An ED clinician in Birmingham: a patient who has told their history twenty times today",
  "── A feed that is nine hours behind is named",
  "── A social worker asks the same, and is shown less",
  "── The number with another date of birth: check who this is",
  "── Restricted elsewhere, objected, or a stranger: three answers that are exactly alike",
  "── A person marked restricted here: nobody is asked",
  "── A research purpose is refused",
  "── Coventry's node is killed, Hereford's freezes: a partial answer in time, the missing named",
  "── Times and traces",
];

/** In what it printed, with every run of spaces and line ends as one space. */
const EXPECTED = [
  /Not for clinical use until a Clinical Safety Officer has signed/,
  /Certificates: a root, 2 issuing authorities, 6 nodes\. Manifest: signed, fresh\./,
  /Nodes: wm-bsol on \d+, wm-cw on \d+, wm-hw on \d+, wm-bc on \d+, wm-stw on \d+, wm-sst on \d+\./,
  /People: \d{4,} items of an invented cast loaded, through each node's own door\./,
  /\$ corridor locate --via wm-bsol --nhs-number \d{10} .* Find records in other areas Birmingham and Solihull \(here\) Records found/,
  /6 of 6 areas answered; 4 hold records\. .* This does not mean there is nothing else: records may be withheld, not yet connected, or held outside England\. \(exit 0\)/,
  /Behind: Worcestershire Acute Hospitals NHS Trust, last received 9 hours ago\./,
  /Records shown: \d+ in full to the clinician, \d+ to the social worker\./,
  /Check who this is: the number belongs to a record with a different name or date of birth in Birmingham and Solihull/,
  /The three answers, less their ids and times, are the same \d+ bytes\./,
  /Restricted record: location protected\. Request by emergency access\. \(exit 3\)/,
  /--purpose HRESCH .* This purpose is not offered.* \(exit 3\)/,
  /4 of 6 areas answered; 2 hold records\. Not answered: Coventry and Warwickshire \(could not be reached\); Herefordshire and Worcestershire \(no answer in time\)\..* \(exit 4\)/,
  /partial answer with one area killed and one frozen \(budget 2000\) +\d+ ms/,
  /Everything that was started has been stopped\. $/,
];
