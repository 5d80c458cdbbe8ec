import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

import { type Client, status as Status } from "@grpc/grpc-js";

import { readIssuingAuthority } from "../../certs/authority.ts";
import { forgeLeaf } from "../../certs/testing/network.ts";
import type { RunningServer } from "../../node/wire/server.ts";
import { isCallError } from "../../node/wire/status.ts";
import { plainClient, sendBytes } from "../../node/wire/testing/a-call.ts";
import { openDoor } from "../../node/wire/testing/a-door.ts";
import { ASKER, DOMAIN, type WireNetwork, makeWireNetwork } from "../../node/wire/testing/a-network.ts";
import { catalogueRow } from "../testing/catalogue.ts";

const ANSWER_LOCATE = "/corridor.v1.LocatorService/AnswerLocate";
const NAMES = { uris: [`spiffe://${DOMAIN}/node/${ASKER}`], dns: [`${ASKER}.${DOMAIN}`] };
const LASTS_MS = 3_000;
const REFUSED_WITHIN_MS = 5_000;
const CONNECTIONS_A_DOOR = 4;

describe("a certificate that ends under an open connection", () => {
  let network: WireNetwork;
  const doors: RunningServer[] = [];
  before(async () => {
    network = await makeWireNetwork();
  });
  after(async () => {
    for (const door of doors) await door.close(0);
    network.remove();
  });

  const row = {
    id: "C6",
    title: "no call is admitted once it has ended, though the connection stays",
    quick: 4,
    full: 20,
    slice: 20,
  };
  catalogueRow(row, async (trials) => {
    while (doors.length * CONNECTIONS_A_DOOR < trials.count) doors.push(await openDoor(network));
    const late = await Promise.all(
      Array.from(trials, (trial) => askUntilRefused(doors[(trial - trials.from) % doors.length]!)),
    );
    const admittedLateMs = Math.max(...late);
    assert.ok(admittedLateMs <= REFUSED_WITHIN_MS, `admitted ${admittedLateMs} ms late`);
    return { counts: { refused: late.length }, worst: { admittedLateMs } };
  });

  /** @returns how long after its end the last call was admitted; negative: before. */
  async function askUntilRefused(door: RunningServer): Promise<number> {
    // Certificates end on a whole second.
    const notAfterMs = Math.ceil((Date.now() + LASTS_MS) / 1_000) * 1_000;
    const { cert, key } = await forgeLeaf({ names: NAMES, notAfterMs }, readIssuingAuthority(network.dir, "care"));
    const client = plainClient(door.port, { certificate: cert, key, trust: network.nodeTls(ASKER).trust });
    try {
      let lastMs = -Infinity;
      for (let admitted = 0; ; admitted++) {
        const sentMs = Date.now();
        const code = await codeOf(client);
        if (code === Status.UNAUTHENTICATED) {
          assert.ok(admitted > 3, "it was admitted before");
          return lastMs - notAfterMs;
        }
        assert.equal(code, Status.FAILED_PRECONDITION, "as far as its empty question");
        lastMs = sentMs;
        assert.ok(lastMs < notAfterMs + 2 * REFUSED_WITHIN_MS, "it is still admitted");
        await sleep(50);
      }
    } finally {
      client.close();
    }
  }

  async function codeOf(client: Client): Promise<Status> {
    try {
      await sendBytes(client, ANSWER_LOCATE, Buffer.alloc(0), { deadline: Date.now() + 5_000 });
      return Status.OK;
    } catch (thrown) {
      assert.ok(isCallError(thrown), String(thrown));
      return thrown.code;
    }
  }
});
