import { randomFillSync } from "node:crypto";

import { checkDigit } from "../../../node/base/nhs-number.ts";
import { buildBinaryFuse, holds } from "../../../node/presence/binary-fuse.ts";
import { buildFilter } from "../../../node/presence/build-filter.ts";
import type { Bench, Result, Row } from "../bench-row.ts";

const KEYS = 1_000_000;
const PROBES = 10_000_000;
const NUMBERS = 2_500_000;
const BITS_MAX = 9.1;
const LET_THROUGH_MAX = 0.004;
const BUILT_MS_MAX = 10_000;

/** How large a presence filter is, whom it lets through who is not in it, and how long a large one takes to be built. */
export const presenceFilter: Row = {
  names: ["presence filter, 1 M keys", "presence filter, 2.5 M numbers built"],
  async measure(bench) {
    return [sizeOf(bench), await buildTimeOf(bench)];
  },
};

function sizeOf({ isQuick }: Bench): Result {
  const keys = randomKeys(KEYS);
  const filter = buildBinaryFuse(keys, 7);
  const probes = isQuick ? PROBES / 10 : PROBES;
  let denied = 0;
  for (let probe = 0; probe < probes; probe++) if (!holds(filter, keys[probe % KEYS]!)) denied++;
  let passed = 0;
  for (const other of randomKeys(probes)) if (holds(filter, other)) passed++;
  const bits = (filter.fingerprints.length * 8) / KEYS;
  const letThrough = passed / probes;
  return {
    ...{
      name: presenceFilter.names[0]!,
      value: bits,
      unit: "bits a key",
      baseline: null,
      ratio: null,
      target: BITS_MAX,
    },
    bar: `<= ${BITS_MAX} bits a key, <= ${LET_THROUGH_MAX * 100} % of others let through, no key denied`,
    met: bits <= BITS_MAX && letThrough <= LET_THROUGH_MAX && denied === 0,
    beside: { "others let through, %": letThrough * 100, "keys denied": denied, probes },
  };
}

async function buildTimeOf({ isQuick }: Bench): Promise<Result> {
  const count = isQuick ? NUMBERS / 10 : NUMBERS;
  const numbers = neverIssued(count);
  const startedMs = performance.now();
  await buildFilter({ numbers, key: new Uint8Array(32), epoch: 1, seed: 7 });
  const tookMs = performance.now() - startedMs;
  return {
    ...{ name: presenceFilter.names[1]!, value: tookMs / 1_000, unit: "s", baseline: null, ratio: null },
    ...{ target: BUILT_MS_MAX / 1_000, bar: `<= ${BUILT_MS_MAX / 1_000} s`, met: tookMs <= BUILT_MS_MAX },
    note: `${count} numbers, tokens made and filter built in a thread of its own; whom it is to hold is decided before, at leisure`,
  };
}

function randomKeys(count: number): BigUint64Array {
  return randomFillSync(new BigUint64Array(count));
}

/** Numbers that are never issued: 900 000 0000 and up. */
function neverIssued(count: number): Float64Array {
  const numbers = new Float64Array(count);
  let filled = 0;
  for (let first = 900_000_000; filled < count; first++) {
    const last = checkDigit(String(first));
    if (last !== 10) numbers[filled++] = first * 10 + last;
  }
  return numbers;
}
