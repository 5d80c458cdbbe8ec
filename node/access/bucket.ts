const HOUR_MS = 3_600_000;

/**
 * What has been spent of an hourly allowance, and flows back evenly over the hour. The allowance is given anew each time: it
 * may change, and what was spent stays spent.
 */
export class Bucket {
  #spent: number;
  #atMs: number;

  /** @param atMs on the monotonic clock: what was spent then. */
  constructor(spent: number, atMs: number) {
    this.#spent = spent;
    this.#atMs = atMs;
  }

  spentAt(nowMs: number, limit: number): number {
    this.#spent = Math.max(0, this.#spent - (limit * (nowMs - this.#atMs)) / HOUR_MS);
    this.#atMs = nowMs;
    return this.#spent;
  }

  /** @returns 0 where it was taken; else the milliseconds until it could be. */
  take(cost: number, limit: number, nowMs: number): number {
    const over = this.spentAt(nowMs, limit) + cost - limit;
    if (over > 0) return Math.ceil((over / limit) * HOUR_MS);
    this.#spent += cost;
    return 0;
  }

  /** Takes it whatever is left; what is owed stays under an hour's allowance. */
  charge(cost: number, limit: number, nowMs: number): void {
    this.#spent = Math.min(2 * limit, this.spentAt(nowMs, limit) + cost);
  }
}
