import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { Client, credentials } from "@grpc/grpc-js";

import type { NodeFiles } from "../../certs/layout.ts";

const SERVER = fileURLToPath(new URL("echo-server.ts", import.meta.url));

/** Bytes of one question and its answer. */
export interface MessageSizes {
  readonly request: number;
  readonly response: number;
}

/** The bare echo: its server in a process of its own, and a client with the library's default settings. */
export interface Echo {
  ask(sizes: MessageSizes): Promise<void>;
  stop(): Promise<void>;
}

/** @param serverName the DNS name of the server's certificate. */
export async function startEcho(server: NodeFiles, client: NodeFiles, serverName: string): Promise<Echo> {
  const child = spawn(process.execPath, [SERVER, server.directory], { stdio: ["pipe", "pipe", "inherit"] });
  const port = await portOf(child);
  const [trust, key, certificate] = [client.trust, client.key, client.certificate].map((path) => readFileSync(path));
  const channel = new Client(`127.0.0.1:${port}`, credentials.createSsl(trust, key, certificate), {
    "grpc.ssl_target_name_override": serverName,
  });
  const requests = new Map<MessageSizes, Buffer>();
  const requestOf = (sizes: MessageSizes): Buffer => {
    let request = requests.get(sizes);
    if (request === undefined) {
      request = Buffer.alloc(sizes.request, 1);
      request.writeUInt32BE(sizes.response);
      requests.set(sizes, request);
    }
    return request;
  };
  const asTheyAre = (bytes: Buffer): Buffer => bytes;
  return {
    ask: (sizes) =>
      new Promise((resolve, reject) => {
        channel.makeUnaryRequest("/bench.Echo/Echo", asTheyAre, asTheyAre, requestOf(sizes), (error, response) => {
          if (error !== null) reject(error);
          else if (response?.length !== sizes.response) reject(new Error("the echo is of another length"));
          else resolve();
        });
      }),
    async stop() {
      channel.close();
      const ended = once(child, "close");
      child.stdin?.end();
      await ended;
    },
  };
}

async function portOf(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stdout! })) return Number(line);
  throw new Error("the echo server ended before it listened");
}
