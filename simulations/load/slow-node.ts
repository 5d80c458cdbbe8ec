/**
 * A node whose every answer takes some milliseconds of its processor, as a process of its own, so that a few can ask it for
 * more than it can do: making up the id of a permit, which each answer needs one of, is slow. Everything else is the
 * product's. Started like `corridor node --config FILE --until-stdin-closes`.
 */
import { parseArgs } from "node:util";

import { systemClock } from "../../node/base/clock.ts";
import { systemRandom } from "../../node/base/random.ts";
import { PROTOCOL } from "../../node/base/words.ts";
import { readSettings } from "../../node/config/settings.ts";
import { startNode } from "../../node/node.ts";
import { makeLog } from "../../node/telemetry/log.ts";

const PERMIT_MS = 3;

const { values } = parseArgs({
  options: { config: { type: "string" }, "until-stdin-closes": { type: "boolean" } },
  allowPositionals: true,
});
const settings = readSettings(values.config ?? "");
const node = await startNode(settings, {
  clock: systemClock,
  random: { ...systemRandom, uuid: makeUpSlowly },
  log: makeLog(settings.logLevel, (line) => process.stdout.write(line)).with({ node: settings.id }),
  protocol: PROTOCOL,
  onFatal: (failure) => {
    throw failure;
  },
});

let stopping: Promise<void> | undefined;
const stop = (): void => {
  stopping ??= node.stop();
};
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stop);
process.stdin.once("close", stop).once("error", stop).resume();
process.stdin.unref();

function makeUpSlowly(): string {
  for (const untilMs = performance.now() + PERMIT_MS; performance.now() < untilMs;);
  return systemRandom.uuid();
}
