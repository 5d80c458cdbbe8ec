import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

import { Failure } from "../node/base/failure.ts";
import { buildManifest, type ManifestIssue } from "./build-manifest.ts";
import { manifestSchema } from "./manifest.ts";
import { icsOn, readTopology, type Topology } from "./topology.ts";

const topology = readTopology(fileURLToPath(new URL("west-midlands.yaml", import.meta.url)));

function issue(changed: Partial<ManifestIssue> = {}): ManifestIssue {
  return {
    sequence: 7,
    issuedAt: "2026-11-22T03:00:00.000Z",
    endpoints: new Map(topology.nodes.map(({ id }, at) => [id, [`127.0.0.1:${7_400 + at}`]])),
    issuingCas: new Map(topology.collaboratives.map(({ id }, at) => [id, String(at).repeat(64)])),
    assertionKeys: new Map(topology.nodes.map(({ id }, at) => [id, String.fromCharCode(65 + at).repeat(43)])),
    ...changed,
  };
}

function withNode(change: Partial<Topology["nodes"][number]>): Topology {
  return { ...topology, nodes: topology.nodes.map((node, at) => (at === 0 ? { ...node, ...change } : node)) };
}

describe("a manifest built from the West Midlands", () => {
  const manifest = buildManifest(topology, issue());

  it("is a manifest", () => assert.deepEqual(manifestSchema.parse(manifest), manifest));

  it("has every node as a member, with its own endpoint, its collaborative's CA and its own key", () => {
    assert.deepEqual(
      manifest.members.map(({ id, endpoints, issuingCa, assertionKey }) => [
        id,
        endpoints[0],
        issuingCa[0],
        assertionKey[0],
      ]),
      [
        ["wm-bsol", "127.0.0.1:7400", "0", "A"],
        ["wm-cw", "127.0.0.1:7401", "0", "B"],
        ["wm-hw", "127.0.0.1:7402", "0", "C"],
        ["wm-bc", "127.0.0.1:7403", "1", "D"],
        ["wm-stw", "127.0.0.1:7404", "1", "E"],
        ["wm-sst", "127.0.0.1:7405", "1", "F"],
      ],
    );
    assert.deepEqual(
      icsOn(manifest.members[0]!, "2026-11-22").map(({ code }) => code),
      ["QHL"],
    );
  });

  it("lists the ICSs without a node that are valid on its own day", () => {
    const codesOf = (issuedAt: string) =>
      buildManifest(topology, issue({ issuedAt })).icsWithoutNode.map(({ code }) => code);
    assert.deepEqual(codesOf("2026-03-31T23:59:59Z"), ["QJ2", "QR1", "QU9"]);
    assert.deepEqual(codesOf("2026-04-01T00:00:00Z"), ["QJ2", "QR1", "S0E4D"]);
  });

  it("routes by presence filters only where the topology says so, with the sign-offs of those who are members", () => {
    assert.deepEqual([manifest.routing, manifest.presence], ["ask-all", undefined]);
    const signOffs = ["wm-bsol", "wm-cw", "wm-hw"].map((id) => ({ node: id, guardian: "G", signedOn: "2026-01-01" }));
    const presenceFilters = { dpia: "D", signOffs } as NonNullable<Topology["presenceFilters"]>;
    const routed = buildManifest({ ...withNode({ status: "left" }), presenceFilters }, issue());
    assert.equal(routed.routing, "presence-filter");
    assert.deepEqual(
      routed.presence?.signOffs.map(({ member }) => member),
      ["wm-cw", "wm-hw"],
    );
    const tooFew = { ...presenceFilters, signOffs: presenceFilters.signOffs.slice(0, 2) };
    assert.throws(
      () => buildManifest({ ...withNode({ status: "left" }), presenceFilters: tooFew }, issue()),
      /Caldicott Guardians of two members/,
    );
  });

  it("carries the agreements, with all written as a list and controllers by name", () => {
    const [network, collaborative] = manifest.agreements;
    assert.deepEqual(network?.recordTypes, ["all"]);
    assert.deepEqual(network.roleGroups, ["all"]);
    assert.equal(network.members.length, 6);
    assert.ok(
      network.controllers.some(
        ({ code, name }) => code === "RRK" && name.startsWith("University Hospitals Birmingham"),
      ),
    );
    assert.deepEqual([network.demographicQuestions, collaborative?.demographicQuestions], [false, true]);
  });

  it("has no member that has left, and no agreement with it", () => {
    const without = buildManifest(
      withNode({ status: "left" }),
      issue({ endpoints: new Map([...issue().endpoints].slice(1)) }),
    );
    assert.equal(without.members.length, 5);
    assert.ok(without.agreements.every(({ members }) => !members.includes("wm-bsol")));
  });

  it("has no agreement that too few members are left for", () => {
    const alone = {
      ...topology,
      nodes: topology.nodes.map((node) => (node.id === "wm-bc" ? node : { ...node, status: "left" as const })),
    };
    assert.deepEqual(buildManifest(alone, issue()).agreements, []);
  });
});

describe("a manifest that cannot be built", () => {
  const refusal = (build: () => unknown): string => {
    try {
      build();
    } catch (thrown) {
      assert.ok(thrown instanceof Failure && thrown.code === "configuration", String(thrown));
      return thrown.message;
    }
    return assert.fail("it was built");
  };

  it("names everything that is missing at once", () => {
    const message = refusal(() =>
      buildManifest(
        withNode({
          ics: [{ code: topology.nodes[0]!.ics[0]!.code, name: "Gone", from: "2022-07-01", to: "2026-04-01" }],
        }),
        {
          ...issue(),
          endpoints: new Map([...issue().endpoints].slice(1)),
          issuingCas: new Map(),
          assertionKeys: new Map([...issue().assertionKeys].slice(0, 5)),
        },
      ),
    );
    assert.match(message, /wm-bsol has no endpoint: give its host:port/);
    assert.match(message, /wm-bsol has no issuing CA: make one for collaborative-care-record/);
    assert.match(message, /wm-sst has no assertion key: issue its certificate first/);
    assert.match(message, /wm-bsol serves no ICS on 2026-11-22: add the code that is valid then/);
  });

  it("names what is malformed", () => {
    const message = refusal(() =>
      buildManifest(
        topology,
        issue({ sequence: 0, endpoints: new Map(topology.nodes.map(({ id }) => [id, ["no port"]])) }),
      ),
    );
    assert.match(message, /sequence: /);
    assert.match(message, /members\.0\.endpoints\.0: host:port/);
  });
});
