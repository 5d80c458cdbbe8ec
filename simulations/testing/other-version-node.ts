/**
 * A node of a protocol that is not spoken here yet, as a process of its own: everything else is the product's. Started
 * like `corridor node --config FILE --until-stdin-closes`.
 */
import { parseArgs } from "node:util";

import { systemClock } from "../../node/base/clock.ts";
import { systemRandom } from "../../node/base/random.ts";
import { readSettings } from "../../node/config/settings.ts";
import { startNode } from "../../node/node.ts";
import { makeLog } from "../../node/telemetry/log.ts";

const { values } = parseArgs({
  options: { config: { type: "string" }, "until-stdin-closes": { type: "boolean" } },
  allowPositionals: true,
});
const settings = readSettings(values.config ?? "");
const node = await startNode(settings, {
  clock: systemClock,
  random: systemRandom,
  log: makeLog(settings.logLevel, (line) => process.stdout.write(line)).with({ node: settings.id }),
  protocol: { major: 2, minor: 0 },
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
