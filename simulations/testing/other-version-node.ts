/**
 * A node of another protocol version, as a process of its own: everything else is the product's. Started like
 * `corridor node --config FILE --until-stdin-closes`, with `--protocol MAJOR.MINOR` before it.
 */
import { parseArgs } from "node:util";

import { systemClock } from "../../node/base/clock.ts";
import { systemRandom } from "../../node/base/random.ts";
import { readSettings } from "../../node/config/settings.ts";
import { startNode } from "../../node/node.ts";
import { makeLog } from "../../node/telemetry/log.ts";

const { values } = parseArgs({
  options: {
    protocol: { type: "string", default: "2.0" },
    config: { type: "string" },
    "until-stdin-closes": { type: "boolean" },
  },
  allowPositionals: true,
});
const [major = 0, minor = 0] = values.protocol.split(".").map(Number);
const settings = readSettings(values.config ?? "");
const node = await startNode(settings, {
  clock: systemClock,
  random: systemRandom,
  log: makeLog(settings.logLevel, (line) => process.stdout.write(line)).with({ node: settings.id }),
  protocol: { major, minor },
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
