import type { Agreement, Manifest, Member } from "../../topology/manifest.ts";
import type { Quarantine, Quarantined } from "../access/quarantine.ts";
import type { ReviewLook } from "../audit/audit.ts";
import { type Clock, today } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { type NodeId, type ProtocolVersion, speaksWith } from "../base/words.ts";
import { CLOCKS_APART_MS_MAX, type ClockJudgement, type ClockWatch } from "../trust/clock-watch.ts";

/** What one node says of itself to another. */
export interface Greeting {
  readonly nodeId: string;
  /** Its wall clock at the middle of the exchange, milliseconds since the epoch. */
  readonly wallMs: number;
  readonly protocol: ProtocolVersion;
  readonly directorySequence: number;
  /** Agreements in force that name both nodes, by its directory. */
  readonly agreementIds: readonly string[];
  /** True where it answers nothing that this node asks. */
  readonly quarantined: boolean;
}

/** The steps of a way to a peer, in the order in which a question meets them. */
export const TEST_STEPS = [
  "directory",
  "address",
  "certificate",
  "admission",
  "version",
  "manifest",
  "clocks",
  "agreement",
  "quarantine",
] as const;
export type TestStepName = (typeof TEST_STEPS)[number];

/** Where the way to a peer ended: at its address, its certificate, or because it does not let this node in. */
export class NotGreeted extends Failure {
  readonly step: "address" | "certificate" | "admission";

  constructor(step: NotGreeted["step"], { code, message }: Failure) {
    super(code, message);
    this.step = step;
  }
}

/** Goes to a member on a connection of its own, and asks what it has to say. @throws {NotGreeted} */
export type GreetPeer = (member: Member) => Promise<Greeting>;

export interface TestStep {
  readonly name: TestStepName;
  readonly state: "ok" | "warning" | "fault" | "not-tried";
  /** What was seen and, unless it is in order, what to do. */
  readonly text: string;
}

/** Another member, as this node has it. */
export interface PeerState {
  readonly nodeId: string;
  readonly status: Member["status"];
  /** How far this node's clock is ahead; absent where the peer was not heard lately. */
  readonly clockAheadMs?: number;
  readonly directorySequence?: number;
  /** How long after this node it was first heard to enforce the directory in force here, in milliseconds. */
  readonly directoryLagMs?: number;
  /** How old what is known of its presence filter is, in milliseconds; absent where its filter is not here. */
  readonly presenceAgeMs?: number;
  /** For how long it has not been asked, in milliseconds, because it gave questions no answer; absent where it is asked. */
  readonly restingForMs?: number;
  readonly quarantine?: Quarantined;
}

export interface PeerList {
  readonly peers: readonly PeerState[];
  readonly clock: ClockJudgement;
  readonly directorySequence: number;
}

/** Who operates, and why. */
export interface Operator {
  readonly requestId: string;
  /** The system that asks, by its certificate's name. */
  readonly caller: string;
  readonly userId: string;
  readonly reason: string;
}

interface DirectoryNow {
  readonly manifest: Manifest;
  readonly state: "fresh" | "ageing" | "stale";
}

export interface PeersNeeds {
  readonly clock: Clock;
  readonly ownId: NodeId;
  readonly protocol: ProtocolVersion;
  readonly directory: () => DirectoryNow;
  readonly quarantine: Quarantine;
  readonly clocks: ClockWatch;
  /** The directory that a peer had when it was last heard. */
  readonly sequenceAt: (peer: string) => number | undefined;
  /** How long after this node a peer was first heard to enforce the directory in force here; `undefined`: it was not. */
  readonly directoryLagMs: (peer: string) => number | undefined;
  /** How old what is known of a peer's presence filter is; `undefined`: it is not here. */
  readonly presenceAgeMs: (peer: string) => number | undefined;
  /** For how long a peer has rested; `undefined`: it does not. */
  readonly restingForMs: (peer: string) => number | undefined;
  readonly greet: GreetPeer;
  /** Durable in the audit when it resolves. */
  readonly recordReview: (look: ReviewLook) => Promise<void>;
}

/** What this node says of itself to a member. */
export function answerGreeting(asker: NodeId, needs: Omit<PeersNeeds, "greet" | "recordReview">): Greeting {
  const { manifest } = needs.directory();
  return {
    ...{ nodeId: needs.ownId, wallMs: needs.clock.wallMs(), protocol: needs.protocol },
    directorySequence: manifest.sequence,
    agreementIds: agreementsWith(asker, needs),
    quarantined: needs.quarantine.refusalOf(asker) !== undefined,
  };
}

/** Every other member. @throws {Failure} `store-unavailable`: the audit could not be written. */
export async function listPeers(by: Operator, needs: PeersNeeds): Promise<PeerList> {
  await record(by, "peer-list", {}, needs);
  const { manifest } = needs.directory();
  const quarantined = new Map(needs.quarantine.list().map((each) => [each.peer, each]));
  const members = manifest.members.filter(({ id }) => id !== needs.ownId);
  return {
    peers: members.map(({ id, status }) => {
      const [clockAheadMs, directorySequence] = [needs.clocks.aheadOf(id), needs.sequenceAt(id)];
      const [quarantine, restingForMs] = [quarantined.get(id), needs.restingForMs(id)];
      const [directoryLagMs, presenceAgeMs] = [needs.directoryLagMs(id), needs.presenceAgeMs(id)];
      return {
        ...{ nodeId: id, status },
        ...(clockAheadMs !== undefined && { clockAheadMs }),
        ...(clockAheadMs !== undefined && directorySequence !== undefined && { directorySequence }),
        ...(directoryLagMs !== undefined && { directoryLagMs }),
        ...(presenceAgeMs !== undefined && Number.isFinite(presenceAgeMs) && { presenceAgeMs }),
        ...(restingForMs !== undefined && { restingForMs }),
        ...(quarantine !== undefined && { quarantine }),
      };
    }),
    clock: needs.clocks.judge(),
    directorySequence: manifest.sequence,
  };
}

/**
 * Answers nothing that a peer asks, from now on.
 *
 * @param forMs absent: until somebody releases it.
 * @throws {Failure} `invalid-input`: there is no such other member.
 * @throws {Failure} `store-unavailable`: not audited, then nothing was done; or in force, but not kept.
 */
export async function quarantinePeer(
  by: Operator,
  peer: string,
  forMs: number | undefined,
  needs: PeersNeeds,
): Promise<void> {
  memberOf(peer, needs);
  const sinceMs = needs.clock.wallMs();
  await record(by, "peer-quarantine", { peer, ...(forMs !== undefined && { forMs }) }, needs);
  await needs.quarantine.add({
    ...{ peer, reason: by.reason, by: by.userId, sinceMs },
    ...(forMs !== undefined && { untilMs: sinceMs + forMs }),
  });
}

/** @returns false where it was not in quarantine. @throws {Failure} as {@link quarantinePeer}; also of who has left. */
export async function releasePeer(by: Operator, peer: string, needs: PeersNeeds): Promise<boolean> {
  await record(by, "peer-release", { peer }, needs);
  return needs.quarantine.release(peer);
}

/**
 * Goes to a peer as a question would, and says step by step what it met.
 *
 * @throws {Failure} as {@link quarantinePeer}; a step that fails is no failure of this.
 */
export async function testPeer(by: Operator, peer: string, needs: PeersNeeds): Promise<readonly TestStep[]> {
  const member = memberOf(peer, needs);
  await record(by, "peer-test", { peer }, needs);
  const met: TestStep[] = [judgeDirectory(member, needs)];
  if (met[0]?.state === "ok") met.push(...(await goTo(member, needs)));
  return TEST_STEPS.map((name) => {
    const text = "Not tried: an earlier step failed.";
    return met.find((step) => step.name === name) ?? { name, state: "not-tried", text };
  });
}

function judgeDirectory({ id, status, endpoints }: Member, needs: PeersNeeds): TestStep {
  const name = "directory";
  const { state, manifest } = needs.directory();
  if (state === "stale") {
    return {
      name,
      state: "fault",
      text: "This node's directory is over 14 days old: nobody is asked. Fetch a new one.",
    };
  }
  if (status !== "live") {
    return { name, state: "fault", text: `The directory (${manifest.sequence}) has ${id} as ${status}, not live.` };
  }
  return { name, state: "ok", text: `${id} is a live member, at ${endpoints.join(", ")}.` };
}

const REACHED = {
  address: "Its port takes connections.",
  certificate: "Its certificate is that member's, by the directory of this node.",
  admission: "It takes this node's certificate and answers it.",
} as const;

async function goTo(member: Member, needs: PeersNeeds): Promise<readonly TestStep[]> {
  const ways = ["address", "certificate", "admission"] as const;
  const reached = (count: number): TestStep[] =>
    ways.slice(0, count).map((name) => ({ name, state: "ok", text: REACHED[name] }));
  try {
    const greeting = await needs.greet(member);
    needs.clocks.note(member.id, greeting.wallMs);
    return [...reached(ways.length), ...judgeGreeting(member, greeting, needs)];
  } catch (thrown) {
    if (!(thrown instanceof NotGreeted)) throw thrown;
    const { step, message } = thrown;
    return [...reached(ways.indexOf(step)), { name: step, state: "fault", text: `${message} ${REMEDY[step]}` }];
  }
}

const REMEDY = {
  address: "Is the node running? Are the address in the directory, the routes and the firewalls right?",
  certificate: "Compare what it shows with the directory: 'corridor certs inspect' on its side.",
  admission: "Run 'corridor peer test' and 'corridor doctor' on its side: its log has the reason.",
} as const;

function judgeGreeting({ id }: Member, greeting: Greeting, needs: PeersNeeds): readonly TestStep[] {
  return [
    judgeVersion(greeting, needs),
    judgeManifest(greeting, needs),
    judgeClock(greeting, needs),
    judgeAgreements(id, greeting, needs),
    judgeQuarantine(id, greeting, needs),
  ];
}

function judgeVersion({ protocol }: Greeting, needs: PeersNeeds): TestStep {
  const [own, its] = [needs.protocol, protocol].map(({ major, minor }) => `${major}.${minor}`);
  const text = `Protocol here ${own}, there ${its}.`;
  if (speaksWith(needs.protocol, protocol)) return { name: "version", state: "ok", text };
  return { name: "version", state: "fault", text: `${text} Upgrade the older one.` };
}

function judgeManifest({ directorySequence }: Greeting, needs: PeersNeeds): TestStep {
  const own = needs.directory().manifest.sequence;
  const text = `Directory here ${own}, there ${directorySequence}.`;
  if (own === directorySequence) return { name: "manifest", state: "ok", text };
  const older = own < directorySequence ? "this node's" : "its";
  return { name: "manifest", state: "warning", text: `${text} Put the newer one in the place of ${older}.` };
}

function judgeClock({ wallMs }: Greeting, needs: PeersNeeds): TestStep {
  const aheadMs = needs.clock.wallMs() - wallMs;
  const seconds = (Math.abs(aheadMs) / 1_000).toFixed(1);
  const text = `This node's clock is ${seconds} s ${aheadMs < 0 ? "behind" : "ahead of"} its. ${needs.clocks.judge().text}`;
  const state = Math.abs(aheadMs) <= CLOCKS_APART_MS_MAX ? "ok" : "fault";
  return { name: "clocks", state, text };
}

function judgeAgreements(id: string, { agreementIds }: Greeting, needs: PeersNeeds): TestStep {
  const name = "agreement";
  const own = agreementsWith(id, needs);
  if (own.length === 0) {
    return {
      name,
      state: "fault",
      text: "No agreement in force names both nodes: information governance, in the next directory.",
    };
  }
  const missing = own.filter((each) => !agreementIds.includes(each));
  const text = `In force here: ${own.join(", ")}.`;
  if (missing.length === 0) return { name, state: "ok", text };
  return { name, state: "warning", text: `${text} Not there: ${missing.join(", ")}; compare the two directories.` };
}

function judgeQuarantine(id: string, { quarantined }: Greeting, needs: PeersNeeds): TestStep {
  const name = "quarantine";
  if (quarantined) return { name, state: "fault", text: `${id} has this node in quarantine: ring its operator.` };
  if (needs.quarantine.refusalOf(id) === undefined) return { name, state: "ok", text: "Neither has the other in it." };
  return { name, state: "warning", text: `${id} is in it here: 'corridor peer release ${id}' answers it again.` };
}

function agreementsWith(peer: string, { directory, ownId, clock }: Pick<PeersNeeds, "directory" | "ownId" | "clock">) {
  const day = today(clock);
  const isInForce = ({ members, endDate, suspendedBy }: Agreement): boolean =>
    [ownId, peer].every((id) => members.includes(id)) &&
    suspendedBy === undefined &&
    (endDate === undefined || day <= endDate);
  return directory()
    .manifest.agreements.filter(isInForce)
    .map(({ id }) => id);
}

function memberOf(peer: string, { directory, ownId }: PeersNeeds): Member {
  const { members } = directory().manifest;
  const member = members.find(({ id }) => id === peer && id !== ownId);
  if (member !== undefined) return member;
  throw new Failure("invalid-input", "The directory in force has no such other member.", { where: "node_id" });
}

function record(by: Operator, action: string, about: ReviewLook["about"], needs: PeersNeeds): Promise<void> {
  const { requestId, caller, userId, reason } = by;
  return needs.recordReview({
    ...{ requestId, action, caller, userId, reason, about },
    ...{ role: "operator", values: false, personIds: [] },
  });
}

/** The first greetings come so soon after the start, the next so much later; each a little earlier or later, by chance. */
const FIRST_GREETING_MS = 10_000;
const GREET_EVERY_MS = 5 * 60_000;

export interface KeptGreetings {
  /** The directory that a peer had when it was last heard. */
  readonly sequenceAt: (peer: string) => number | undefined;
  readonly stop: () => void;
}

/** Greets every live member again and again, so that clocks are compared before anything fails for them. */
export function keepGreeting(
  needs: Pick<PeersNeeds, "clock" | "clocks" | "ownId" | "directory" | "greet"> & {
    /** From 0 to 1, by chance. */
    readonly fraction: () => number;
  },
): KeptGreetings {
  const { clock, clocks, fraction } = needs;
  const sequences = new Map<string, number>();
  const greetOne = async (member: Member): Promise<void> => {
    // Whoever cannot be reached says nothing of the time; questions say that it cannot be.
    const greeting = await needs.greet(member).catch(() => undefined);
    if (greeting === undefined) return;
    clocks.note(member.id, greeting.wallMs);
    sequences.set(member.id, greeting.directorySequence);
  };
  const round = async (): Promise<void> => {
    const { manifest, state } = needs.directory();
    if (state === "stale") return;
    for (const member of manifest.members) {
      if (member.id !== needs.ownId && member.status === "live") await greetOne(member);
    }
  };
  let timer = clock.after(FIRST_GREETING_MS * (0.5 + fraction()), function again() {
    void round();
    timer = clock.after(GREET_EVERY_MS * (0.9 + 0.2 * fraction()), again);
  });
  return { sequenceAt: (peer) => sequences.get(peer), stop: () => timer.cancel() };
}
