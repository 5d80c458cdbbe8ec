import assert from "node:assert/strict";

import {
  Client,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  credentials,
  status as Status,
} from "@grpc/grpc-js";

import { systemClock } from "../base/clock.ts";
import { silentLog } from "../telemetry/log.ts";
import type { PeerIdentity } from "../trust/peer-identity.ts";
import { Conduct } from "./conduct.ts";
import { checkMethodPolicy, guardCalls, identifyPeer, logAndMeasure, takeDeadline } from "./interceptors.ts";

const asIs = (bytes: Buffer): Buffer => bytes;
const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
const aMethod = (path: string, requestStream: boolean, responseStream: boolean): MethodDefinition<Buffer, Buffer> => ({
  ...{ path, requestStream, responseStream },
  ...codec,
});

/** A service of all four kinds that somebody added, and forgot in the table of methods. */
const FORGOTTEN = {
  ask: aMethod("/corridor.v1.ForgottenService/Ask", false, false),
  send: aMethod("/corridor.v1.ForgottenService/Send", true, false),
  watch: aMethod("/corridor.v1.ForgottenService/Watch", false, true),
  talk: aMethod("/corridor.v1.ForgottenService/Talk", true, true),
} satisfies ServiceDefinition;

describe("a method that is served and not in the table", () => {
  let server: Server;
  let client: Client;
  let stop: () => void;
  const reached: string[] = [];

  before(async () => {
    // Whoever it is: it gets no further than the table.
    const peer = { kind: "node", nodeId: "somebody" } as PeerIdentity;
    const admitsAnybody = () => assert.fail("whoever has no row is never held against the directory");
    const guard = guardCalls(
      [
        identifyPeer((key) => ({ key, peer, conduct: new Conduct() })),
        checkMethodPolicy(admitsAnybody),
        takeDeadline(systemClock),
        logAndMeasure(systemClock, silentLog),
      ],
      systemClock,
    );
    stop = guard.stop;
    server = new Server({ interceptors: [guard.interceptor] });
    const reach = (name: string) => () => void reached.push(name);
    const kinds = Object.keys(FORGOTTEN).map((name) => [name, reach(name)]);
    server.addService(FORGOTTEN, Object.fromEntries(kinds) as Record<string, () => void>);
    const port = await new Promise<number>((resolve, reject) => {
      const bound = (error: Error | null, free: number): void => (error === null ? resolve(free) : reject(error));
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
    });
    client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  });
  after(() => {
    client.close();
    server.forceShutdown();
    stop();
  });

  for (const [name, { path }] of Object.entries(FORGOTTEN)) {
    it(`is refused to everybody: ${name}, though its handler is there`, async () => {
      const call = client.makeBidiStreamRequest(path, asIs, asIs);
      call.on("data", () => assert.fail("an answer"));
      const refused = new Promise<ServiceError>((resolve) => call.once("error", resolve));
      call.write(Buffer.from("message"));
      const { code, details } = await refused;
      assert.equal(code, Status.PERMISSION_DENIED, details);
      assert.deepEqual(reached, []);
    });
  }
});
