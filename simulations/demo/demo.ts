/**
 * The demonstration: an emergency department in Birmingham asks six areas, each a process of its own, over mutual TLS.
 * Every step checks what it shows; the exit code is 0 only if all of it was as told.
 */
import { AssertionError } from "node:assert/strict";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { systemClock, today } from "../../node/base/clock.ts";
import { Failure } from "../../node/base/failure.ts";
import type { Connect, FeedFiles } from "../../node/cli/client.ts";
import { EXIT, reportFailure } from "../../node/cli/exit.ts";
import { checkPortsFree } from "../../node/cli/mesh/ports.ts";
import { loadPeople } from "../../node/cli/mesh/load-people.ts";
import { type Mesh, startMesh } from "../../node/cli/mesh/mesh.ts";
import { readFeedFile } from "../../node/feeds/read-feed-file.ts";
import { makeRejects } from "../../node/feeds/rejects.ts";
import { connectCaller } from "../../node/wire/caller-client.ts";
import { readTopology } from "../../topology/topology.ts";
import { CAST_DIR } from "../../topology/people/generate.ts";
import { type DemoSources, startDemoSources } from "./sources.ts";
import { Story } from "./story.ts";
import { STEPS } from "./steps.ts";

const TOPOLOGY = fileURLToPath(new URL("../../topology/west-midlands.yaml", import.meta.url));
const DATA = fileURLToPath(new URL("../../out/demo", import.meta.url));
const PORT_BASE = "7500";

const connect: Connect = (target) => connectCaller(target, systemClock);
const feeds: FeedFiles = { read: (path: string) => readFeedFile(path, { today: today(systemClock) }), makeRejects };

const stopping = new AbortController();
let mesh: Mesh | undefined;
let sources: DemoSources | undefined;

/** For a second demonstration on one machine: `--port-base N` and `--data DIR`, a folder that is empty or not there yet. */
async function readOptions(): Promise<{ dataDir: string; portBase: number }> {
  const { values } = parseArgs({ options: { data: { type: "string" }, "port-base": { type: "string" } } });
  const portBase = Number(values["port-base"] ?? PORT_BASE);
  if (values.data === undefined) {
    // Another demonstration that is running keeps its folder.
    await checkPortsFree(
      "127.0.0.1",
      readTopology(TOPOLOGY).nodes.map((_, place) => portBase + place),
    );
    rmSync(DATA, { recursive: true, force: true });
  } else if (existsSync(values.data) && readdirSync(values.data).length > 0) {
    throw new Failure("invalid-input", "--data names a folder that holds something: choose an empty one.");
  }
  return { dataDir: values.data ?? DATA, portBase };
}

async function main(): Promise<void> {
  const startedMs = performance.now();
  const { dataDir, portBase } = await readOptions();
  console.log("Corridor: six areas of the West Midlands, six processes, mutual TLS, embedded storage.");
  console.log("All people are synthetic. Not for clinical use until a Clinical Safety Officer has signed.\n");
  sources = await startDemoSources(join(dataDir, "records"));
  mesh = await startMesh({
    settings: sources.settings,
    topologyPath: TOPOLOGY,
    dataDir,
    portBase,
    nodesPerProcess: 1,
    clock: systemClock,
    say: (line) => console.log(line),
    signal: stopping.signal,
  });
  const count = await loadPeople({
    mesh,
    peopleDir: CAST_DIR,
    connect,
    feeds,
    clock: systemClock,
    signal: stopping.signal,
  });
  console.log(`People: ${count} items of an invented cast loaded, through each node's own door.`);
  const story = new Story(mesh, dataDir, stopping.signal);
  for (const step of STEPS) {
    stopping.signal.throwIfAborted();
    await step(story);
  }
  story.close(performance.now() - startedMs);
}

async function stopAll(): Promise<void> {
  await mesh?.stop();
  await sources?.close();
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    process.exitCode = 130;
    stopping.abort();
  });
}

try {
  await main();
} catch (thrown) {
  if (stopping.signal.aborted) console.log("\nStopped on request.");
  else if (thrown instanceof AssertionError) {
    console.error(`The demonstration did not go as told: ${thrown.message}`);
    process.exitCode = EXIT.failed;
  } else reportFailure(thrown);
} finally {
  await stopAll();
  console.log("Everything that was started has been stopped.");
}
