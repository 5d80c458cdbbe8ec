import { once } from "node:events";
import http, { type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A custodian's system that does as it is told, on a free port of this machine. */
export interface SourceDouble {
  /** Ends with a slash. */
  readonly base: string;
  /** Paths asked for, below the base. */
  readonly asked: string[];
  /** Requests whose connection is still there. */
  open(): number;
  /** What it answers from now on. */
  behave(answer: (response: ServerResponse, path: string) => void): void;
  close(): Promise<void>;
}

export async function startSourceDouble(): Promise<SourceDouble> {
  const asked: string[] = [];
  let open = 0;
  let answer = (response: ServerResponse, _path: string): void => void response.writeHead(404).end();
  const server = http.createServer((request, response) => {
    const path = (request.url ?? "/").slice(1);
    asked.push(path);
    open++;
    response.once("close", () => open--);
    answer(response, path);
  });
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked,
    open: () => open,
    behave: (next) => void (answer = next),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
