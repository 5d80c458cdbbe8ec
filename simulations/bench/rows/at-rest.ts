import { setTimeout as sleep } from "node:timers/promises";

import type { Row } from "../bench-row.ts";
import { filledFolder } from "../fill.ts";
import { startHolder } from "../network.ts";
import { residentMegabytes } from "../resident.ts";

const PEOPLE = 1_000_000;
const AFTER_MS = 60_000;
const QUICK_AFTER_MS = 20_000;
const MEGABYTES_MAX = 150;

const name = "memory at rest, 1 M people, five peers";

/** What a node keeps in memory when nobody asks. */
export const atRest: Row = {
  names: [name],
  async measure(bench) {
    const { holder, topology } = await startHolder(bench, filledFolder(bench.folder, PEOPLE, bench.say));
    const afterMs = bench.isQuick ? QUICK_AFTER_MS : AFTER_MS;
    try {
      await sleep(afterMs);
      const megabytes = residentMegabytes(holder.pid);
      return [
        {
          ...{ name, value: megabytes, unit: "MB", baseline: null, ratio: null },
          ...{ target: MEGABYTES_MAX, bar: `value <= ${MEGABYTES_MAX} MB`, met: megabytes <= MEGABYTES_MAX },
          note: `resident ${afterMs / 1_000} s after start; ${topology.nodes.length - 1} peers in the manifest`,
        },
      ];
    } finally {
      await holder.stop();
    }
  },
};
