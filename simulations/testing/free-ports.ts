import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Below the ports that the system gives to outgoing connections, so that none of those takes one meanwhile. */
const FROM = 12_000;
const TO = 32_000;

/**
 * Finds so many free ports in a row on this machine.
 *
 * @returns the first of them. Another process may still be quicker: whoever listens must be ready to look again.
 */
export async function findFreePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const base = randomInt(FROM, TO - count);
    const free = await Promise.all(Array.from({ length: count }, (_, at) => isFree(base + at)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no ${count} free ports in a row were found`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
