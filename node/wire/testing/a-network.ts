import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { initNetwork } from "../../../certs/authority.ts";
import { issueCaller, issueNode } from "../../../certs/issue.ts";
import { callerFiles, nodeFiles } from "../../../certs/layout.ts";
import type { Member } from "../../../topology/manifest.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { Failure } from "../../base/failure.ts";
import type { NodeId } from "../../base/words.ts";
import { type AssertionSigner, makeAssertionSigner } from "../../trust/assertion.ts";
import type { Directory } from "../../trust/directory.ts";
import { type PeerIdentity, authorisePeer } from "../../trust/peer-identity.ts";
import { type TlsFiles, readCallerTls, readNodeTls } from "../tls-files.ts";

export const DOMAIN = "test.corridor.example";
/** The node whose door is tried, and one of its peers. */
export const HOLDER = "holder-one" as NodeId;
export const ASKER = "asker-one" as NodeId;
/** A member of the network that the tests never start. */
export const OTHER = "other-one" as NodeId;

const NOTHING = { roles: [], settings: [], organisations: [], feed: false, operate: false, sandbox: false } as const;

/** A throw-away network: real certificates on disk, a directory in memory that the tests may change. */
export interface WireNetwork {
  readonly dir: string;
  readonly directory: TestDirectory;
  nodeTls(id: string): TlsFiles;
  /** `demo` may ask, `feed` may feed, `operator` may operate, `reviewer` may review; all are the holder's. */
  callerDir(name: "demo" | "feed" | "operator" | "reviewer"): string;
  callerTls(name: "demo" | "feed" | "operator"): TlsFiles;
  signer(id: string): AssertionSigner;
  /** As the composition root does it. */
  checkMember(member: Member, identity: PeerIdentity): void;
  remove(): void;
}

export interface TestDirectory extends Pick<Directory, "inForce" | "member"> {
  readonly members: Map<string, Member>;
  state: "fresh" | "stale";
}

export async function makeWireNetwork(clock: Clock = systemClock): Promise<WireNetwork> {
  const dir = mkdtempSync(join(tmpdir(), "corridor-wire-"));
  const { issuingCas } = await initNetwork(dir, { domain: DOMAIN, collaboratives: ["care"], clock });
  const issued = await Promise.all(
    [HOLDER, ASKER, OTHER].map((id) => issueNode(dir, { id, collaborative: "care", clock })),
  );
  const rights = {
    demo: { ...NOTHING, roles: ["R8000"], settings: ["emergency" as const], organisations: ["RRK"] },
    feed: { ...NOTHING, organisations: ["RRK"], feed: true },
    operator: { ...NOTHING, operate: true },
    reviewer: { ...NOTHING, roles: ["R8008"], review: true },
  };
  await Promise.all(
    Object.entries(rights).map(([name, each]) => issueCaller(dir, { node: HOLDER, name, rights: each, clock })),
  );
  const members = new Map(
    [HOLDER, ASKER, OTHER].map((id, at) => [
      id as string,
      aMember(id, issued[at]!.assertionKey, issuingCas.get("care")!),
    ]),
  );
  const directory: TestDirectory = {
    members,
    state: "fresh",
    inForce: () => ({ manifest: undefined as never, ageMs: 0, state: directory.state, atMs: clock.wallMs() }),
    member: (id) => members.get(id),
  };
  return {
    dir,
    directory,
    nodeTls: (id) => readNodeTls(nodeFiles(dir, id).directory),
    callerDir: (name) => callerFiles(dir, HOLDER, name).directory,
    callerTls: (name) => readCallerTls(callerFiles(dir, HOLDER, name).directory),
    signer: (id) => makeAssertionSigner(readFileSync(nodeFiles(dir, id).assertionKey, "utf8")),
    checkMember(member, identity) {
      const peer = authorisePeer(identity, directory, member.id);
      if (peer.kind !== "node" || peer.member.id !== member.id) throw new Failure("not-authenticated", "somebody else");
    },
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

function aMember(id: string, assertionKey: string, issuingCa: string): Member {
  return {
    id,
    collaborative: "care",
    region: "Test",
    ics: [{ code: "QHL", name: "Test ICS", from: "2022-07-01" }],
    endpoints: ["127.0.0.1:1"],
    issuingCa,
    assertionKey,
    population: 1_000_000,
    ages: { from: 0 },
    coverageContact: { name: "Service desk", phone: "0121 496 0000", hours: "24 hours" },
    status: "live",
  };
}

/** The machine's clock, with everything but the time of day so many times as fast: limits of a minute pass in a second. */
export function fastClock(times: number): Clock {
  return {
    wallMs: () => systemClock.wallMs(),
    monotonicMs: () => systemClock.monotonicMs() * times,
    after: (ms, callback) => systemClock.after(ms / times, callback),
    every: (ms, callback) => systemClock.every(ms / times, callback),
    sleep: (ms, signal) => systemClock.sleep(ms / times, signal),
    until: (monotonicMs) => systemClock.until(monotonicMs / times),
  };
}

/** The same for a client: what it owes and is owed is over as fast, but it connects in the time that a busy machine takes. */
export function impatientClock(times: number): Clock {
  return { ...fastClock(times), after: (ms, callback) => systemClock.after(ms, callback) };
}
