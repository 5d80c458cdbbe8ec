import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";

import { status as Status } from "@grpc/grpc-js";

import { nodeDns } from "../../certs/profile.ts";
import type { Member } from "../../topology/manifest.ts";
import { NOBODY_REVOKED } from "../../node/trust/revocations.ts";
import type { RunningServer } from "../../node/wire/server.ts";
import { openDoor } from "../../node/wire/testing/a-door.ts";
import {
  ASKER,
  DOMAIN,
  HOLDER,
  type TestDirectory,
  type WireNetwork,
  makeWireNetwork,
} from "../../node/wire/testing/a-network.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import { framed, replyOf } from "../testing/doors-http2.ts";

const ANSWER_LOCATE = "/corridor.v1.LocatorService/AnswerLocate";
const TICKET_WITHIN_MS = 5_000;

/** Its certificate is revoked; it is no member any more; its certificates come from another authority by now. */
const WAYS_OUT: readonly ((directory: TestDirectory, member: Member) => void)[] = [
  (directory) => {
    const now = directory.inForce;
    directory.inForce = () => ({ ...now(), revocations: { ...NOBODY_REVOKED, reasonOf: () => "revoked" } });
  },
  (directory) => void directory.members.delete(ASKER),
  (directory, member) => void directory.members.set(ASKER, { ...member, issuingCa: "0".repeat(64) }),
];

interface Visit {
  /** What the door said to an empty question. */
  readonly status: number | undefined;
  readonly dataBytes: number;
  readonly resumed: boolean;
  /** The last ticket that the door gave; a resumed session may get none. */
  readonly ticket: Buffer | undefined;
}

describe("a session from before a revocation", () => {
  let network: WireNetwork;
  let door: RunningServer;
  let member: Member;
  let nobodyRevoked: TestDirectory["inForce"];
  before(async () => {
    network = await makeWireNetwork();
    door = await openDoor(network);
    member = network.directory.members.get(ASKER)!;
    nobodyRevoked = network.directory.inForce;
  });
  after(async () => {
    await door?.close(0);
    network?.remove();
  });

  it("R2: is not resumed even while its certificate is good: each connection shows its chain", async () => {
    const { ticket } = await visit();
    assert.equal((await visit(ticket)).resumed, false);
  });

  catalogueRow(
    { id: "R2", title: "is not resumed, and whoever tries is answered nothing", quick: 5, full: 100 },
    async (trials) => {
      let resumed = 0;
      for (const trial of trials) {
        network.directory.members.set(ASKER, member);
        network.directory.inForce = nobodyRevoked;
        const first = await visit();
        assert.equal(
          first.status,
          Status.FAILED_PRECONDITION,
          `trial ${trial}: admitted, as far as its empty question`,
        );
        WAYS_OUT[trial % WAYS_OUT.length]!(network.directory, member);
        const again = await visit(first.ticket);
        assert.deepEqual([again.status, again.dataBytes], [Status.UNAUTHENTICATED, 0], `trial ${trial}`);
        if (again.resumed) resumed++;
      }
      assert.equal(resumed, 0);
      return { counts: { tried: trials.count, resumed } };
    },
  );

  async function visit(session?: Buffer): Promise<Visit> {
    const { certificate: cert, key, trust: ca } = network.nodeTls(ASKER);
    const servername = nodeDns(DOMAIN, HOLDER);
    const socket = tls.connect({
      ...{ port: door.port, host: "127.0.0.1", servername, ALPNProtocols: ["h2"], cert, key, ca },
      ...(session !== undefined && { session }),
    });
    let ticket: Buffer | undefined;
    socket.on("session", (given: Buffer) => (ticket = given));
    await once(socket, "secureConnect");
    const client = http2.connect(`https://${servername}`, { createConnection: () => socket });
    client.on("error", () => {}); // how the call ends is what counts
    try {
      const call = client.request({
        ...{ ":method": "POST", ":path": ANSWER_LOCATE },
        ...{ te: "trailers", "content-type": "application/grpc", "grpc-timeout": "5S" },
      });
      call.end(framed(Buffer.alloc(0)));
      const { grpcStatus, dataBytes } = await replyOf(call);
      for (const startMs = performance.now(); ticket === undefined && session === undefined; await sleep(5)) {
        assert.ok(
          performance.now() - startMs < TICKET_WITHIN_MS,
          "the door gives tickets, so that there is one to try",
        );
      }
      return { status: grpcStatus, dataBytes, resumed: socket.isSessionReused(), ticket };
    } finally {
      client.destroy();
    }
  }
});
