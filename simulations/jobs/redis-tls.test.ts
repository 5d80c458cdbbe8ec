import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

import { forgeLeaf } from "../../certs/testing/network.ts";
import { NO_REDIS, startRedis, type TestRedis } from "../testing/a-redis.ts";
import { findFreePorts } from "../testing/free-ports.ts";
import { openJobStore } from "./a-job-store.ts";

const WORKER = fileURLToPath(new URL("./worker-process.ts", import.meta.url));

if (NO_REDIS !== undefined) it.skip(`jobs through a Redis over TLS (skipped since ${NO_REDIS})`);
else {
  describe("jobs through a Redis over TLS", () => {
    let dir: string;
    let trust: string;
    let redis: TestRedis;
    let url: string;

    before(async () => {
      dir = mkdtempSync(join(tmpdir(), "corridor-redis-tls-"));
      const { cert, key } = await forgeLeaf({ names: { uris: [], dns: ["localhost"] } }, "itself");
      const fileOf = (name: string, text: string): string => {
        writeFileSync(join(dir, name), text, { mode: 0o600 });
        return join(dir, name);
      };
      trust = fileOf("redis.crt.pem", cert);
      const port = await findFreePorts(1);
      const tls = { "tls-port": port, "tls-cert-file": trust, "tls-key-file": fileOf("redis.key.pem", key) };
      const more = { ...tls, "tls-ca-cert-file": trust, "tls-auth-clients": "no" };
      redis = await startRedis(Object.entries(more).flatMap(([name, value]) => [`--${name}`, String(value)]));
      url = `rediss://localhost:${port}`;
    });
    after(async () => {
      await redis?.stop();
      rmSync(dir, { recursive: true, force: true });
    });

    /** Has a process of its own do a few jobs; says how many of them Redis handed out. */
    const handedOut = async (queue: string, env: Readonly<Record<string, string>>): Promise<number> => {
      const store = openJobStore();
      store.add(5);
      const child: ChildProcess = spawn(process.execPath, [WORKER, store.folder, url, queue, "30000"], {
        stdio: ["pipe", "ignore", "inherit"],
        env: { ...process.env, ...env },
      });
      try {
        while (store.waiting() > 0) await sleep(20);
        assert.equal(store.effects().size, 5);
        await sleep(100); // Redis hears of the last one after it was written
        return await redis.ask((client) => client.xlen(`corridor:${queue}:events`));
      } finally {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
        await store.close();
      }
    };

    it("go through one whose certificate is trusted", async () => {
      assert.ok((await handedOut("trusting", { NODE_EXTRA_CA_CERTS: trust })) > 0);
    });

    it("are done without one whose certificate is not", async () => {
      assert.equal(await handedOut("wary", {}), 0);
    });
  });
}
