import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";

import { systemClock } from "../../node/base/clock.ts";
import { seededRandom } from "../../node/base/random.ts";
import { behindPathOf } from "../../node/storage/behind.ts";
import { keepStore } from "../../node/storage/store-keeper.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { type Step, stepsOf, writeCrashImage } from "./crash-image.ts";
import { FILLED_TABLE, fillerOf } from "./filling-child.ts";
import { readTrace, whyNoStrace } from "./strace.ts";

const CHILD = fileURLToPath(new URL("./filling-child.ts", import.meta.url));
/** Enough for the log to be folded in once and begin anew: after 4 MiB. */
const ACKED_AT_LEAST = 60;
const ROW_BYTES = 90_000;
const CALLS = "pwrite64,write,ftruncate,fsync,fdatasync,unlink";

describe("a power cut", () => {
  let folder: string;
  before(() => void (folder = mkdtempSync(join(tmpdir(), "corridor-power-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  catalogueRow(
    {
      ...{ id: "D3", title: "leaves a file that opens with everything acknowledged, whatever was not yet synced" },
      ...{ quick: 20, full: 500, cannot: whyNoStrace() },
    },
    async (trials) => {
      const steps = await traceFilling(folder);
      const from = steps.findIndex(({ kind }) => kind === "acked");
      let rows = 0;
      for (const trial of trials) {
        const random = seededRandom(crc32(trials.seed(trial)));
        const until = from + 1 + Math.floor(random.fraction() * (steps.length - from));
        const image = join(folder, `image-${trial}`);
        const acked = writeCrashImage(steps.slice(0, until), image, random);
        const kept = lookInto(join(image, "audit.db"));
        const lost = acked.filter((value) => !kept.values.has(value));
        assert.deepEqual({ lost, integrity: kept.integrity, alarms: kept.alarms }, WELL, `trial ${trial}`);
        assert.ok(!existsSync(behindPathOf(join(image, "audit.db"))));
        rows += acked.length;
        rmSync(image, { recursive: true });
      }
      return { counts: { images: trials.count, acked: rows } };
    },
  );
});

const WELL = { lost: [], integrity: "ok", alarms: [] };

/** Fills a store under strace, from its first byte on, and kills it. */
async function traceFilling(folder: string): Promise<Step[]> {
  const [data, out] = [join(folder, "data"), join(folder, "filling.trace")];
  mkdirSync(data, { mode: 0o700 });
  const form = ["-f", "-ttt", "-y", "-xx", "-s", "70000", "-e", `trace=${CALLS}`, "-o", out];
  const command = [process.execPath, CHILD, join(data, "audit.db"), String(ROW_BYTES)];
  const child = spawn("strace", [...form, ...command], { stdio: ["ignore", "pipe", "inherit"], detached: true });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    if (said.includes(`acked ${ACKED_AT_LEAST}\n`)) process.kill(-(child.pid ?? 0), "SIGKILL");
  });
  await once(child, "close");
  const steps = stepsOf(readTrace(out), data);
  for (const left of [out, data]) rmSync(left, { recursive: true });
  const folds = steps.filter((step) => step.kind === "change" && step.file === "audit.db").length;
  assert.ok(folds > 500, `the log was folded in meanwhile (${folds} writes of the file itself)`);
  return steps;
}

function lookInto(path: string): { values: Set<number>; integrity: string; alarms: string[] } {
  const alarms: string[] = [];
  const kept = keepStore(path, "audit", systemClock, ({ event }) => alarms.push(event));
  try {
    const rows = kept.db.prepare<[], [number, Buffer]>(`SELECT value, filler FROM ${FILLED_TABLE}`).raw().all();
    const whole = rows.filter(([value, filler]) => filler.equals(fillerOf(value, ROW_BYTES)));
    return {
      values: new Set(whole.map(([value]) => value)),
      integrity: String(kept.db.pragma("integrity_check", { simple: true })),
      alarms,
    };
  } finally {
    kept.close();
  }
}
