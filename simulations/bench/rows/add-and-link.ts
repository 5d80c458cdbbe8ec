import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { systemClock, today } from "../../../node/base/clock.ts";
import { systemRandom } from "../../../node/base/random.ts";
import { parseFeedItem } from "../../../node/feeds/items.ts";
import type { FeedItem } from "../../../node/requests/load-batch.ts";
import { emptyRecord } from "../../../node/mpi/identity-record.ts";
import { makeIdentityRows } from "../../../node/mpi/identity-rows.ts";
import { makeLinkCandidates } from "../../../node/mpi/link-candidates.ts";
import { toComparable } from "../../../node/mpi/linkage/comparable.ts";
import { openDatabase } from "../../../node/storage/database.ts";
import { connectCaller } from "../../../node/wire/caller-client.ts";
import type { Bench, Result, Row } from "../bench-row.ts";
import { fieldsOf, identityLines } from "../feed-files.ts";
import { filledFolder } from "../fill.ts";
import { median, percentile } from "../measure.ts";
import { type HolderNetwork, startHolder } from "../network.ts";

const FOR_MS = 20_000;
const QUICK_FOR_MS = 5_000;
const WARM_UP_ITEMS = 500;
const NEW_PEOPLE_FROM = 4_000_000;
const PER_SECOND_MIN = 500;
const P99_MS_MAX = 20;
const SCORED_MEAN_MAX = 50;
const SCORED_MAX = 200;
/** Records of which it is counted with how many others each is compared. */
const COUNTED = 4_000;

/** One identity record after another through a node's door, each sent only when the one before it is durable and linked. */
export function addAndLink({ people, name }: { readonly people: number; readonly name: string }): Row {
  return { names: [name], measure: (bench) => measure(bench, people, name) };
}

async function measure(bench: Bench, people: number, name: string): Promise<readonly Result[]> {
  const folder = join(bench.folder, "adding");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  cpSync(filledFolder(bench.folder, people, bench.say), join(folder, "data"), { recursive: true });
  const network = await startHolder(bench, join(folder, "data"));
  try {
    const latenciesMs = await addOneByOne(network, bench.isQuick ? QUICK_FOR_MS : FOR_MS);
    const perSecond = latenciesMs.length / (latenciesMs.reduce((sum, each) => sum + each, 0) / 1_000);
    const p99 = percentile(latenciesMs, 99);
    const scored = countScored(join(filledFolder(bench.folder, people, bench.say), "index.db"));
    return [
      {
        ...{ name, value: perSecond, unit: "records/s", baseline: null, ratio: null, target: PER_SECOND_MIN },
        ...{
          bar: `value >= ${PER_SECOND_MIN}/s, p99 <= ${P99_MS_MAX} ms, scored <= ${SCORED_MEAN_MAX} on average, ${SCORED_MAX} at most`,
        },
        met:
          perSecond >= PER_SECOND_MIN &&
          p99 <= P99_MS_MAX &&
          scored.mean <= SCORED_MEAN_MAX &&
          scored.most <= SCORED_MAX,
        beside: {
          ...{ "p50 ms": median(latenciesMs), "p99 ms": p99 },
          ...{ "candidates scored, mean": scored.mean, "candidates scored, most": scored.most },
        },
        note: `${latenciesMs.length} records, a quarter of them second records of somebody just added; from sending to the acknowledgement`,
      },
    ];
  } finally {
    await network.holder.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function addOneByOne(network: HolderNetwork, forMs: number): Promise<number[]> {
  const client = await connectCaller(
    { host: network.host, port: network.port, certsDir: network.feedDir },
    systemClock,
  );
  const lines = identityLines(NEW_PEOPLE_FROM);
  const latenciesMs: number[] = [];
  let acknowledged = Promise.withResolvers<void>();
  let untilMs = Infinity;
  async function* oneByOne(): AsyncGenerator<readonly FeedItem[]> {
    for (let sent = 0; performance.now() < untilMs; sent++) {
      if (sent === WARM_UP_ITEMS) {
        latenciesMs.length = 0;
        untilMs = performance.now() + forMs;
      }
      acknowledged = Promise.withResolvers();
      const item = parseFeedItem(
        { kind: "identity", fields: namedAsInCode(lines.next().value) },
        { today: today(systemClock) },
      );
      if ("rejected" in item) throw new Error(`a record was rejected: ${item.rejected.reason}`);
      const startedMs = performance.now();
      yield [item];
      await acknowledged.promise;
      latenciesMs.push(performance.now() - startedMs);
    }
  }
  try {
    for await (const { accepted } of client.load({ name: "one at a time", asOfMs: 0 }, oneByOne())) {
      if (accepted !== 1) throw new Error("a record was not kept");
      acknowledged.resolve();
    }
  } finally {
    client.close();
  }
  return latenciesMs;
}

/** With how many identities each new record would be compared, if no number decided before. */
function countScored(path: string): { readonly mean: number; readonly most: number } {
  const db = openDatabase(path, { readonly: true });
  try {
    const candidatesOf = makeLinkCandidates(db, makeIdentityRows(db, systemRandom));
    const lines = identityLines(NEW_PEOPLE_FROM);
    const counts = Array.from({ length: COUNTED }, () => {
      const fields = namedAsInCode(lines.next().value);
      return candidatesOf(toComparable({ ...emptyRecord("", ""), ...fields })).identities.length;
    });
    const sum = counts.reduce((total, each) => total + each, 0);
    return { mean: sum / counts.length, most: counts.reduce((most, each) => Math.max(most, each), 0) };
  } finally {
    db.close();
  }
}

/** `local_id` becomes `localId`. */
function namedAsInCode(line: Parameters<typeof fieldsOf>[0]): Record<string, unknown> {
  const fields = Object.entries(fieldsOf(line)).map(([column, value]) => [
    column.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    column === "restricted" ? value === "true" : value,
  ]);
  return Object.fromEntries(fields) as Record<string, unknown>;
}
