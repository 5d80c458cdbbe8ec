import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openAuditReader } from "../../node/audit/audit-reader.ts";
import type { AreaAnswer, Scope, Verdict } from "../../node/base/answer.ts";
import { systemClock, today } from "../../node/base/clock.ts";
import { loadPeople } from "../../node/cli/mesh/load-people.ts";
import { type Mesh, startMesh } from "../../node/cli/mesh/mesh.ts";
import { readFeedFile } from "../../node/feeds/read-feed-file.ts";
import { makeRejects } from "../../node/feeds/rejects.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { englandPath } from "../../topology/england/generate.ts";
import { TRAVELLER } from "../../topology/england/people.ts";
import { residentMegabytes } from "../bench/resident.ts";
import { type CommandResult, corridor } from "../demo/command.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { findFreePorts } from "../testing/free-ports.ts";
import { regionsOf } from "./parts.ts";

const NODES_PER_PROCESS = 9;
const SOUTH_EAST = ["London", "East of England", "South East"];

/** A network to try: where its areas' codes lead, and who asks. */
interface Trial {
  readonly topology: (folder: string) => string;
  readonly people: string;
  readonly areas: number;
  /** A code that ended, of an area that one node answers for now; and one that several do. */
  readonly endedCode: string;
  readonly splitCode: string;
}

const peopleOf = (year: 2022 | 2026): string => englandPath(year).replace(/\.yaml$/, ".people");

const TRIALS: readonly Trial[] = [
  {
    topology(folder) {
      const path = join(folder, "south-east.yaml");
      writeFileSync(path, regionsOf(englandPath(2026), SOUTH_EAST));
      return path;
    },
    ...{ people: peopleOf(2026), areas: 11, endedCode: "QMM", splitCode: "QM7" },
  },
  { topology: () => englandPath(2026), people: peopleOf(2026), areas: 36, endedCode: "QMM", splitCode: "QM7" },
  { topology: () => englandPath(2022), people: peopleOf(2022), areas: 42, endedCode: "QMM", splitCode: "S1Y5D" },
];

interface Located {
  readonly requestId: string;
  readonly answers: readonly AreaAnswer[];
  readonly verdict: Verdict;
}

describe("all England on one machine", () => {
  catalogueRow(
    {
      ...{ id: "ENG1", title: "every area answers, under TLS and with an audit of its own" },
      ...{ quick: 1, full: TRIALS.length, slice: 1, timeoutMs: 600_000 },
    },
    async (trials) => {
      const worst = { startSeconds: 0, megabytesPerNode: 0, locateMs: 0 };
      for (const trial of trials) {
        const seen = await tryNetwork(TRIALS[trial]!);
        for (const key of Object.keys(worst) as (keyof typeof worst)[]) worst[key] = Math.max(worst[key], seen[key]);
      }
      return { counts: { networks: trials.count }, worst };
    },
  );
});

async function tryNetwork(trial: Trial): Promise<Record<"startSeconds" | "megabytesPerNode" | "locateMs", number>> {
  const folder = mkdtempSync(join(tmpdir(), "corridor-england-"));
  const beganMs = performance.now();
  let mesh: Mesh | undefined;
  try {
    mesh = await startMesh({
      ...{ topologyPath: trial.topology(folder), dataDir: folder, nodesPerProcess: NODES_PER_PROCESS },
      ...{ portBase: await findFreePorts(trial.areas), clock: systemClock, say() {}, signal: never() },
    });
    const startSeconds = (performance.now() - beganMs) / 1_000;
    await loadPeople({
      ...{ mesh, peopleDir: trial.people, clock: systemClock, signal: never() },
      connect: (target) => connectCaller(target, systemClock),
      feeds: { read: (path) => readFeedFile(path, { today: today(systemClock) }), makeRejects },
    });
    const locateMs = await locateEverywhere(mesh, folder, trial);
    return { startSeconds, megabytesPerNode: megabytesPerNode(mesh), locateMs };
  } finally {
    await mesh?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function locateEverywhere(mesh: Mesh, folder: string, trial: Trial): Promise<number> {
  const first = await locate(folder, mesh.nodes[0]!.id);
  assert.equal(first.exitCode, 0, first.stdout + first.stderr); // the first connections are made under it
  const { exitCode, stdout, stderr } = await locate(folder, trial.endedCode);
  assert.equal(exitCode, 0, stdout + stderr);
  const { requestId, answers, verdict } = JSON.parse(stdout) as Located;

  const holding = answers.filter(({ outcome }) => outcome === "records");
  const held = mesh.topology.nodes.filter(({ ics }) => ics.some(({ code }) => TRAVELLER.heldIn.includes(code)));
  assert.deepEqual(new Set(holding.map(({ area }) => area.nodeId)), new Set(held.map(({ id }) => id)));
  assert.equal(verdict.sentence, `${trial.areas} of ${trial.areas} areas answered; ${held.length} hold records.`);
  checkScopes(mesh, verdict);
  for (const node of mesh.nodes) {
    const audit = openAuditReader(join(node.dataDir, "audit.db"));
    assert.ok(audit.byRequest(requestId).length > 0, `${node.id} has audited its answer`);
    audit.close();
  }

  const kept = join(folder, "kept.json");
  writeFileSync(kept, stdout);
  assert.equal((await corridor(["locate", "verify", kept, "--mesh", folder])).exitCode, 0);
  const split = await locate(folder, trial.splitCode);
  assert.equal(split.exitCode, 2);
  assert.match(split.stderr, /answered for by several nodes: name one of /);
  return Math.max(...answers.map(({ elapsedMs }) => elapsedMs));
}

/** Every scope has just the areas that the topology puts there. */
function checkScopes({ topology }: Mesh, { asker, scopes }: Verdict): void {
  const own = topology.nodes.find(({ id }) => id === asker)!;
  const areas: Record<Scope, number> = {
    collaborative: topology.nodes.filter(({ collaborative }) => collaborative === own.collaborative).length,
    region: topology.nodes.filter(({ region }) => region === own.region).length,
    network: topology.nodes.length,
  };
  for (const { scope, ...counted } of scopes) {
    assert.deepEqual(counted, { everyAreaAnswered: true, areas: areas[scope], answered: areas[scope] }, scope);
  }
}

function locate(folder: string, via: string): Promise<CommandResult> {
  const { nhsNumber, birthDate } = TRAVELLER;
  const who = ["--nhs-number", nhsNumber, "--birth-date", birthDate, "--role", "R8000", "--setting", "emergency"];
  const why = ["--purpose", "TREAT", "--relationship", "attendance", "--reason", "In resus", "--answer-by", "20000"];
  return corridor(["locate", "--via", via, "--mesh", folder, ...who, ...why, "--json"]);
}

function megabytesPerNode(mesh: Mesh): number {
  const processes = new Set(mesh.nodes.map(({ process }) => process.pid));
  const resident = [...processes].reduce((sum, pid) => sum + residentMegabytes(pid), 0);
  return Math.round(resident / mesh.nodes.length);
}

function never(): AbortSignal {
  return new AbortController().signal;
}
