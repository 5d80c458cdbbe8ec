/**
 * Measures the product as it runs in production against what it is held to: a table on screen, out/bench.json beside it.
 *
 * BENCH_ONLY=words: only rows whose name holds them. COUNT=quick: shorter, for a look. BENCH_PROFILE=folder: the holder
 * of the unary rows writes CPU profiles there.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import type { Bench, Result, Row } from "./bench-row.ts";
import { describeMachine, load, refuseMemoryDisk } from "./machine.ts";
import { addAndLink } from "./rows/add-and-link.ts";
import { atRest } from "./rows/at-rest.ts";
import { auditLog } from "./rows/audit-log.ts";
import { bulkLoad } from "./rows/bulk-load.ts";
import { demographicSearch } from "./rows/demographic-search.ts";
import { englandLocate } from "./rows/england-locate.ts";
import { federatedLocate } from "./rows/federated-locate.ts";
import { fhirDoor } from "./rows/fhir-door.ts";
import { limitsCost } from "./rows/limits-cost.ts";
import { locateWhileLoading } from "./rows/locate-while-loading.ts";
import { pointLookup } from "./rows/point-lookup.ts";
import { presenceFilter } from "./rows/presence-filter.ts";
import { recordRetrieval } from "./rows/record-retrieval.ts";
import { coalescedLocate, unaryLocate } from "./rows/unary-locate.ts";
import { printResult, printTable } from "./table.ts";

const OUT = fileURLToPath(new URL("../../out/", import.meta.url));

const ROWS: readonly Row[] = [
  unaryLocate({ people: 100_000, name: "unary locate, 100 k people" }),
  unaryLocate({ people: 1_000_000, name: "unary locate, 1 M people" }),
  coalescedLocate({ people: 1_000_000, name: "coalesced locate, 1 M people" }),
  federatedLocate,
  englandLocate,
  atRest,
  auditLog,
  pointLookup,
  demographicSearch({ people: 100_000, name: "demographic search, 100 k people" }),
  demographicSearch({ people: 1_000_000, name: "demographic search, 1 M people" }),
  demographicSearch({ people: 2_500_000, name: "demographic search, 2.5 M people" }),
  addAndLink({ people: 100_000, name: "add and link, one at a time, 100 k people" }),
  addAndLink({ people: 1_000_000, name: "add and link, one at a time, 1 M people" }),
  addAndLink({ people: 2_500_000, name: "add and link, one at a time, 2.5 M people" }),
  bulkLoad({ records: 100_000, name: "bulk load and link, 100 k identity records" }),
  bulkLoad({ records: 1_000_000, name: "bulk load and link, 1 M identity records" }),
  bulkLoad({ records: 2_500_000, name: "bulk load and link, 2.5 M identity records" }),
  locateWhileLoading,
  presenceFilter,
  limitsCost,
  fhirDoor,
  recordRetrieval,
];

async function main(): Promise<void> {
  const bench: Bench = {
    folder: `${OUT}bench`,
    isQuick: process.env["COUNT"] === "quick",
    profileFolder: process.env["BENCH_PROFILE"],
    say: (line) => console.log(line),
  };
  mkdirSync(bench.folder, { recursive: true, mode: 0o700 });
  refuseMemoryDisk(bench.folder);
  console.log(describeMachine(bench.folder));

  const wanted = process.env["BENCH_ONLY"] ?? "";
  const results: Result[] = [];
  for (const row of ROWS.filter(({ names }) => names.some((name) => name.includes(wanted)))) {
    console.log(`\n${row.names.join("; ")} … (load average ${load()})`);
    for (const result of await measure(row, bench)) {
      printResult(result);
      results.push(result);
    }
  }
  printTable(results);
  if (results.some(({ value }) => value === null)) process.exitCode = 1;
  writeFileSync(`${OUT}bench.json`, `${JSON.stringify(results, undefined, 2)}\n`);
  console.log("\nFigures: out/bench.json. What each row means: simulations/bench/README.md.");
}

/** A row that breaks off is reported as such, and the others are still measured. */
async function measure(row: Row, bench: Bench): Promise<readonly Result[]> {
  try {
    return await row.measure(bench);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    console.error(thrown);
    return row.names.map((name) => ({
      ...{ name, value: null, unit: "", baseline: null, ratio: null, target: null, bar: "", met: false },
      note: `not measured: ${why}`,
    }));
  }
}

await main();
