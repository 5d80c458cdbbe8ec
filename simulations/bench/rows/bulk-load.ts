import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { Row } from "../bench-row.ts";
import { writeIdentityFile } from "../feed-files.ts";
import { startFeeder } from "../feeder.ts";
import { startHolder } from "../network.ts";
import { peakMegabytes } from "../resident.ts";

const RECORDS = 1_000_000;
const QUICK_RECORDS = 100_000;
const MINUTES_MAX = 5;
const MEGABYTES_MAX = 1_500;

const name = "bulk load and link, 1 M identity records";

/** `corridor load` of a file into an empty node, through its door: every record durable and linked. */
export const bulkLoad: Row = {
  names: [name],
  async measure(bench) {
    const records = bench.isQuick ? QUICK_RECORDS : RECORDS;
    const folder = join(bench.folder, "load");
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(join(folder, "data"), { recursive: true, mode: 0o700 });
    const file = join(folder, "identities.csv");
    writeIdentityFile(file, 0, records);
    const network = await startHolder(bench, join(folder, "data"));
    try {
      const loaded = await startFeeder(network, file).loaded;
      if (loaded.accepted !== records) throw new Error(`${loaded.accepted} of ${records} were kept`);
      const nodeMegabytes = peakMegabytes(network.holder.pid);
      const minutes = (loaded.seconds / 60) * (RECORDS / records);
      const isSmall = nodeMegabytes + loaded.peakMegabytes <= MEGABYTES_MAX;
      return [
        {
          ...{ name, value: minutes, unit: "minutes", baseline: null, ratio: null, target: MINUTES_MAX },
          bar: `value <= ${MINUTES_MAX} minutes, node and command <= ${MEGABYTES_MAX} MB together`,
          met: minutes <= MINUTES_MAX && isSmall,
          beside: {
            "records a second": records / loaded.seconds,
            "node, most MB": nodeMegabytes,
            "command, most MB": loaded.peakMegabytes,
          },
          note: `${records} identity records, a quarter of them second records of somebody just loaded${bench.isQuick ? "; the minutes are reckoned up from fewer records" : ""}`,
        },
      ];
    } finally {
      await network.holder.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
