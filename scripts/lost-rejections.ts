/**
 * Fails the run where a promise was rejected and nobody handled it. Mocha re-emits such rejections and, where nobody else
 * listens, drops them; in production they end the process. They are collected and thrown after a file's last test, since
 * mocha abandons the remaining tests when one that has passed fails afterwards.
 */
const lost = new Set<unknown>(); // a set: mocha's re-emitting shows each one twice

function collect(reason: unknown): void {
  lost.add(reason);
}

/** Registered for each file anew: mocha's parallel workers drop all listeners between files. */
export const mochaHooks = {
  beforeAll(): void {
    process.on("unhandledRejection", collect);
  },
  async afterAll(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve)); // the last test's rejections surface after its turn
    process.off("unhandledRejection", collect);
    const reasons = [...lost];
    lost.clear();
    if (reasons.length === 0) return;
    const stacks = reasons.map((reason) => (reason instanceof Error ? reason.stack : "not an Error"));
    throw new Error(`${reasons.length} promises were rejected and nobody handled it:\n${stacks.join("\n")}`);
  },
};
