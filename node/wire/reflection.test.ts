import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { nodeDns } from "../../certs/profile.ts";
import { callerFiles } from "../../certs/layout.ts";
import type { RunningServer } from "./server.ts";
import { openDoor } from "./testing/a-door.ts";
import { DOMAIN, HOLDER, type WireNetwork, makeWireNetwork } from "./testing/a-network.ts";

const run = promisify(execFile);
const BUF = join(import.meta.dirname, "../../node_modules/.bin/buf");

describe("reflection", () => {
  let network: WireNetwork;
  let door: RunningServer;

  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network, {}, { reflection: true });
  });
  after(async () => {
    await door.close(0);
    network.remove();
  });

  /** `buf curl` as an operator would type it. */
  async function bufCurl(who: "operator" | "demo", protocol: string, path: string, ...more: string[]): Promise<string> {
    const { certificate, key, trust } = callerFiles(network.dir, HOLDER, who);
    const { stdout } = await run(BUF, [
      "curl",
      ...["--cert", certificate, "--key", key, "--cacert", trust, "--servername", nodeDns(DOMAIN, HOLDER)],
      ...["--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol", protocol, ...more],
      `https://127.0.0.1:${door.port}${path}`,
    ]);
    return stdout;
  }

  for (const protocol of ["grpc-v1", "grpc-v1alpha"]) {
    it(`lists the services to buf curl (${protocol})`, async () => {
      const listed = (await bufCurl("operator", protocol, "", "--list-services")).trim().split("\n");
      assert.deepEqual(listed.toSorted(), [
        "corridor.v1.DiscoveryService",
        "corridor.v1.EmergencyService",
        "corridor.v1.FederationService",
        "corridor.v1.FeedService",
        "corridor.v1.LocatorService",
        "corridor.v1.MembershipService",
        "corridor.v1.MpiService",
        "corridor.v1.PeerService",
        "corridor.v1.PresenceService",
        "corridor.v1.RecordService",
        "corridor.v1.RetrievalService",
        "corridor.v1.SearchService",
        "corridor.v1.WitnessService",
        "grpc.health.v1.Health",
      ]);
    });
  }

  it("tells buf curl enough to call a method", async () => {
    const said = await bufCurl("operator", "grpc-v1", "/grpc.health.v1.Health/Check", "--data", "{}");
    assert.deepEqual(JSON.parse(said), { status: "SERVING" });
  });

  it("describes a method and every message that it needs", async () => {
    const said = await bufCurl("operator", "grpc-v1", "", "--list-methods");
    assert.match(said, /corridor\.v1\.FederationService\/Locate/);
  });

  it("is for operators only", async () => {
    await assert.rejects(bufCurl("demo", "grpc-v1", "", "--list-services"), /permission_denied|right to operate/i);
  });
});
