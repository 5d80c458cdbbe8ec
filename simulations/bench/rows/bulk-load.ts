import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { Bench, Result, Row } from "../bench-row.ts";
import { writeIdentityFile } from "../feed-files.ts";
import { startFeeder } from "../feeder.ts";
import { startHolder } from "../network.ts";
import { peakMegabytes } from "../resident.ts";

const QUICK_SHARE = 10;
const MINUTES_A_MILLION_MAX = 5;
const MEGABYTES_MAX = 1_500;

/** `corridor load` of a file into an empty node, through its door: every record durable and linked. */
export function bulkLoad({ records, name }: { readonly records: number; readonly name: string }): Row {
  return { names: [name], measure: (bench) => measure(bench, bench.isQuick ? records / QUICK_SHARE : records, name) };
}

async function measure(bench: Bench, records: number, name: string): Promise<readonly Result[]> {
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
    const minutes = (loaded.seconds / 60) * (1_000_000 / records);
    const isSmall = nodeMegabytes + loaded.peakMegabytes <= MEGABYTES_MAX;
    return [
      {
        ...{ name, value: minutes, unit: "minutes a million", baseline: null, ratio: null },
        target: MINUTES_A_MILLION_MAX,
        bar: `value <= ${MINUTES_A_MILLION_MAX} minutes a million, node and command <= ${MEGABYTES_MAX} MB together`,
        met: minutes <= MINUTES_A_MILLION_MAX && isSmall,
        beside: {
          "records a second": records / loaded.seconds,
          "node, most MB": nodeMegabytes,
          "command, most MB": loaded.peakMegabytes,
        },
        note: `${records} identity records, a quarter of them second records of somebody just loaded`,
      },
    ];
  } finally {
    await network.holder.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
