import type { AreaAnswer, HolderAnswer, LocateEvent, Verdict } from "../../base/answer.ts";
import { BirthDate } from "../../base/birth-date.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { Failure } from "../../base/failure.ts";
import { NhsNumber } from "../../base/nhs-number.ts";
import type { Claim, PatientQuery, Question } from "../../base/question.ts";
import { systemRandom } from "../../base/random.ts";
import type { RecordEvent } from "../../base/record.ts";
import { type OrganisationCode, PROTOCOL, type ProtocolVersion } from "../../base/words.ts";
import { type Log, silentLog } from "../../telemetry/log.ts";
import type { PeerQuestion } from "../../requests/answer-locate.ts";
import type { ParsedItem } from "../../requests/load-batch.ts";
import { checkAssertionTimes, verifyAssertion } from "../../trust/assertion.ts";
import { authorisePeer } from "../../trust/peer-identity.ts";
import type { FederationNeeds } from "../federation-service.ts";
import type { FeedNeeds } from "../feed-service.ts";
import type { SearchNeeds } from "../search-service.ts";
import type { MpiNeeds } from "../mpi-service.ts";
import type { PeersDoorNeeds } from "../peer-service.ts";
import type { PresenceDoorNeeds } from "../presence-service.ts";
import { type RunningServer, type ServerOrder, startServer } from "../server.ts";
import type { WitnessDoorNeeds } from "../witness-service.ts";
import { DOMAIN, HOLDER, type WireNetwork } from "./a-network.ts";

/** The stories behind a door under test; whatever is not given answers politely. */
export interface DoorStories {
  readonly verifyAssertion?: typeof verifyAssertion;
  readonly answerLocate?: (question: PeerQuestion) => Promise<HolderAnswer>;
  readonly answerIdentify?: ServerOrder["discovery"]["answerIdentify"];
  readonly locate?: FederationNeeds["locate"];
  readonly searchPeople?: SearchNeeds["searchPeople"];
  readonly mpi?: Partial<MpiNeeds>;
  readonly peers?: Partial<PeersDoorNeeds>;
  readonly validate?: FeedNeeds["validate"];
  readonly loadBatch?: FeedNeeds["loadBatch"];
  readonly finishLoad?: FeedNeeds["finishLoad"];
  readonly beginLoad?: FeedNeeds["beginLoad"];
}

export interface DoorSettings {
  readonly clock?: Clock;
  readonly log?: Log;
  readonly protocol?: ProtocolVersion;
  readonly reflection?: boolean;
  readonly port?: number;
  readonly connectionAgeMs?: number;
}

/** Opens nothing, and knows nobody. */
export const NO_RECORDS: Pick<ServerOrder, "records" | "retrieval" | "discovery" | "emergency"> = {
  emergency: {
    giveAccess: noEmergency,
    endAccess: noEmergency,
    listCases: () => Promise.resolve([]),
    showCase: noEmergency,
    reviewCase: noEmergency,
    writeLetter: noEmergency,
    takeLetter: noEmergency,
  },
  discovery: { answerIdentify: () => Promise.resolve(undefined) },
  records: { openRecord: noRecord },
  retrieval: { retrieve: noRecord },
};

function noEmergency(): Promise<never> {
  return Promise.reject(new Failure("not-permitted", "No emergency access is given."));
}

// oxlint-disable-next-line require-yield -- it only refuses
async function* noRecord(): AsyncGenerator<RecordEvent, void> {
  throw new Failure("not-permitted", "This record cannot be opened.");
}

/** Shares no filter. */
export const NO_PRESENCE: PresenceDoorNeeds = {
  news: notShared,
  handOver: notShared,
};

function notShared(): never {
  throw new Failure("not-permitted", "No filter is shared.");
}

/** Vouches for nobody. */
export const NO_WITNESS: WitnessDoorNeeds = {
  addCheckpoint: () => Promise.resolve({ status: 404, body: "" }),
  listCheckpoints: () => Promise.resolve([]),
  proveConsistency: () => Promise.resolve([]),
};

/** Opens the holder's door on a free port of this machine, with trust as the composition root introduces it. */
export function openDoor(
  network: WireNetwork,
  stories: DoorStories = {},
  settings: DoorSettings = {},
): Promise<RunningServer> {
  const { clock = systemClock, log = silentLog, protocol = PROTOCOL, reflection = false, port = 0 } = settings;
  const { connectionAgeMs } = settings;
  return startServer({
    ownId: HOLDER,
    domain: DOMAIN,
    listen: { host: "127.0.0.1", port },
    tls: network.nodeTls(HOLDER),
    clock,
    random: systemRandom,
    log,
    protocol,
    authorise: (identity) => authorisePeer(identity, network.directory, HOLDER),
    locator: {
      verifyAssertion: stories.verifyAssertion ?? verifyAssertion,
      checkAssertionTimes: (issuedAtMs, expiresAtMs) => checkAssertionTimes(issuedAtMs, expiresAtMs, clock),
      answerLocate: stories.answerLocate ?? (() => Promise.resolve(nothingToShow())),
    },
    federation: {
      locate: stories.locate ?? onlyVerdict,
      signVerdict: (payload) => network.signer(HOLDER).signVerdict(payload),
    },
    search: {
      searchPeople: stories.searchPeople ?? (() => Promise.resolve({ result: "none", persons: [], askForMore: false })),
    },
    mpi: { ...NOBODY_IS_IN_REVIEW, ...stories.mpi },
    peers: { ...NO_PEERS, ...stories.peers },
    witness: NO_WITNESS,
    membership: { answerExchange: () => ({ sequence: 1 }) },
    presence: NO_PRESENCE,
    ...NO_RECORDS,
    ...(stories.answerIdentify && { discovery: { answerIdentify: stories.answerIdentify } }),
    feed: {
      validate: stories.validate ?? ((entries) => Promise.resolve(entries.map(() => NOT_KEPT))),
      loadBatch:
        stories.loadBatch ??
        ((_header, items) => Promise.resolve({ accepted: items.length, rejected: [], providers: [] })),
      beginLoad: stories.beginLoad ?? (() => {}),
      storeId: () => "store",
      finishLoad: stories.finishLoad ?? (() => Promise.resolve({ waiting: 0 })),
    },
    reflection,
    ...(connectionAgeMs !== undefined && { connectionAgeMs }),
  });
}

const NOBODY_IS_IN_REVIEW: MpiNeeds = {
  listReview: () => Promise.resolve({ records: [], waiting: 0, oldestMs: undefined }),
  showReview: () => Promise.reject(new Failure("invalid-input", "Not in review.", { where: "identity_no" })),
  changePersons: () => Promise.resolve({ kind: "unknown" }),
  showHistory: () => Promise.resolve([]),
  listHairballs: () => Promise.resolve([]),
  showQuality: () => Promise.resolve({ identities: 0, inReview: 0, bands: [] }),
  listLetters: () => Promise.resolve({ letters: [], count: 0, oldestMs: undefined }),
  showLetter: () => Promise.reject(new Failure("invalid-input", "There is no such dead letter.", { where: "id" })),
  replayLetters: () => Promise.resolve({ taken: 0, refused: 0, notTried: 0, next: 0 }),
  purgeLetters: () => Promise.resolve(0),
};

export const NO_PEERS: PeersDoorNeeds = {
  answerGreeting: () => ({
    ...{ nodeId: HOLDER, wallMs: systemClock.wallMs(), protocol: PROTOCOL },
    ...{ directorySequence: 1, agreementIds: [], quarantined: false },
  }),
  listPeers: () =>
    Promise.resolve({ peers: [], clock: { state: "unknown", aheadMs: 0, text: "" }, directorySequence: 1 }),
  quarantinePeer: () => Promise.resolve(),
  releasePeer: () => Promise.resolve(false),
  testPeer: () => Promise.resolve([]),
};

const NOT_KEPT: ParsedItem = { rejected: { field: "", reason: "nothing is kept here" } };

export function nothingToShow(): HolderAnswer {
  return {
    outcome: "nothing-to-show",
    pointers: [],
    sealed: ["mental-health-record"],
    coverage: {
      providers: [
        {
          code: "RRK" as OrganisationCode,
          name: "An NHS trust",
          state: "feeding",
          lastReceivedAtMs: 1_700_000_000_000,
        },
      ],
    },
    reason: "",
    notOffered: ["childrens-social-care"],
    morePointers: 0,
  };
}

export async function* onlyVerdict(question: Question): AsyncGenerator<LocateEvent, void> {
  yield { kind: "verdict", verdict: aVerdict(question.requestId) };
}

export function anAreaAnswer(more: Partial<AreaAnswer> = {}): AreaAnswer {
  return {
    area: { nodeId: HOLDER, name: "Test ICS", icsCodes: ["QHL" as OrganisationCode], scopes: ["network"], contact: "" },
    outcome: "nothing-to-show",
    reason: "",
    pointers: [],
    sealed: [],
    elapsedMs: 3,
    own: true,
    notOffered: [],
    morePointers: 0,
    ...more,
  };
}

export function aVerdict(requestId: string): Verdict {
  return {
    requestId,
    asker: HOLDER,
    givenAtMs: 1_700_000_000_000,
    scopes: [{ scope: "network", everyAreaAnswered: true, areas: 1, answered: 1 }],
    areas: [
      { nodeId: HOLDER, name: "Test ICS", outcome: "nothing-to-show", elapsedMs: 3, reason: "", scopes: ["network"] },
    ],
    gaps: [],
    unfed: [],
    sentence: "1 of 1 areas answered.",
    fixedLine: "This does not mean there is nothing else.",
    directory: { sequence: 7, ageSeconds: 60, ageing: false },
  };
}

/** Somebody invented; the number is from the range that is never issued. */
export const PATIENT_NUMBER = "9000000009";
export const PATIENT_BORN = "1958-04-17";

export function aPatient(): PatientQuery {
  return {
    by: "number",
    nhsNumber: NhsNumber.parse(PATIENT_NUMBER)!,
    birthDate: BirthDate.parse(PATIENT_BORN, "2026-11-22")!,
  };
}

export function aClaim(more: Partial<Claim> = {}): Claim {
  return {
    userId: "a.clinician",
    role: "R8000",
    setting: "emergency",
    organisation: "RRK" as OrganisationCode,
    assurance: "smartcard",
    purpose: "TREAT",
    relationship: { kind: "attendance", reference: "A-1" },
    trigger: "person",
    reason: "In resus",
    ...more,
  };
}
