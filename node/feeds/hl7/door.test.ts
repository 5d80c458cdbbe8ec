import assert from "node:assert/strict";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";

import { issueCaller, issueNode } from "../../../certs/issue.ts";
import { callerFiles, nodeFiles } from "../../../certs/layout.ts";
import { DOMAIN, makeTestNetwork, type TestNetwork } from "../../../certs/testing/network.ts";
import { systemClock } from "../../base/clock.ts";
import { Failure } from "../../base/failure.ts";
import { silentLog } from "../../telemetry/log.ts";
import { type FakeClock, makeFakeClock } from "../../testing/fake-clock.ts";
import { readCallerTls, readNodeTls } from "../../wire/tls-files.ts";
import type { AdtHandler } from "./adt-handler.ts";
import { IDLE_MS, MESSAGE_WITHIN_MS, SWEEP_EVERY_MS } from "./bounds.ts";
import { type Hl7Door, type Hl7DoorFiles, startHl7Door } from "./door.ts";
import { frame } from "./mllp.ts";

const RIGHTS = {
  ...{ roles: [], settings: [], organisations: ["RRK"], feed: true, operate: false, sandbox: false },
};

describe("the door for HL7 v2, over time", () => {
  let network: TestNetwork;
  let files: { readonly node: Hl7DoorFiles; readonly other: Hl7DoorFiles; readonly caller: Hl7DoorFiles };
  let clock: FakeClock;
  let door: Hl7Door;
  let admits: boolean;
  let handled: string[];
  /** Lets the handler answer. */
  let answers: (() => void)[];
  let isSlow: boolean;
  const sockets: TLSSocket[] = [];

  before(async function () {
    this.timeout(30_000);
    network = await makeTestNetwork();
    await Promise.all([
      issueNode(network.dir, { id: "wm-a", collaborative: "care", clock: systemClock }),
      issueNode(network.dir, { id: "wm-b", collaborative: "care", clock: systemClock }),
    ]);
    await issueCaller(network.dir, { node: "wm-a", name: "pas", rights: RIGHTS, clock: systemClock });
    files = {
      node: readNodeTls(nodeFiles(network.dir, "wm-a").directory),
      other: readNodeTls(nodeFiles(network.dir, "wm-b").directory),
      caller: readCallerTls(callerFiles(network.dir, "wm-a", "pas").directory),
    };
  });
  after(() => network?.remove());

  beforeEach(async () => {
    clock = makeFakeClock();
    [admits, isSlow, handled, answers] = [true, false, [], []];
    const handler: AdtHandler = {
      async handle(bytes) {
        handled.push(bytes.toString());
        if (isSlow) await new Promise<void>((resolve) => answers.push(resolve));
        return Buffer.from(`answer to ${bytes.toString()}`);
      },
      handleTooLong: () => assert.fail("nothing is too long"),
      takeAgain: () => undefined,
    };
    door = await startHl7Door({
      ...{ domain: DOMAIN, listen: { host: "127.0.0.1", port: 0 }, tls: files.node, clock, log: silentLog, handler },
      authorise() {
        if (!admits) throw new Failure("not-authenticated", "It was revoked.");
        return { kind: "caller", name: "pas", rights: RIGHTS };
      },
    });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    answers.forEach((answer) => answer());
    await door.close(0);
  });

  async function open(): Promise<{ socket: TLSSocket; said: () => string; ended: Promise<unknown> }> {
    const { certificate: cert, key, trust: ca } = files.caller;
    const options = { host: "127.0.0.1", port: door.port, cert, key, ca, checkServerIdentity: () => undefined };
    const socket = connect(options);
    sockets.push(socket);
    let text = "";
    socket.setEncoding("latin1").on("data", (part: string) => (text += part));
    socket.on("error", () => {});
    const ended = once(socket, "close");
    await once(socket, "secureConnect");
    return { socket, said: () => text, ended };
  }

  const send = (socket: TLSSocket, text: string): void => void socket.write(frame(Buffer.from(text)));
  async function until(what: () => boolean): Promise<void> {
    for (let tries = 0; !what(); tries++) {
      assert.ok(tries < 2_000, "it did not come to pass");
      await sleep(5);
    }
  }

  it("keeps a quiet connection for an hour, and no longer", async () => {
    const { socket, said, ended } = await open();
    send(socket, "one");
    await until(() => said().includes("answer to one"));
    await clock.advance(IDLE_MS - SWEEP_EVERY_MS);
    send(socket, "two");
    await until(() => said().includes("answer to two"));
    await clock.advance(IDLE_MS + 2 * SWEEP_EVERY_MS);
    await ended;
  });

  it("ends a message that never ends, however slowly it goes on", async () => {
    const { socket, ended } = await open();
    socket.write("\u000bMSH");
    await sleep(100);
    for (let spentMs = 0; spentMs < MESSAGE_WITHIN_MS; spentMs += 10_000) {
      socket.write("|");
      await sleep(20);
      await clock.advance(10_000);
    }
    await clock.advance(2 * SWEEP_EVERY_MS);
    await ended;
    assert.deepEqual(handled, []);
  });

  it("ends a connection as soon as its certificate is not admitted any more, and handles nothing of it", async () => {
    const idle = await open();
    send(idle.socket, "zero");
    await until(() => idle.said().includes("answer to zero"));
    await clock.advance(SWEEP_EVERY_MS);
    const busy = await open();
    admits = false;
    send(busy.socket, "one");
    await busy.ended;
    await clock.advance(SWEEP_EVERY_MS);
    await idle.ended;
    assert.deepEqual(handled, ["zero"]);
  });

  it("handles the next message of a connection when the one before is answered, and others meanwhile", async () => {
    isSlow = true;
    const [one, other] = [await open(), await open()];
    one.socket.write(Buffer.concat([frame(Buffer.from("one")), frame(Buffer.from("two"))]));
    await until(() => handled.length === 1);
    send(other.socket, "three");
    await until(() => handled.length === 2);
    assert.deepEqual(handled, ["one", "three"]);
    answers.shift()?.();
    await until(() => handled.length === 3);
    assert.match(one.said(), /answer to one/);
    assert.doesNotMatch(one.said(), /answer to two/);
  });

  it("answers what is in hand when it closes, and takes nothing after it", async () => {
    isSlow = true;
    const [one, idle] = [await open(), await open()];
    one.socket.write(Buffer.concat([frame(Buffer.from("one")), frame(Buffer.from("two"))]));
    await until(() => handled.length === 1);
    const closed = door.close(60_000);
    await idle.ended;
    answers.shift()?.();
    await one.ended;
    await closed;
    assert.match(one.said(), /answer to one/);
    assert.deepEqual(handled, ["one"]);
  });

  it("waits for what is in hand no longer than it was told", async () => {
    isSlow = true;
    const { socket, ended } = await open();
    send(socket, "one");
    await until(() => handled.length === 1);
    const closed = door.close(3_000);
    await clock.advance(3_000);
    await Promise.all([ended, closed]);
  });

  it("shows a new certificate to whoever comes, and ends the others when they are idle", async () => {
    const old = await open();
    send(old.socket, "zero");
    await until(() => old.said().includes("answer to zero"));
    assert.equal(old.socket.getPeerCertificate().subjectaltname?.includes("wm-a."), true);
    door.renew(files.other);
    const fresh = await open();
    assert.equal(fresh.socket.getPeerCertificate().subjectaltname?.includes("wm-b."), true);
    await clock.advance(SWEEP_EVERY_MS);
    await old.ended;
    send(fresh.socket, "one");
    await until(() => fresh.said().includes("answer to one"));
  });
});
