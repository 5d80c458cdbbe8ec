import { isMainThread, parentPort, workerData } from "node:worker_threads";

import { check } from "../base/check.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { buildBinaryFuse } from "./binary-fuse.ts";
import type { BuildOrder } from "./build-filter.ts";
import { keyedTokens } from "./token.ts";

/** Builds one filter in a thread of its own, for it takes a second without a pause, and ends. Run as a worker, never imported. */
check(!isMainThread && parentPort !== null, "a filter is built in a thread of its own");
const { numbers, key, epoch, seed } = workerData as BuildOrder;
const { token } = keyedTokens(key, epoch);
const tokens = new BigUint64Array(numbers.length);
let count = 0;
for (const number of numbers) {
  const parsed = NhsNumber.parse(String(number).padStart(10, "0"));
  if (parsed !== undefined) tokens[count++] = token(parsed);
}
parentPort.postMessage(buildBinaryFuse(tokens.subarray(0, count), seed));
