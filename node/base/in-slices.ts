import type { Clock } from "./clock.ts";

/** Longest that work on many items keeps the event loop from everything else, but for the one item that ends a slice. */
const SLICE_MS = 5;

/** Maps items as `map` does, letting others have the event loop every few milliseconds. */
export async function mapInSlices<In, Out>(
  items: readonly In[],
  map: (item: In, index: number) => Out,
  clock: Clock,
): Promise<Out[]> {
  const mapped: Out[] = [];
  let begunMs = clock.monotonicMs();
  for (const [index, item] of items.entries()) {
    mapped.push(map(item, index));
    if (clock.monotonicMs() - begunMs < SLICE_MS) continue;
    await clock.sleep(0);
    begunMs = clock.monotonicMs();
  }
  return mapped;
}
