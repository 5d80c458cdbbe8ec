import assert from "node:assert/strict";

import type { Agreement, Manifest, Member } from "../../topology/manifest.ts";
import type { Quarantined } from "../access/quarantine.ts";
import type { ReviewLook } from "../audit/audit.ts";
import { Failure } from "../base/failure.ts";
import type { NodeId } from "../base/words.ts";
import { type FakeClock, makeFakeClock } from "../testing/fake-clock.ts";
import { type ClockWatch, makeClockWatch } from "../trust/clock-watch.ts";
import {
  type Greeting,
  NotGreeted,
  type PeersNeeds,
  answerGreeting,
  keepGreeting,
  listPeers,
  quarantinePeer,
  releasePeer,
  testPeer,
} from "./peers.ts";

const OWN = "wm-bsol" as NodeId;
const PEER = "wm-cw" as NodeId;
const BY = { requestId: "r-1", caller: "desk", userId: "an.operator", reason: "It asks about everybody" };

describe("what an operator does about peers", () => {
  let clock: FakeClock;
  let clocks: ClockWatch;
  let needs: PeersNeeds;
  let looks: ReviewLook[];
  let held: Map<string, Quarantined>;
  let greeting: Greeting | NotGreeted;
  let peer: { status: Member["status"] };
  let agreement: Partial<Agreement>;
  let state: "fresh" | "stale";

  beforeEach(() => {
    clock = makeFakeClock();
    clocks = makeClockWatch({ clock, onChange: () => {} });
    looks = [];
    held = new Map();
    peer = { status: "live" };
    agreement = {};
    state = "fresh";
    greeting = {
      ...{ nodeId: PEER, wallMs: clock.wallMs(), protocol: { major: 1, minor: 0 }, directorySequence: 17 },
      ...{ agreementIds: ["care"], quarantined: false },
    };
    needs = {
      ...{ clock, clocks, ownId: OWN, protocol: { major: 1, minor: 0 } },
      directory: () => ({ manifest: aManifest(), state }),
      quarantine: {
        refusalOf: (id) =>
          held.has(id) ? { kind: "refused", code: "not-permitted", reason: "quarantined" } : undefined,
        list: () => [...held.values()],
        add: (each) => Promise.resolve(void held.set(each.peer, each)),
        release: (id) => Promise.resolve(held.delete(id)),
      },
      sequenceAt: () => 16,
      ...{ directoryLagMs: () => undefined, presenceAgeMs: () => undefined },
      restingForMs: () => undefined,
      greet: () => (greeting instanceof Failure ? Promise.reject(greeting) : Promise.resolve(greeting)),
      recordReview: (look) => Promise.resolve(void looks.push(look)),
    };
  });
  afterEach(() => clocks.close());

  function aManifest(): Manifest {
    const member = (id: string, status: Member["status"]) => ({ id, status, endpoints: ["127.0.0.1:7443"] }) as Member;
    const care = { id: "care", members: [OWN, PEER], ...agreement } as Agreement;
    return { sequence: 17, members: [member(OWN, "live"), member(PEER, peer.status)], agreements: [care] } as Manifest;
  }
  const said = (changes: Partial<Greeting>): void => {
    if (!(greeting instanceof Failure)) greeting = { ...greeting, ...changes };
  };
  const steps = async (): Promise<string> =>
    (await testPeer(BY, PEER, needs)).map(({ name, state: its }) => `${name} ${its}`).join(", ");

  const ALL_OK =
    "directory ok, address ok, certificate ok, admission ok, version ok, manifest ok, clocks ok, agreement ok, quarantine ok";

  it("goes the whole way, and names each step", async () => {
    assert.equal(await steps(), ALL_OK);
    assert.equal(clocks.aheadOf(PEER), 0, "and has heard its clock");
  });

  it("stops at the first step that fails, and says what to do", async () => {
    for (const [step, others] of [
      ["address", "certificate not-tried"],
      ["certificate", "admission not-tried"],
      ["admission", "version not-tried"],
    ] as const) {
      greeting = new NotGreeted(step, new Failure("unreachable", "It is not so."));
      assert.match(await steps(), new RegExp(`${step} fault, ${others}`));
      const found = (await testPeer(BY, PEER, needs)).find(({ name }) => name === step);
      assert.match(found!.text, /^It is not so\. \w.{20,}/);
    }
    peer.status = "suspended";
    assert.match(await steps(), /^directory fault, address not-tried, .*quarantine not-tried$/);
    state = "stale";
    assert.match((await testPeer(BY, PEER, needs))[0]!.text, /over 14 days old/);
  });

  it("finds what is wrong between two that can reach one another", async () => {
    for (const [changes, found] of [
      [{ protocol: { major: 2, minor: 0 } }, "version fault"],
      [{ directorySequence: 16 }, "manifest warning"],
      [{ directorySequence: 18 }, "manifest warning"],
      [{ wallMs: clock.wallMs() - 61_000 }, "clocks fault"],
      [{ wallMs: clock.wallMs() + 59_000 }, "clocks ok"],
      [{ agreementIds: [] }, "agreement warning"],
      [{ quarantined: true }, "quarantine fault"],
    ] as const) {
      const honest = greeting;
      said(changes);
      assert.match(await steps(), new RegExp(found));
      greeting = honest;
    }
    agreement = { endDate: "2020-01-01" };
    assert.match(await steps(), /agreement fault/);
    agreement = { suspendedBy: ["one", "two"] };
    assert.match(await steps(), /agreement fault/);
    held.set(PEER, { peer: PEER, reason: "x", by: "y", sinceMs: 0 });
    assert.match(await steps(), /quarantine warning/);
  });

  it("audits before it does anything, and does nothing where that fails", async () => {
    const failing = { ...needs, recordReview: () => Promise.reject(new Failure("store-unavailable", "full")) };
    await assert.rejects(quarantinePeer(BY, PEER, undefined, failing), /full/);
    await assert.rejects(releasePeer(BY, PEER, failing), /full/);
    await assert.rejects(listPeers(BY, failing), /full/);
    await assert.rejects(testPeer(BY, PEER, failing), /full/);
    assert.equal(held.size, 0);

    await quarantinePeer(BY, PEER, 3_600_000, needs);
    assert.deepEqual(looks, [
      {
        ...{ requestId: "r-1", action: "peer-quarantine", caller: "desk", userId: "an.operator", role: "operator" },
        ...{ reason: BY.reason, values: false, personIds: [], about: { peer: PEER, forMs: 3_600_000 } },
      },
    ]);
    assert.equal(held.get(PEER)?.untilMs, clock.wallMs() + 3_600_000);
    assert.deepEqual((await listPeers(BY, needs)).peers[0]?.quarantine?.by, "an.operator");
    assert.equal(await releasePeer(BY, PEER, needs), true);
  });

  it("knows no member but the directory's others", async () => {
    for (const id of ["nobody", OWN, ""]) {
      await assert.rejects(quarantinePeer(BY, id, undefined, needs), /no such other member/);
      await assert.rejects(testPeer(BY, id, needs), /no such other member/);
    }
    assert.deepEqual(looks, []);
  });

  it("tells a peer that greets how it stands, its quarantine included", () => {
    held.set(PEER, { peer: PEER, reason: "x", by: "y", sinceMs: 0 });
    const { nodeId, agreementIds, quarantined, directorySequence } = answerGreeting(PEER, needs);
    assert.deepEqual([nodeId, agreementIds, quarantined, directorySequence], [OWN, ["care"], true, 17]);
    assert.deepEqual(answerGreeting("wm-hw" as NodeId, needs).agreementIds, []);
  });

  it("greets every live member soon after the start and every few minutes, and nobody on a stale directory", async () => {
    let greeted = 0;
    const greetings = keepGreeting({
      ...needs,
      fraction: () => 0.5,
      greet: () => (greeted++, needs.greet({} as Member)),
    });
    await clock.advance(10_000);
    assert.deepEqual([greeted, greetings.sequenceAt(PEER), clocks.aheadOf(PEER)], [1, 17, 10_000]);
    greeting = new NotGreeted("address", new Failure("unreachable", "It is away."));
    await clock.advance(300_000);
    assert.equal(greeted, 2, "who is away is greeted again");
    state = "stale";
    await clock.advance(300_000);
    assert.equal(greeted, 2);
    greetings.stop();
    state = "fresh";
    await clock.advance(3_600_000);
    assert.equal(greeted, 2);
  });
});
