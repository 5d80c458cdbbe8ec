import assert from "node:assert/strict";

import { Failure } from "../base/failure.ts";
import { systemRandom } from "../base/random.ts";
import { type OperatorClient, peerCommand } from "./peer.ts";
import type { Peers } from "./peer-lines.ts";

const LISTED: Peers = {
  peers: [
    {
      ...{ nodeId: "wm-cw", status: "live", heard: true, clockAheadMs: 74_000n, directorySequence: 16n },
      ...{ rests: true, restingForMs: 12_345n },
    },
    {
      ...{ nodeId: "wm-hw", status: "live", heard: false, clockAheadMs: 0n, directorySequence: 0n },
      ...{ rests: false, restingForMs: 0n },
      quarantine: { reason: "It \u001b[2Jsweeps", userId: "an.operator", sinceMs: 0n, untilMs: 3_600_000n },
    },
    {
      ...{ nodeId: "wm-bc", status: "live", heard: true, clockAheadMs: 0n, directorySequence: 17n },
      ...{ rests: false, restingForMs: 0n, directoryLagMs: 38_400n, presenceAgeMs: 4_200n },
    },
  ],
  clock: "This node's clock is 74 s ahead of 4 of 5 peers: set it by NTP, or peers refuse its questions.",
  clockIsOutside: true,
  directorySequence: 17n,
};

describe("corridor peer", () => {
  let asked: unknown[];
  let steps: { name: string; state: string; text: string }[];
  let failure: Failure | undefined;
  let said: string[];
  let exitCode: typeof process.exitCode;
  const printing = { log: console.log, error: console.error };

  beforeEach(() => {
    asked = [];
    said = [];
    steps = [{ name: "directory", state: "ok", text: "It is there." }];
    failure = undefined;
    exitCode = process.exitCode;
    console.log = console.error = (text: string) => void said.push(text);
  });
  afterEach(() => {
    Object.assign(console, printing);
    process.exitCode = exitCode;
  });

  async function run(...args: readonly string[]): Promise<typeof process.exitCode> {
    process.exitCode = 0;
    const note = <Result>(result: Result, ...of: readonly unknown[]): Promise<Result> => {
      asked.push(...of);
      return failure === undefined ? Promise.resolve(result) : Promise.reject(failure);
    };
    const client: OperatorClient = {
      listPeers: ({ reason }) => note(LISTED, "list", reason),
      quarantinePeer: ({ reason }, id, seconds) => note(undefined, id, seconds, reason),
      releasePeer: (_by, id) => note(id === "wm-hw", id),
      testPeer: (_by, id) => note(steps, id),
      close() {},
    };
    const via = ["--via", "https://127.0.0.1:7443", "--certs", "/nowhere"];
    const needs = { connect: () => Promise.resolve(client), random: systemRandom };
    await peerCommand(needs).parseAsync([...args, ...via], { from: "user" });
    return process.exitCode;
  }

  it("lists peers a line each, with nothing in them that could write elsewhere on the screen", async () => {
    assert.equal(await run("list"), 0);
    const [text = ""] = said;
    assert.match(text, /^wm-cw +live +clock 74 s behind this node's, directory 16; NOT ASKED for 12 s: it/m);
    assert.match(
      text,
      /^wm-hw .*not heard lately; NOT ANSWERED since 1970.* until 1970-01-01T01:00:00.000Z, by an\.operator/m,
    );
    assert.match(text, /^Directory here: 17, enforced by 1 of 3 live peers, worst 38 s after this node\.$/m);
    assert.match(text, /^This node's clock is 74 s ahead of 4 of 5 peers/m);
    assert.ok(!text.includes("\u001b"));
  });

  it("gives the same as JSON, in numbers", async () => {
    await run("list", "--json");
    const { peers, clockIsOutside, directorySequence } = JSON.parse(said[0] ?? "") as Record<string, unknown>;
    assert.deepEqual([clockIsOutside, directorySequence], [true, 17]);
    assert.deepEqual(peers, [
      {
        ...{ nodeId: "wm-cw", status: "live", heard: true, clockAheadMs: 74_000, directorySequence: 16 },
        restingForMs: 12_345,
      },
      {
        ...{ nodeId: "wm-hw", status: "live", heard: false },
        quarantine: { reason: "It \u001b[2Jsweeps", userId: "an.operator", sinceMs: 0, untilMs: 3_600_000 },
      },
      {
        ...{ nodeId: "wm-bc", status: "live", heard: true, clockAheadMs: 0, directorySequence: 17 },
        ...{ directoryLagMs: 38_400, presenceAgeMs: 4_200 },
      },
    ]);
  });

  it("quarantines for a time, or until released, and always for a reason", async () => {
    for (const [time, seconds] of [
      ["30m", 1_800],
      ["1h", 3_600],
      ["7d", 604_800],
    ] as const) {
      assert.equal(await run("quarantine", "wm-cw", "--for", time, "--reason", "It sweeps"), 0);
      assert.deepEqual(asked.splice(0), ["wm-cw", seconds, "It sweeps"]);
    }
    await run("quarantine", "wm-cw", "--reason", "It sweeps");
    assert.deepEqual(asked.splice(0), ["wm-cw", 0, "It sweeps"]);
    for (const wrong of ["1", "0h", "-1h", "1w", "h", "1h30m", ""]) {
      assert.equal(await run("quarantine", "wm-cw", "--for", wrong, "--reason", "x"), 2, wrong);
    }
    assert.deepEqual(asked, []);
  });

  it("releases, and says where nobody was to be", async () => {
    await run("release", "wm-hw", "--reason", "Mended");
    await run("release", "wm-cw", "--reason", "Mended");
    assert.deepEqual(said, ["wm-hw is answered again.", "wm-cw was not in quarantine."]);
  });

  it("tests the way, and fails where a step is at fault, not where one is only to be looked at", async () => {
    steps.push({ name: "manifest", state: "warning", text: "Older there." });
    assert.equal(await run("test", "wm-cw"), 0);
    assert.match(said[0] ?? "", /^ok +directory +It is there\.\nwarning +manifest +Older there\.$/);
    steps.push({ name: "clocks", state: "fault", text: "61 s." });
    assert.equal(await run("test", "wm-cw"), 1);
  });

  it("ends as the node said where it refused", async () => {
    failure = new Failure("not-permitted", "Only operators.");
    assert.equal(await run("list"), 3);
    assert.deepEqual(said, ["corridor: Only operators."]);
  });
});
