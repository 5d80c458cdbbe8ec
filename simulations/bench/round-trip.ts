import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

import type { Random } from "../../node/base/random.ts";
import { startDelayProxy } from "../delay-proxy.ts";
import { percentile } from "./measure.ts";

const TIMES = 100;
const HOST = "127.0.0.1";

/**
 * How long one byte takes there and back through a delay proxy when nothing else is done: what the network costs as it is,
 * which is the delay asked for and what its timers add.
 *
 * @returns the median, in milliseconds.
 */
export async function bareRoundTripMs(delayMs: number, random: Random): Promise<number> {
  const echo = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy()); // the proxy resets what it closes
    socket.pipe(socket);
  });
  echo.listen({ host: HOST, port: 0 });
  await once(echo, "listening");
  const proxy = await startDelayProxy({ target: { host: HOST, port: portOf(echo.address()) }, delayMs, random });
  const socket = connect({ host: HOST, port: proxy.port, noDelay: true });
  try {
    await once(socket, "connect");
    await thereAndBackMs(socket); // the first also waits for the proxy's own connection
    const roundTrips: number[] = [];
    while (roundTrips.length < TIMES) roundTrips.push(await thereAndBackMs(socket));
    return percentile(roundTrips, 50);
  } finally {
    socket.destroy();
    await proxy.close();
    echo.close();
  }
}

async function thereAndBackMs(socket: Socket): Promise<number> {
  const startedMs = performance.now();
  socket.write("?");
  await once(socket, "data");
  return performance.now() - startedMs;
}

function portOf(address: ReturnType<ReturnType<typeof createServer>["address"]>): number {
  return (address as AddressInfo).port;
}
