import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Manifest } from "../../topology/manifest.ts";
import { type AuditEntry, openAuditReader } from "../../node/audit/audit-reader.ts";
import { makeHandlers as makeAuditHandlers } from "../../node/audit/audit-store.ts";
import { makeAudit } from "../../node/audit/audit.ts";
import type { HolderAnswer } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { Failure } from "../../node/base/failure.ts";
import type { Decision, Permit } from "../../node/base/permit.ts";
import type { Question } from "../../node/base/question.ts";
import { seededRandom, systemRandom } from "../../node/base/random.ts";
import { PROTOCOL } from "../../node/base/words.ts";
import { type Covered, makeFederation } from "../../node/federation/federation.ts";
import { answerLocate } from "../../node/requests/answer-locate.ts";
import { answerOwn } from "../../node/requests/answer-own.ts";
import { knowPerson } from "../../node/requests/find-records.ts";
import { finishLoad, loadBatch, makeHandlers as makeLoadHandlers } from "../../node/requests/load-batch.ts";
import { locate } from "../../node/requests/locate.ts";
import { openStore } from "../../node/storage/database.ts";
import { makeInlineExecutor } from "../../node/storage/inline-executor.ts";
import { makeLog } from "../../node/telemetry/log.ts";
import { aPermit, aPointer, anIdentity, openTestIndex } from "../../node/testing/an-index.ts";
import { checkAssertionTimes, verifyAssertion } from "../../node/trust/assertion.ts";
import { authorisePeer } from "../../node/trust/peer-identity.ts";
import { startServer } from "../../node/wire/server.ts";
import {
  NO_PEERS,
  NO_PRESENCE,
  NO_RECORDS,
  NO_WITNESS,
  PATIENT_BORN,
  PATIENT_NUMBER,
} from "../../node/wire/testing/a-door.ts";
import { ASKER, DOMAIN, HOLDER, type WireNetwork } from "../../node/wire/testing/a-network.ts";
import type { FailPoints } from "./fail-points.ts";

/** Of somebody held here; of somebody whose record is restricted here; both invented. */
export const RESTRICTED_NUMBER = "9000000017";

/** A node as `node.ts` composes it, in this process, whose every function handed in can be made to fail. */
export interface FailingNode {
  readonly port: number;
  /** What its audit holds of a request, once all that waits is written. */
  entries(requestId: string): Promise<readonly AuditEntry[]>;
  /** Requests about which the peer was asked, with what the audit held at that moment. */
  readonly asked: ReadonlyMap<string, readonly AuditEntry[]>;
  /** How many identity records its index keeps. */
  kept(): number;
  readonly log: readonly string[];
  close(): Promise<void>;
}

/** What decides each question, before anything is made to fail. */
export interface Decisions {
  readonly refuse: boolean;
}

export async function startFailingNode(
  network: WireNetwork,
  points: FailPoints,
  decisions: Decisions,
): Promise<FailingNode> {
  const clock = systemClock;
  const random = systemRandom;
  const folder = mkdtempSync(join(tmpdir(), "corridor-failing-"));
  const auditPath = join(folder, "audit.db");
  const auditDb = openStore(auditPath, "audit");
  const executor = makeInlineExecutor(auditDb, makeAuditHandlers(auditDb));
  const tokenOf = (): string => "t:token";
  let audit = makeAudit({ executor, ownId: HOLDER, clock, random, tokenOf, onAlarm() {} });
  const reader = openAuditReader(auditPath);
  const index = openTestIndex(undefined, clock);
  await index.load([
    anIdentity({ nhsNumber: PATIENT_NUMBER, birthDate: PATIENT_BORN }),
    aPointer(),
    anIdentity({ nhsNumber: RESTRICTED_NUMBER, birthDate: PATIENT_BORN, localId: "P2", restricted: true }),
  ]);
  const log: string[] = [];
  const asked = new Map<string, readonly AuditEntry[]>();

  const permitFor = ({ requestId }: Question): Permit => ({ ...aPermit(), requestId });
  const decide = (question: Question): Decision =>
    decisions.refuse
      ? { kind: "refused", code: "role-refused", reason: "Not for this role." }
      : { kind: "permitted", permit: permitFor(question) };
  const find = (question: Question, permit: Permit) => index.find(question.patient, permit);
  const coverage = () => index.locator.coverage();

  const transport = points.wrap("transport", {
    ask(_member: unknown, { requestId }: Question): Promise<HolderAnswer> {
      asked.set(requestId, reader.byRequest(requestId));
      const nothing = { pointers: [], sealed: [], notOffered: [], morePointers: 0 };
      return Promise.resolve({ outcome: "nothing-to-show", reason: "", ...nothing });
    },
  });
  const federation = makeFederation({
    ...{ clock, ownId: HOLDER, transport },
    ...points.wrap("federation", {
      directory: () => ({ manifest: manifestOf(network), ageMs: 0, state: "fresh" as const }),
      mayAsk: (): Covered => ({ ok: true }),
    }),
  });
  const recording = {
    recordQuestion: (...of: Parameters<typeof audit.recordQuestion>) => audit.recordQuestion(...of),
    recordRestricted: (...of: Parameters<typeof audit.recordRestricted>) => audit.recordRestricted(...of),
    recordOutcomes: (...of: Parameters<typeof audit.recordOutcomes>) => audit.recordOutcomes(...of),
  };
  const ownNeeds = points.wrap("own", {
    ...{ find, coverage },
    recordOwnAnswer: (...of: Parameters<typeof audit.recordOwnAnswer>) => audit.recordOwnAnswer(...of),
  });
  const locateNeeds = {
    clock,
    ...points.wrap("locate", {
      ...recording,
      decideAccess: decide,
      knowPerson: (question: Question) => knowPerson(question, { ...index.mpi, withheldOf: index.objections.withheld }),
      openNetwork: () => points.wrap("network", federation.open()),
      answerFromOwnIndex: (question: Question, permit: Permit, covered: Covered) =>
        answerOwn(question, permit, covered, ownNeeds),
      ownIndexFailed: (failure: Failure) => void log.push(failure.code),
    }),
  };
  const answerNeeds = {
    clock,
    ...points.wrap("answer", {
      ...{ decideAnswer: decide, find, coverage },
      ...{ admit: () => undefined, noteMismatch: () => undefined },
      recordAnswer: (...of: Parameters<typeof audit.recordAnswer>) => audit.recordAnswer(...of),
      recordFailure: (...of: Parameters<typeof audit.recordFailure>) => audit.recordFailure(...of),
    }),
  };
  const store = makeInlineExecutor(index.db, makeLoadHandlers(index.db, seededRandom(7), clock));
  const loadNeeds = {
    clock,
    store: points.wrap("store", { ...store }),
    ...points.wrap("load", { feedsChanged: () => index.locator.feedsChanged() }),
    // A store that never comes to an end would keep everybody else's turn, as it should; the next is tried all the same.
    inTurn: <Result>(work: () => Promise<Result>) => work(),
  };
  const server = await startServer({
    ...{ ownId: HOLDER, domain: DOMAIN, listen: { host: "127.0.0.1", port: 0 }, tls: network.nodeTls(HOLDER) },
    ...{ clock, random, protocol: PROTOCOL, reflection: false, log: makeLog("info", (line) => void log.push(line)) },
    peers: NO_PEERS,
    witness: NO_WITNESS,
    membership: { answerExchange: () => ({ sequence: 1 }) },
    presence: NO_PRESENCE,
    ...NO_RECORDS,
    ...points.wrap("door", {
      authorise: (identity: Parameters<typeof authorisePeer>[0]) => authorisePeer(identity, network.directory, HOLDER),
    }),
    locator: {
      ...points.wrap("locator", {
        verifyAssertion,
        checkAssertionTimes: (fromMs: number, toMs: number) => checkAssertionTimes(fromMs, toMs, clock),
      }),
      answerLocate: (question) => answerLocate(question, answerNeeds),
    },
    federation: {
      locate: (question, _rights, gone) => locate(question, locateNeeds, gone),
      ...points.wrap("federation", {
        signVerdict: (payload: Uint8Array) => network.signer(HOLDER).signVerdict(payload),
      }),
    },
    search: { searchPeople: () => Promise.resolve({ result: "none", persons: [], askForMore: false }) },
    mpi: {
      listReview: () => Promise.resolve({ records: [], waiting: 0, oldestMs: undefined }),
      showReview: () => Promise.reject(new Failure("invalid-input", "Nothing is in review here.")),
      changePersons: () => Promise.resolve({ kind: "unknown" }),
      showHistory: () => Promise.resolve([]),
      listHairballs: () => Promise.resolve([]),
      showQuality: () => Promise.resolve({ identities: 0, inReview: 0, bands: [] }),
      listLetters: () => Promise.resolve({ letters: [], count: 0, oldestMs: undefined }),
      showLetter: () => Promise.reject(new Failure("invalid-input", "There is no such dead letter.", { where: "id" })),
      replayLetters: () => Promise.resolve({ taken: 0, refused: 0, notTried: 0, next: 0 }),
      purgeLetters: () => Promise.resolve(0),
    },
    feed: {
      ...points.wrap("feed", {
        validate: (entries: readonly { readonly fields: Readonly<Record<string, unknown>> }[]) =>
          Promise.resolve(entries.map(({ fields }) => anIdentity({ localId: String(fields["localId"]) }))),
      }),
      storeId: () => "the only one",
      beginLoad: () => {},
      loadBatch: (header, items) => loadBatch(header, items, loadNeeds),
      finishLoad: (header, providers) => finishLoad(header, providers, loadNeeds),
    },
  });

  return {
    port: server.port,
    asked,
    log,
    async entries(requestId) {
      await audit.close();
      audit = makeAudit({ executor, ownId: HOLDER, clock, random, tokenOf, onAlarm() {} });
      return reader.byRequest(requestId);
    },
    kept: () => index.db.prepare<[], number>("SELECT count(*) FROM identity_record").pluck().get()!,
    async close() {
      await server.close(0);
      await audit.close();
      reader.close();
      await executor.close();
      await index.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The holder and one peer. */
function manifestOf({ directory }: WireNetwork): Manifest {
  return {
    format: 1,
    network: { name: "Test", domain: DOMAIN, authority: "Nobody" },
    sequence: 1,
    issuedAt: "2026-11-20T00:00:00Z",
    routing: "ask-all",
    members: [HOLDER, ASKER].map((id) => directory.members.get(id)!),
    icsWithoutNode: [],
    agreements: [],
  };
}
