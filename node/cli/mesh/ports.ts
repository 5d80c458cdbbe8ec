import { createServer } from "node:net";

import { Failure } from "../../base/failure.ts";

/**
 * Makes sure that nothing listens on these ports, before anything is started.
 *
 * @throws {Failure} `configuration` naming every port that is taken.
 */
export async function checkPortsFree(host: string, ports: readonly number[]): Promise<void> {
  const taken: number[] = [];
  for (const port of ports) if (!(await isFree(host, port))) taken.push(port);
  if (taken.length === 0) return;
  const which = taken.length === 1 ? `port ${taken[0]} is` : `ports ${taken.join(", ")} are`;
  throw new Failure("configuration", `On ${host}, ${which} in use by another program: choose others with --port-base.`);
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
