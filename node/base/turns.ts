/** Does work when its turn has come. */
export type InTurn = <Result>(work: () => Promise<Result>) => Promise<Result>;

/** Lets at most so many works be under way at once; the others wait, first come, first served. */
export function makeTurns(atOnce: number): InTurn {
  let free = atOnce;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
