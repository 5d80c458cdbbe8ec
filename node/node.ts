import { join } from "node:path";

import type { Database } from "better-sqlite3";

import type { Authorities } from "../certs/authorities.ts";
import type { CallerRights } from "../certs/caller-rights.ts";
import { keyFingerprint } from "../certs/fingerprint.ts";
import { readPrivateKey, readPublicPem } from "../certs/key-file.ts";
import { nodeFilesIn } from "../certs/layout.ts";
import { nodeDns } from "../certs/profile.ts";
import { readCertificates } from "../certs/pem.ts";
import type { Member } from "../topology/manifest.ts";
import { type NodeFeed, feedsInto, readTopology } from "../topology/topology.ts";
import { makeBulkRefusals } from "./access/bulk-refusals.ts";
import { checkCallerRights } from "./access/caller-rights.ts";
import { type Access, type Asked, makeAccess } from "./access/decide.ts";
import { checkLocalRoles, withNationalRole } from "./access/local-roles.ts";
import { type Narrowing, NO_NARROWING, readNarrowing } from "./access/narrowing.ts";
import { makeObjections } from "./access/objection-store.ts";
import { mayHearOfPossibleMatch } from "./access/possible-match.ts";
import { QUARANTINED, openQuarantine } from "./access/quarantine.ts";
import { makeQuota } from "./access/quota.ts";
import { openQuotaMemory } from "./access/quota-memory.ts";
import { makeEmergencyGrants } from "./access/emergency.ts";
import { makeSearchQuota } from "./access/search-quota.ts";
import { loadAccessTable } from "./access/table.ts";
import { type Audit, makeAudit } from "./audit/audit.ts";
import { type EventSearch, makeEventSearch } from "./audit/event-search.ts";
import { makePatientToken, openTokenKey } from "./audit/patient-token.ts";
import { check } from "./base/check.ts";
import { type Clock, today } from "./base/clock.ts";
import type { Deadline } from "./base/deadline.ts";
import { Failure, type FailureCode } from "./base/failure.ts";
import { mapInSlices } from "./base/in-slices.ts";
import type { Decision, Permit } from "./base/permit.ts";
import type { PatientQuery, Question } from "./base/question.ts";
import type { Random } from "./base/random.ts";
import { makeTurns } from "./base/turns.ts";
import { replaceFile } from "./base/replace-file.ts";
import { keepSmall } from "./base/spare-memory.ts";
import type { ProtocolVersion } from "./base/words.ts";
import type { Hl7Feed } from "./config/hl7-feed.ts";
import type { PagesSettings, Settings } from "./config/settings.ts";
import { type Covered, makeFederation, type OutsideArea } from "./federation/federation.ts";
import { makePeerWays } from "./federation/peer-ways.ts";
import { tellRefusedForTime } from "./federation/refused-for-time.ts";
import { type AdmittedFeed, parseFeedItem } from "./feeds/items.ts";
import type { Hl7DoorOrder } from "./feeds/hl7/door.ts";
import { checkProviders } from "./feeds/hl7/known-providers.ts";
import type { AuditRoutesNeeds } from "./fhir/audit-routes.ts";
import type { FhirDoorOrder } from "./fhir/door.ts";
import type { PatientSearchNeeds } from "./fhir/patient-search.ts";
import type { ContextLinkNeeds, OfferLink } from "./fhir/context-link.ts";
import type { RecordRoutesNeeds } from "./fhir/record-routes.ts";
import type { JobKind } from "./jobs/job-kind.ts";
import { startJobs } from "./jobs/jobs.ts";
import { loadTidy } from "./jobs/load-tidy.ts";
import { readPdsJob } from "./jobs/read-pds.ts";
import { matchKeys } from "./jobs/match-keys.ts";
import { type LocatorProvider, makeLocator } from "./locator/locator.ts";
import { makeMpi } from "./mpi/mpi.ts";
import { makeReviewReader } from "./mpi/review-reader.ts";
import { makeNumbers } from "./mpi/numbers.ts";
import { makeNumberStandings } from "./mpi/number-standing.ts";
import type { Pds } from "./mpi/pds.ts";
import { makePersonSearch } from "./mpi/search.ts";
import type { Nrl } from "./nrl/nrl.ts";
import { sharePresence } from "./presence/sharing.ts";
import type { PagesNeeds } from "./web/pages.ts";
import type { SmartLaunch } from "./web/smart.ts";
import { type PeerQuestion, answerLocate } from "./requests/answer-locate.ts";
import { answerIdentify } from "./requests/answer-identify.ts";
import type { AskNrlNeeds } from "./requests/ask-nrl.ts";
import { answerOwn } from "./requests/answer-own.ts";
import { makeAttendances } from "./requests/attendances.ts";
import { startClaimChecks } from "./requests/check-claims.ts";
import { makeLetterReader } from "./requests/dead-letter-store.ts";
import * as letters from "./requests/dead-letters.ts";
import { takeFeedMessage } from "./requests/feed-message.ts";
import { discoverNumber } from "./requests/discover-number.ts";
import * as emergency from "./requests/emergency.ts";
import { type DeliveryNeeds, startDeliveries } from "./requests/emergency-deliveries.ts";
import { fillMatchKeys } from "./requests/fill-match-keys.ts";
import { findRecords, type FindRecordsNeeds, isHiddenByNumber } from "./requests/find-records.ts";
import { followPresence } from "./requests/follow-presence.ts";
import { identifyPerson } from "./requests/identify-person.ts";
import {
  beginLoad,
  dropOldWaiting,
  finishLoad,
  LOAD_COMMANDS_AT_ONCE,
  loadBatch,
  type LoadBatchNeeds,
} from "./requests/load-batch.ts";
import { makeLetterSeal } from "./requests/letter-seal.ts";
import { LateAnswers } from "./requests/late-answers.ts";
import { locate } from "./requests/locate.ts";
import { openRecord } from "./requests/open-record.ts";
import { retrieve, type Retrieval } from "./requests/retrieve.ts";
import { answerGreeting, keepGreeting, listPeers, quarantinePeer, releasePeer, testPeer } from "./requests/peers.ts";
import * as review from "./requests/review.ts";
import { producePointer, withdrawPointer } from "./requests/produce-pointer.ts";
import type { PublishedPointers } from "./requests/publish-pointers.ts";
import { type PdsEvent, type PdsEventTaken, readPdsFor, takePdsEvent } from "./requests/pds-events.ts";
import { makePresenceReader, type PresenceReader } from "./requests/presence-changes.ts";
import { sharePresenceOf } from "./requests/share-presence.ts";
import { startManifestExchange } from "./requests/exchange-manifests.ts";
import { startWitnessing } from "./requests/witnessing.ts";
import { makeSandboxDelay } from "./requests/sandbox-delay.ts";
import { searchAudit } from "./requests/search-audit.ts";
import { searchPeople } from "./requests/search-people.ts";
import type { WhomToPublishNeeds } from "./requests/whom-to-publish.ts";
import { makeRecords, type Records } from "./records/records.ts";
import type { SourceFault } from "./records/source.ts";
import { removeLeftCopies } from "./storage/backup.ts";
import { behindText, readBehind } from "./storage/behind.ts";
import { INDEX_READER_CACHE_KIB, openDatabase } from "./storage/database.ts";
import { readStoreId } from "./storage/store-id.ts";
import { openSecretKey } from "./storage/secret-key.ts";
import type { StoreExecutor } from "./storage/executor.ts";
import type { StoreAlarm } from "./storage/store-keeper.ts";
import { startThreadExecutor } from "./storage/thread-executor.ts";
import type { Log } from "./telemetry/log.ts";
import { checkAssertionTimes, makeAssertionSigner, verifyAssertion, verifyPresence } from "./trust/assertion.ts";
import { checkMember } from "./trust/check-member.ts";
import { makeClockWatch } from "./trust/clock-watch.ts";
import { type Directory, openDirectory } from "./trust/directory.ts";
import { authorisePeer } from "./trust/peer-identity.ts";
import { type SequenceMemory, openSequenceMemory } from "./trust/sequence-memory.ts";
import { makeLetterSender } from "./wire/emergency-client.ts";
import type { FederationNeeds } from "./wire/federation-service.ts";
import type { RetrievalNeeds } from "./wire/retrieval-service.ts";
import { makeDiscoveryClient } from "./wire/discovery-client.ts";
import { makePeerClient } from "./wire/peer-client.ts";
import { makeRecordClient } from "./wire/record-client.ts";
import type { PeerRecordQuestion } from "./wire/record-service.ts";
import { makePeerGreeter } from "./wire/peer-greeter.ts";
import { watchOwnCertificate } from "./wire/own-certificate.ts";
import { renewByItself } from "./wire/renewal.ts";
import type { SearchNeeds } from "./wire/search-service.ts";
import { startServer } from "./wire/server.ts";
import { makeMembershipClient } from "./wire/membership-service.ts";
import { makePresenceClient } from "./wire/presence-service.ts";
import { makeWitnessClient } from "./wire/witness-service.ts";
import { clientContext, readNodeTls } from "./wire/tls-files.ts";

/** What a node is given instead of reaching for it. */
export interface NodeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly protocol: ProtocolVersion;
  /** The national demographics service; absent where there is no connection to it: its events are refused then. */
  readonly pds?: Pds;
  /** The National Record Locator; absent where it is not spoken to. */
  readonly nrl?: Nrl;
  /** Checks again who a user is, for emergency access; absent where there is no sign-in to ask: the case then says so. */
  readonly reauthenticate?: emergency.Reauthenticate;
  /** Told once when the node can no longer keep its promises and must be started again. */
  readonly onFatal: (failure: Failure) => void;
}

export interface RunningNode {
  readonly id: string;
  readonly port: number;
  /** Stops listening, lets calls in progress end, writes what waits, closes the stores. */
  stop(): Promise<void>;
}

/** How often the log says that a store is behind. */
const REMIND_EVERY_MS = 3_600_000;

const YEAR_MS = 365.25 * 24 * 3_600_000;

/** How long calls in progress may take to end when the node stops. */
const DRAIN_MS = 3_000;

/**
 * Starts a node: its parts in the order in which they lean on one another, its door last. They stop in reverse.
 *
 * @throws {Failure} `configuration`, `store-unavailable`: what is wrong and what to do; nothing is left running.
 */
export async function startNode(settings: Settings, parts: NodeParts): Promise<RunningNode> {
  const { clock, random, log } = parts;
  await using starting = new AsyncDisposableStack();

  // What it is told: who it is, who feeds it, who may see what.
  const files = nodeFilesIn(settings.certsDir);
  const topology = readTopology(settings.topologyPath);
  const feeds = feedsInto(topology, settings.id);
  checkHl7Feeds(settings, feeds);
  const table = loadAccessTable();
  const { localRoles } = settings.access;
  checkLocalRoles(localRoles);
  const { domain } = topology.network;
  // The directory is opened with the node's own files, and has more to say of whom to believe.
  const opened: { directory?: Directory } = {};
  const authorities = (): Authorities | undefined => opened.directory?.inForce().authorities;
  const own = watchOwnCertificate({ dir: settings.certsDir, ownId: settings.id, domain, clock, authorities, log });
  starting.defer(() => own.close());
  const signer = makeAssertionSigner(readPrivateKey(files.assertionKey));
  const directory = await openDirectory({
    path: settings.manifestPath,
    publicKeyPath: files.manifestPublic,
    ownId: settings.id,
    clock,
    authorities: () => readCertificates(own.current().trust, files.trust),
    memory: sequenceMemoryOf(settings),
    alarm: (text) => log.warn("manifest", { text }),
  });
  starting.defer(() => directory.close());
  opened.directory = directory;
  own.look();
  const tls = own.current();

  // What it keeps: two files, one writer thread each, and one reader of the index.
  const storeAt = (name: "index" | "audit"): string => join(settings.dataDir, `${name}.db`);
  removeLeftCopies(settings.dataDir);
  const keeping = { onFatal: parts.onFatal, onAlarm: ({ event, failure }: StoreAlarm) => log.error(event, failure) };
  const index = await startThreadExecutor({ file: storeAt("index"), store: "index", ...keeping });
  starting.defer(() => index.close());
  const auditStore = await startThreadExecutor({ file: storeAt("audit"), store: "audit", ...keeping });
  starting.defer(() => auditStore.close());
  const reader = openDatabase(storeAt("index"), { readonly: true });
  reader.pragma(`cache_size = -${INDEX_READER_CACHE_KIB}`);
  starting.defer(() => void reader.close());
  const sayBehind = (): void => sayWhatIsBehind([storeAt("index"), storeAt("audit")], log);
  sayBehind();
  const reminding = clock.every(REMIND_EVERY_MS, sayBehind);
  starting.defer(() => reminding.cancel());
  const forgottenToMs = readBehind(storeAt("audit"))?.notedMs ?? 0;

  // What it can do.
  const tokenOf = makePatientToken(openTokenKey(join(settings.dataDir, "token.key"), random));
  const onAlarm = (event: string, failure: Failure): void => log.error(event, failure);
  const clocks = makeClockWatch({ clock, onChange: ({ state, text }) => log.warn(`clock-${state}`, { text }) });
  starting.defer(() => clocks.close());
  const witnessing = await startWitnessing({
    ...{ ownId: settings.id, manifest: () => directory.inForce().manifest, store: auditStore, clock },
    signNote: signer.signNote,
    transport: makeWitnessClient({
      ...{ domain, tls: () => own.current(), clock },
      checkMember: (member, identity) => checkMember(member, identity, directory),
    }),
    alarm: onAlarm,
  });
  starting.defer(() => witnessing.stop());
  const audit = makeAudit({
    ...{ executor: auditStore, ownId: settings.id, clock, random, tokenOf, onAlarm },
    isUnwitnessed: witnessing.isOverdue,
    keepMs: settings.audit.keepYears === 0 ? undefined : settings.audit.keepYears * YEAR_MS,
    isClockTrusted: () => clocks.judge().state === "agrees",
  });
  starting.defer(() => audit.close());
  const mpi = makeMpi(reader);
  const personSearch = makePersonSearch(reader);
  const records = await connectRecords(settings, clock);
  const locator = makeLocator({
    ...{ db: reader, clock, providers: feeds.map(asLocatorProvider) },
    heldToMs: () => readBehind(storeAt("index"))?.heldToMs,
    sourceOf: records.healthOf,
  });
  const objections = makeObjections(reader);
  const inForce = () => directory.inForce();
  const accessNeeds = {
    ...{ clock, random, table, narrowing: narrowingOf(settings), ownId: settings.id },
    agreements: () => inForce().manifest.agreements,
    members: () => inForce().manifest.members,
  };
  const grants = makeEmergencyGrants(clock, tokenOf);
  const access = makeAccess({
    ...accessNeeds,
    hasEmergencyAccess: (claim, patient) => grants.caseOf(claim, patient) !== undefined,
  });
  const quarantine = openQuarantine(join(settings.dataDir, "quarantine.json"), clock);
  const quota = makeQuota({
    ...{ clock, random, patientsPerMillion: settings.quota.patientsPerMillion },
    populationOf: (asker) => directory.member(asker)?.population ?? 0,
    memory: openQuotaMemory(join(settings.dataDir, "quotas.json"), (text) => log.warn("quotas", { text })),
    alarm: ({ event, ...figures }) => log.warn(event, figures),
  });
  starting.defer(() => quota.close());
  const refusals = makeBulkRefusals(clock, (peer, refused) => log.warn("peer-refused", { peer, refused }));
  starting.defer(() => refusals.close());
  const searchQuota = makeSearchQuota({
    ...{ clock, perUserHour: settings.quota.searchesPerUser },
    alarm: ({ event, ...figures }) => log.warn(event, figures),
  });
  const peers = makePeerClient({
    ...{ ownId: settings.id, domain, tls, clock, random, protocol: parts.protocol },
    sign: signer.sign,
    checkMember: (member, identity) => checkMember(member, identity, directory),
  });
  starting.defer(() => peers.close());
  const greet = makePeerGreeter({
    ...{ domain, tls: () => own.current(), clock, protocol: parts.protocol },
    checkMember: (member, identity) => checkMember(member, identity, directory),
  });
  const ofPeers = { clock, ownId: settings.id, directory: inForce, clocks, greet };
  const greetings = keepGreeting({ ...ofPeers, fraction: () => random.fraction() });
  starting.defer(() => greetings.stop());
  const manifests = startManifestExchange({
    ...{ ownId: settings.id, clock, random, directory },
    exchange: makeMembershipClient({
      ...{ domain, tls: () => own.current(), clock },
      // Who has been away for long must still be able to learn from a member who is one now.
      checkMember: (member, identity) =>
        checkMember(member, identity, {
          member: directory.member,
          inForce: () => ({ ...directory.inForce(), state: "ageing" }),
        }),
    }),
    alarm: (failure) => log.warn("manifest", { text: failure.message }),
  });
  starting.defer(() => manifests.stop());
  const ways = makePeerWays({
    ...{ clock, random, knock: peers.knock },
    transport: tellRefusedForTime(peers, clock, (peer, { message }) =>
      log.warn("refused-for-time", { peer, text: `${message} ${clocks.judge().text}` }),
    ),
    onChange: (peer, isResting) => log.warn(isResting ? "peer-rests" : "peer-answers-again", { peer }),
  });
  starting.defer(() => ways.close());
  const followed = followPresence({
    ...{ clock, random, ownId: settings.id, manifest: () => inForce().manifest, verify: verifyPresence },
    transport: makePresenceClient({
      ...{ domain, tls: () => own.current(), clock },
      checkMember: (member, identity) => checkMember(member, identity, directory),
    }),
    keep: (holder, file) => replaceFile(join(settings.dataDir, "presence", `${holder}.filter`), file),
    alarm: (holder, failure) => log.warn("presence-not-followed", { peer: holder, text: failure.message }),
  });
  starting.defer(() => followed.stop());
  const outside = await nationalLocator(
    settings,
    parts,
    () => inForce().manifest.members,
    (nhsNumber, purpose) => isHiddenByNumber(nhsNumber, purpose, { ...mpi, withheldOf: objections.withheld }),
  );
  const federation = makeFederation({
    ...{ outside, clock, ownId: settings.id, directory: inForce, mayAsk: access.mayAsk },
    presence: { ruledOutBy: followed.ruledOutBy, fraction: () => random.fraction() },
    transport: ways,
  });
  const kinds = [
    loadTidy((signal) => dropOldWaiting({ clock, store: index }, signal)),
    matchKeys((after, signal) => fillMatchKeys(index, after, signal)),
    ...readPdsJobs(parts, index),
  ];
  const jobs = await startJobs(
    { readDb: reader, executor: index, clock, random, log, kinds },
    settings.redisUrl && { url: settings.redisUrl, queue: settings.id },
  );
  starting.defer(() => jobs.stop());

  const claims = startClaimChecks(
    { clock, store: auditStore, attendanceOf: makeAttendances(reader) },
    (checked) => log.warn("claims-to-review", { ...checked }),
    (failure) => onAlarm("claims-not-checked", failure),
  );
  starting.defer(() => claims.stop());

  const sendLetter = makeLetterSender({
    ...{ domain, tls: () => own.current(), clock },
    checkMember: (member, identity) => checkMember(member, identity, directory),
  });
  const deliveries = startDeliveries({
    ...{ clock, store: auditStore, alert: alertOf(settings, parts) },
    failed: (caseId, failure) => log.error("emergency-not-delivered", failure, { case: caseId }),
    send: async (letter) => {
      const member = inForce().manifest.members.find(({ id }) => id === letter.otherNode);
      if (member !== undefined) await sendLetter(member, letter); // whoever has left hears of nothing more
    },
  });
  starting.defer(() => deliveries.stop());

  // What it tells: its stories, each introduced to the few things it needs.
  const find = (question: Pick<Question, "patient">, permit: Permit) =>
    findRecords(question, permit, {
      ...mpi,
      withheldOf: objections.withheld,
      mayHearOfPossibleMatch: ({ claim }) => mayHearOfPossibleMatch(claim),
      pointersOf: locator.pointersOf,
    });
  const presenceReader = makePresenceReader(reader);
  const wouldShowRecords = (patient: PatientQuery, permit: Permit): boolean =>
    find({ patient }, permit).pointers.length > 0;
  const published = await startPublishing(settings, parts, {
    ...{ db: reader, store: index, reader: presenceReader, recordNational: audit.recordNational },
    ...{ ...mpi, coversAge: access.coversAge, decideAccess: access.decideAccess, wouldShow: wouldShowRecords },
    wakeJobs: jobs.wake,
  });
  if (published !== undefined) starting.defer(() => published.stop());
  const shared = sharePresenceOf({
    ...{ clock, random, ownId: settings.id, store: index, reader: presenceReader },
    ...{ ordinaryPermits: access.ordinaryPermits, coversAge: access.coversAge, personsByNumber: mpi.personsByNumber },
    wouldShow(patient, permit) {
      const { pointers, otherPersonHasRecords, possibleMatch } = find({ patient }, permit);
      return pointers.length > 0 || otherPersonHasRecords || possibleMatch === true;
    },
    checkMayShare(asker) {
      const isRefused = quarantine.refusalOf(asker) !== undefined;
      if (!isRefused && sharePresence(inForce().manifest, settings.id, asker)) return;
      throw new Failure("not-permitted", "This node shares no presence filter with yours.");
    },
    coverage: () => locator.coverage(),
    sign: signer.signPresence,
    recordHanded: (caller, epoch, keys) =>
      audit.recordReview({
        ...{ requestId: random.uuid(), action: "presence-filter", caller, userId: "", role: "", reason: "" },
        ...{ values: false, about: { epoch, keys }, personIds: [] },
      }),
    failed: (failure) => log.error("presence-not-shared", failure),
  });
  starting.defer(() => shared.stop());
  const admitted = new Map(feeds.map(({ provider, feed }) => [provider.code as string, asAdmittedFeed(feed)]));
  const emergencyNeeds: emergency.EmergencyNeeds = {
    ...{ ...audit, clock, random, ownId: settings.id, store: auditStore, grants, tokenOf, wake: deliveries.wake },
    reauthenticate: parts.reauthenticate,
  };
  await emergency.resumeEmergencyAccess(emergencyNeeds);
  const noteDisclosure = async (question: emergency.EmergencyDisclosure): Promise<void> => {
    if (question.claim.purpose === "BTG") await emergency.noteDisclosure(question, emergencyNeeds);
  };
  const noteAsking = async (question: Question, decision: Decision): Promise<void> => {
    const isEmergency = question.claim.purpose === "BTG" && decision.kind === "permitted";
    if (isEmergency) await emergency.noteAsking(question, emergencyNeeds);
  };
  const answerNeeds = {
    clock,
    decideAnswer(question: PeerQuestion) {
      witnessing.checkMayAnswer(question.claim.purpose);
      return quarantine.refusalOf(question.asker) ?? access.decideAnswer(question);
    },
    ...{ admit: quota.admit, noteMismatch: quota.noteMismatch },
    find,
    coverage: () => locator.coverage(),
    // What one asker is refused by the thousand is in the audit once a minute, and in the log by its number.
    async recordAnswer(...[question, ...what]: Parameters<typeof audit.recordAnswer>) {
      const [decision] = what;
      const inBulk =
        decision.kind === "refused" && decision.reason === QUARANTINED && !refusals.isFirst(question.asker);
      if (!inBulk) await audit.recordAnswer(question, ...what);
      const [, , answer] = what;
      if (answer.outcome === "records") await noteDisclosure(question);
    },
    recordFailure(question: PeerQuestion, failed: FailureCode) {
      const inBulk = failed === "over-quota" && !refusals.isFirst(question.asker);
      if (!inBulk) audit.recordFailure(question, failed);
    },
  };
  const openNeeds = {
    ...{ clock, records, pointersOf: locator.pointersOf, addressOf: locator.addressOf },
    find: (question: Question, permit: Permit, pointersOf: FindRecordsNeeds["pointersOf"]) =>
      findRecords(question, permit, {
        ...{ ...mpi, withheldOf: objections.withheld, pointersOf },
        mayHearOfPossibleMatch: () => false,
      }),
    async recordOpening(...[question, decision, found, isOpened]: Parameters<typeof audit.recordOpening>) {
      await audit.recordOpening(question, decision, found, isOpened);
      if (isOpened && "asker" in question) await noteDisclosure(question);
    },
    recordOpened: audit.recordOpened,
    sourceFailed: (custodian: string, { fault, detail }: SourceFault) =>
      log.warn("source-failed", { custodian, fault, detail }),
  };
  const fetchRecord = makeRecordClient({
    ...{ ownId: settings.id, domain, tls: () => own.current(), clock, random, protocol: parts.protocol },
    sign: signer.sign,
    checkMember: (member, identity) => checkMember(member, identity, directory),
  });
  const ownNeeds = {
    find,
    coverage: () => locator.coverage(),
    recordOwnAnswer: audit.recordOwnAnswer,
  };
  const discoverNeeds = {
    ...{ clock, ownId: settings.id, mayAsk: access.mayAsk, members: () => inForce().manifest.members },
    identify: makeDiscoveryClient({
      ...{ ownId: settings.id, domain, tls: () => own.current(), clock, random, protocol: parts.protocol },
      sign: signer.sign,
      checkMember: (member, identity) => checkMember(member, identity, directory),
    }),
  };
  const locateNeeds = {
    ...audit,
    clock,
    late: new LateAnswers(clock),
    decideAccess: access.decideAccess,
    async recordQuestion(question: Question, decision: Decision) {
      await audit.recordQuestion(question, decision);
      await noteAsking(question, decision);
    },
    knowPerson(question: Question, permit: Permit, deadline: Deadline) {
      return identifyPerson(question, deadline, {
        ...{ ...mpi, withheldOf: objections.withheld, clock, pds: parts.pds },
        pdsFailed: (failure) => log.error("pds-not-asked", failure),
        discover: (asked, until) => discoverNumber(asked, permit, until, discoverNeeds),
      });
    },
    openNetwork: federation.open,
    answerFromOwnIndex: (question: Question, permit: Permit, covered: Covered) =>
      answerOwn(question, permit, covered, ownNeeds),
    ownIndexFailed: (failure: Failure) => log.error("own-index-failed", failure),
  };
  const reviewReader = makeReviewReader(reader, clock);
  const reviewNeeds = { clock, store: index, reader: reviewReader, recordReview: audit.recordReview };
  const peersNeeds = {
    ...{ ...ofPeers, protocol: parts.protocol, quarantine, recordReview: audit.recordReview },
    restingForMs: ways.restingForMs,
    sequenceAt: (id: string) => manifests.sequenceAt(id) ?? greetings.sequenceAt(id),
    directoryLagMs: (id: string) => manifests.lagMs(id),
    presenceAgeMs: followed.asOfAgeMs,
  };
  const letterSeal = makeLetterSeal(
    openSecretKey(join(settings.dataDir, "letters.key"), "The dead letters' key", random),
    random,
  );
  const letterNeeds: letters.DeadLetterNeeds = {
    ...{ clock, random, store: index, seal: letterSeal, reader: makeLetterReader(reader) },
    ...{
      recordReview: audit.recordReview,
      takeAgain: (feed, bytes) => hl7?.takeAgain(feed, Buffer.from(bytes.expose())),
    },
  };
  starting.defer(letters.startLetterRounds(letterNeeds, log));
  const storeId = readStoreId(reader);
  const loadNeeds = {
    clock,
    store: index,
    inTurn: makeTurns(LOAD_COMMANDS_AT_ONCE),
    feedsChanged() {
      locator.feedsChanged();
      jobs.wake();
    },
  };
  const eventSearch = openEventSearch(storeAt("audit"), settings.id, domain, clock);
  starting.defer(() => eventSearch.close());
  const locateForCaller: FederationNeeds["locate"] = (claimed, rights, gone) => {
    const question = withNationalRole(claimed, localRoles);
    const decideAccess = (): Decision => decideForCaller(question, rights, settings.sandbox, access);
    return locate(question, { ...locateNeeds, decideAccess }, gone);
  };
  const searchForCaller: SearchNeeds["searchPeople"] = (claimed, rights) => {
    const question = withNationalRole(claimed, localRoles);
    return searchPeople(question, {
      ...audit,
      decideAccess: () => decideForCaller(question, rights, settings.sandbox, access),
      quota: searchQuota,
      searchIndex: (search) => mpi.inOneSnapshot(() => personSearch.search(search)),
    });
  };
  const retrieveForCaller: RetrievalNeeds["retrieve"] = (claimed, rights, gone) => {
    const question = withNationalRole(claimed, localRoles);
    return retrieve(
      question,
      {
        ...{ ...audit, clock, ownId: settings.id, memberOf: directory.member, fetchFrom: fetchRecord },
        decideAccess: () => decideForCaller(question, rights, settings.sandbox, access),
        knowPerson: locateNeeds.knowPerson,
        openOwn: (record, permit, left) =>
          openRecord<Retrieval>(
            record,
            {
              ...openNeeds,
              decide: () => ({ kind: "permitted", permit }),
              admit: () => {},
              recordOpened: () => {},
            },
            left,
          ),
        async recordRetrieval(wish, decision) {
          await audit.recordRetrieval(wish, decision);
          await noteAsking(wish, decision);
        },
        recordRetrieved: audit.recordOpened,
      },
      gone,
    );
  };
  const auditForCaller: AuditRoutesNeeds["searchAudit"] = (claimed, part, rights) => {
    const allowed = { ...rights, sandbox: rights.sandbox && settings.sandbox };
    const auditNeeds = { events: eventSearch.open(), tokenOf, recordReview: audit.recordReview };
    return searchAudit(withNationalRole(claimed, localRoles), part, allowed, auditNeeds);
  };
  const sandboxDelay = makeSandboxDelay(settings.sandbox ? settings.sandboxSlowAbout : [], clock);
  const memory = keepSmall(clock);
  starting.defer(() => memory.cancel());
  // Its door, last: whoever comes in finds everything in place.
  const server = await startServer({
    ...{ ownId: settings.id, domain, listen: settings.listen, tls, clock, random, log, protocol: parts.protocol },
    authorise: (identity) => authorisePeer(identity, directory, settings.id),
    locator: {
      verifyAssertion,
      checkAssertionTimes: (issuedAtMs, expiresAtMs) =>
        checkAssertionTimes(issuedAtMs, expiresAtMs, clock, forgottenToMs, clocks.whichClock),
      async answerLocate(question) {
        await sandboxDelay(question.patient);
        return answerLocate(question, answerNeeds);
      },
    },
    discovery: {
      answerIdentify: (question) =>
        answerIdentify(question, { ...mpi, ...answerNeeds, recordIdentified: audit.recordIdentified }),
    },
    federation: {
      locate: locateForCaller,
      signVerdict: signer.signVerdict,
    },
    records: {
      openRecord: (question, gone) =>
        openRecord<PeerRecordQuestion>(
          question,
          { ...openNeeds, decide: answerNeeds.decideAnswer, admit: quota.admit },
          gone,
        ),
    },
    retrieval: {
      retrieve: retrieveForCaller,
    },
    search: { searchPeople: searchForCaller },
    witness: witnessing,
    membership: { answerExchange: manifests.answer },
    presence: shared,
    peers: {
      answerGreeting: (asker) => answerGreeting(asker, peersNeeds),
      listPeers: (by) => listPeers(by, peersNeeds),
      quarantinePeer: (by, peer, forMs) => quarantinePeer(by, peer, forMs, peersNeeds),
      releasePeer: (by, peer) => releasePeer(by, peer, peersNeeds),
      testPeer: (by, peer) => testPeer(by, peer, peersNeeds),
    },
    emergency: {
      giveAccess(claimed, rights) {
        const toGive = makeAccess({ ...accessNeeds, hasEmergencyAccess: () => true });
        const decide = (asked: Asked): Decision => decideForCaller(asked, rights, settings.sandbox, toGive);
        return emergency.giveEmergencyAccess(withNationalRole(claimed, localRoles), decide, emergencyNeeds);
      },
      endAccess: (by, caseId) => emergency.endEmergencyAccess(by, caseId, emergencyNeeds),
      listCases: (by, which) => emergency.listCases(by, which, emergencyNeeds),
      showCase: (by, caseId) => emergency.showCase(by, caseId, emergencyNeeds),
      reviewCase: (by, caseId, outcome) => emergency.reviewCase(by, caseId, outcome, emergencyNeeds),
      writeLetter: (by, caseId, text) => emergency.writeLetter(by, caseId, text, emergencyNeeds),
      takeLetter: (from, letter) => emergency.takeLetter(from, letter, emergencyNeeds),
    },
    mpi: {
      listReview: (by) => review.listReview(by, reviewNeeds),
      showReview: (by, identityNo) => review.showReview(by, identityNo, reviewNeeds),
      changePersons: (by, change) => review.changePersons(by, change, reviewNeeds),
      showHistory: (by, identityNo) => review.showHistory(by, identityNo, reviewNeeds),
      listHairballs: (by, from) => review.listHairballs(by, from, reviewNeeds),
      showQuality: (by) => review.showQuality(by, reviewNeeds),
      listLetters: (by, choice) => letters.listLetters(by, choice, letterNeeds),
      showLetter: (by, id) => letters.showLetter(by, id, letterNeeds),
      replayLetters: (by, choice) => letters.replayLetters(by, choice, letterNeeds),
      purgeLetters: (by, choice) => letters.purgeLetters(by, choice, letterNeeds),
    },
    feed: {
      validate(entries, organisations) {
        const rules = { today: today(clock), feeds: admitted, organisations };
        return mapInSlices(entries, (entry) => parseFeedItem(entry, rules), clock);
      },
      storeId: () => storeId,
      beginLoad: (header) => beginLoad(header, storeId),
      loadBatch: (header, items) => loadBatch(header, items, loadNeeds),
      finishLoad: (header, providers) => finishLoad(header, providers, loadNeeds),
    },
    reflection: settings.reflection,
  });
  starting.defer(() => server.close(DRAIN_MS));
  checkPages(settings);
  const pages =
    settings.pages &&
    (await openPages(settings.pages, {
      ...{ clock, random, log, locate: locateForCaller, retrieve: retrieveForCaller },
    }));
  if (pages !== undefined) {
    starting.defer(() => pages.close(DRAIN_MS));
    log.info("listening-pages", { host: settings.pages?.listen.host, port: pages.port });
  }
  const { fhirListen } = settings;
  const fhir =
    fhirListen &&
    (await openFhirDoor({
      ...{ domain, listen: fhirListen, tls, clock, random, log },
      authorise: (identity) => authorisePeer(identity, directory, settings.id),
      ...{ feeds, admitted, takesPdsEvents: parts.pds !== undefined, store: index, wakeJobs: jobs.wake },
      loadNeeds,
      ...{ tokens: settings.fhirTokens, audience: `https://${nodeDns(domain, settings.id)}/fhir` },
      ...{ locate: locateForCaller, retrieve: retrieveForCaller, searchPeople: searchForCaller },
      searchAudit: auditForCaller,
      ...(pages !== undefined && { offerLink: pages.offerLink }),
      lateSettled: (requestId) => locateNeeds.late.settled(requestId),
    }));
  if (fhir !== undefined) {
    starting.defer(() => fhir.close(DRAIN_MS));
    log.info("listening-fhir", { host: fhirListen?.host, port: fhir.port });
  }
  const hl7 =
    settings.hl7 &&
    (await openHl7Door({
      ...{ domain, tls, clock, random, log, ...settings.hl7, facility: settings.id },
      authorise: (identity) => authorisePeer(identity, directory, settings.id),
      ...{ admitted, store: index, keepLetter: (letter) => letters.keepLetter(letter, letterNeeds) },
    }));
  if (hl7 !== undefined) {
    starting.defer(() => hl7.close(DRAIN_MS));
    log.info("listening-hl7", { host: settings.hl7?.listen.host, port: hl7.port });
  }
  const { renewAt } = settings;
  if (renewAt !== undefined) {
    const { collaborative } = directory.member(settings.id)!; // a manifest without it is not opened
    const renewing = { dir: settings.certsDir, ownId: settings.id, domain, collaborative, at: renewAt, own };
    const isTainted = (): boolean => {
      const [, issuer] = readCertificates(own.current().certificate, files.certificate);
      return (
        issuer !== undefined && authorities()?.judge(collaborative, keyFingerprint(issuer.publicKey)) === "tainted"
      );
    };
    const renewal = renewByItself({ ...renewing, isTainted, clock, random, log });
    starting.defer(() => renewal.stop());
  }
  own.onChange((renewed) => {
    for (const door of [server, fhir, hl7, peers]) door?.renew(renewed);
  });
  log.info("listening", { host: settings.listen.host, port: server.port, manifest: inForce().manifest.sequence });

  const running = starting.move();
  return { id: settings.id, port: server.port, stop: () => running.disposeAsync() };
}

/**
 * Checks a node's configuration and everything it names, without starting anything.
 *
 * @throws {Failure} `configuration`: what is wrong and what to do.
 */
export async function checkNode(settings: Settings, clock: Clock): Promise<void> {
  const files = nodeFilesIn(settings.certsDir);
  checkHl7Feeds(settings, feedsInto(readTopology(settings.topologyPath), settings.id));
  checkPages(settings);
  loadAccessTable();
  narrowingOf(settings);
  checkLocalRoles(settings.access.localRoles);
  makeAssertionSigner(readPrivateKey(files.assertionKey));
  clientContext(readNodeTls(settings.certsDir));
  const directory = await openDirectory({
    ...{ path: settings.manifestPath, publicKeyPath: files.manifestPublic, ownId: settings.id, clock },
    authorities: () => readCertificates(readPublicPem(files.trust), files.trust),
    memory: { ...sequenceMemoryOf(settings), keep: () => Promise.resolve() },
    alarm: () => {},
  });
  directory.close();
}

/** A store that may lack what was acknowledged is nothing to hear of once and forget. */
function sayWhatIsBehind(stores: readonly string[], log: Log): void {
  for (const store of stores) {
    const behind = readBehind(store);
    if (behind !== undefined) log.warn("store-behind", { text: behindText(store, behind) });
  }
}

/** What this node and its custodians show less of. */
function narrowingOf({ access: { narrowingPath } }: Settings): Narrowing {
  return narrowingPath === undefined ? NO_NARROWING : readNarrowing(narrowingPath);
}

function sequenceMemoryOf({ dataDir }: Settings): SequenceMemory {
  return openSequenceMemory(join(dataDir, "manifest.sequence"));
}

/** A caller may only claim what its certificate lists; in a sandbox, where nobody is real, anything. */
function decideForCaller(question: Asked, rights: CallerRights, sandbox: boolean, access: Access): Decision {
  const refused = checkCallerRights(question.claim, { ...rights, sandbox: rights.sandbox && sandbox });
  if (refused !== undefined) return { kind: "refused", code: "not-permitted", reason: refused.message };
  return access.decideAccess(question);
}

/** How the privacy officer hears of a case: at the address that was set up, and in the log. */
function alertOf({ id, emergencyWebhook: url }: Settings, { clock, log }: NodeParts): DeliveryNeeds["alert"] {
  return async (of) => {
    if (url !== undefined) {
      const { alertByWebhook } = await import("./wire/emergency-webhook.ts");
      await alertByWebhook(url.expose(), id, of, clock);
    }
    log.warn("emergency-access", { case: of.caseId, side: of.side });
  };
}

/** The log for privacy officers, opened when the first of them looks: most nodes never need it. */
function openEventSearch(path: string, ownId: string, domain: string, clock: Clock) {
  let opened: { readonly search: EventSearch; readonly close: () => void } | undefined;
  const open = (): NonNullable<typeof opened> => {
    const db = openDatabase(path, { readonly: true });
    return { search: makeEventSearch(db, ownId, domain, clock), close: () => void db.close() };
  };
  return {
    open: (): EventSearch => (opened ??= open()).search,
    close: (): void => opened?.close(),
  };
}

/** The custodians' systems, where any are set up: their code is loaded then alone, for a node without them stays small. */
async function connectRecords({ recordSources }: Settings, clock: Clock): Promise<Records> {
  if (recordSources.length === 0) return makeRecords(new Map(), clock);
  const { connectSources } = await import("./records/connect.ts");
  return makeRecords(connectSources(recordSources, clock), clock);
}

interface FhirParts
  extends
    Omit<FhirDoorOrder, "patients" | "consents" | "pointers" | "pdsEvents" | "records">,
    Pick<
      RecordRoutesNeeds & PatientSearchNeeds & AuditRoutesNeeds & ContextLinkNeeds,
      "locate" | "lateSettled" | "retrieve" | "searchPeople" | "searchAudit" | "offerLink"
    > {
  readonly tokens: Settings["fhirTokens"];
  /** What tokens for this door name. */
  readonly audience: string;
  readonly feeds: readonly NodeFeed[];
  readonly admitted: ReadonlyMap<string, AdmittedFeed>;
  readonly takesPdsEvents: boolean;
  readonly store: StoreExecutor;
  readonly loadNeeds: LoadBatchNeeds;
  readonly wakeJobs: () => void;
}

/** Introduces the door for FHIR to what it needs. Loaded here alone: a node without one stays small. */
async function openFhirDoor(parts: FhirParts) {
  const {
    feeds,
    admitted,
    takesPdsEvents,
    store,
    loadNeeds,
    wakeJobs,
    tokens,
    audience,
    locate: find,
    retrieve: open,
    searchPeople: search,
    lateSettled,
    searchAudit: lookInto,
    offerLink,
    ...order
  } = parts;
  const { startFhirDoor } = await import("./fhir/door.ts");
  const { describe } = await import("./feeds/fhir/describe.ts");
  const { clock } = order;
  const providers = new Map(feeds.map(({ provider, feed }) => [feed.fhirIdentifierSystem, provider.code]));
  const patients: FhirDoorOrder["patients"] = {
    providerOf: (system) => providers.get(system),
    readPatient(resource, local, organisations) {
      const rules = { today: today(clock), feeds: admitted, organisations };
      const described = describe({ ...resource, id: local.localId }, rules.today); // whatever id its server gave it
      if (described.kind === "none") return described;
      check(described.kind === "patient", "a Patient is described as one");
      const item = parseFeedItem({ kind: "identity", fields: { ...described.demographics, ...local } }, rules);
      if ("rejected" in item) return item;
      check(item.kind === "identity", "an identity is parsed as one");
      return item;
    },
    takeMessage: (message) => takeFeedMessage(message, { clock, store }),
  };
  const consents: FhirDoorOrder["consents"] = {
    readConsent(resource, local, organisations) {
      const rules = { today: today(clock), feeds: admitted, organisations };
      const described = describe(resource, rules.today);
      if (described.kind === "none") return described;
      check(described.kind === "objection", "a Consent is described as an objection");
      const { state, receivedOn, overrideInEmergency, scope, reason } = described;
      const said = { state, receivedOn, overrideInEmergency, scope, reason };
      return parseFeedItem({ kind: "objection", fields: { ...said, ...local } }, rules);
    },
    async takeObjection(item, from) {
      await loadBatch({ name: `fhir ${from}`, asOfMs: 0 }, [item], loadNeeds);
    },
  };
  const pointers: FhirDoorOrder["pointers"] = {
    readPointer(resource, local, organisations) {
      const rules = { today: today(clock), feeds: admitted, organisations };
      const described = describe(resource, rules.today);
      if (described.kind === "none") return described;
      check(described.kind === "record", "a DocumentReference is described as a record");
      const { recordType, sensitivity, day: recordedOn, attachment } = described;
      const { url: fetch, contentType = "" } = attachment ?? {};
      const format = contentType.split(";")[0]!.trim();
      const said = { recordType, sensitivity, recordedOn, fetch, format, localId: "of whom it is" };
      const item = parseFeedItem({ kind: "pointer", fields: { ...said, ...local } }, rules);
      if ("rejected" in item) return item;
      check(item.kind === "pointer", "a pointer is parsed as one");
      return item;
    },
    async produce(wish) {
      const produced = await producePointer(wish, { clock, store });
      loadNeeds.feedsChanged();
      return produced;
    },
    withdraw: (record) => withdrawPointer(record, { store }),
  };
  async function takeEvent(event: PdsEvent): Promise<PdsEventTaken> {
    const taken = await takePdsEvent(event, { clock, store });
    wakeJobs();
    return taken;
  }
  const { random } = order;
  const { makeBearerReader, readIssuers } = await import("./fhir/bearer.ts");
  const readClaim = makeBearerReader(readIssuers(tokens), audience, clock);
  const stories = { searchPeople: search, locate: find, retrieve: open, searchAudit: lookInto };
  const records = { clock, random, readClaim, lateSettled, ...stories, ...(offerLink && { offerLink }) };
  return startFhirDoor({
    ...{ ...order, patients, consents, pointers },
    ...(takesPdsEvents && { pdsEvents: { takeEvent } }),
    ...(tokens.length > 0 && { records }),
  });
}

/** Links to pages are given at the door for FHIR, to applications whose tokens are believed. */
function checkPages({ pages, fhirListen, fhirTokens }: Settings): void {
  if (pages === undefined || pages.smart.length > 0 || (fhirListen !== undefined && fhirTokens.length > 0)) return;
  const text =
    "pages need fhir.listen and fhir.tokens, or pages.smart: applications ask there for the links that open pages, or launch them.";
  throw new Failure("configuration", text, { where: "pages" });
}

/** Launches by SMART on FHIR, where an EPR is set up for them. */
async function openSmart({ smart, address }: PagesSettings, { clock, random }: Pick<PagesNeeds, "clock" | "random">) {
  if (smart.length === 0) return undefined;
  const { Smart } = await import("./web/smart.ts");
  const { Secrets } = await import("./web/secrets.ts");
  const { LAUNCH_LIVES_MS } = await import("./web/smart-routes.ts");
  const ehrs = smart.map(({ roles, organisations, keyPath, ...ehr }) => ({
    ...{ ...ehr, key: readPrivateKey(keyPath) },
    rights: { roles, settings: [ehr.setting], organisations, feed: false, operate: false, sandbox: false },
  }));
  return {
    smart: new Smart({ clock, fetch, ehrs, address }),
    launches: new Secrets<SmartLaunch>(clock, random, LAUNCH_LIVES_MS),
  };
}

/** How often it is looked whether somebody has put a new certificate for browsers in place. */
const PAGES_FILES_EVERY_MS = 60_000;

/** Introduces the pages for browsers to what they need. Loaded here alone, as the door for FHIR is. */
async function openPages(settings: PagesSettings, parts: Omit<PagesNeeds, "contexts" | "smart">) {
  const { listen, address, certificatePath, keyPath } = settings;
  const smart = await openSmart(settings, parts);
  const { Contexts } = await import("./web/contexts.ts");
  const { startPages } = await import("./web/door.ts");
  const contexts = new Contexts(parts.clock, parts.random);
  const readFiles = () => ({ certificate: readPublicPem(certificatePath), key: readPrivateKey(keyPath) });
  const server = await startPages({ ...parts, contexts, listen, files: readFiles(), ...(smart && { smart }) });
  const looking = parts.clock.every(PAGES_FILES_EVERY_MS, () => {
    try {
      server.renew(readFiles());
    } catch (thrown) {
      parts.log.error("pages-certificate-not-taken", thrown); // the one before is shown on
    }
  });
  const offerLink: OfferLink = (context) => {
    const { secret, untilMs } = contexts.offer(context);
    return { url: `${address}/open/${secret}`, untilMs };
  };
  return {
    ...{ port: server.port, offerLink },
    close(graceMs: number) {
      looking.cancel();
      contexts.stop();
      smart?.launches.stop();
      return server.close(graceMs);
    },
  };
}

/** Whoever speaks by HL7 feeds this node. */
function checkHl7Feeds({ hl7 }: Settings, feeds: readonly NodeFeed[]): void {
  checkProviders(hl7?.feeds ?? [], new Set(feeds.map(({ provider }) => provider.code)));
}

interface Hl7Parts extends Omit<Hl7DoorOrder, "handler"> {
  readonly facility: string;
  readonly feeds: readonly Hl7Feed[];
  readonly admitted: ReadonlyMap<string, AdmittedFeed>;
  readonly random: Random;
  readonly store: StoreExecutor;
  readonly keepLetter: (letter: letters.DeadLetter) => Promise<string>;
}

/** The same of the door for HL7 v2. */
async function openHl7Door({ facility, feeds, admitted, random, store, keepLetter, ...order }: Hl7Parts) {
  const { startHl7Door } = await import("./feeds/hl7/door.ts");
  const { makeAdtHandler } = await import("./feeds/hl7/adt-handler.ts");
  const { makeAdtReader } = await import("./feeds/hl7/adt-reader.ts");
  const { clock, log } = order;
  const handler = makeAdtHandler({
    ...{ facility, clock, random, log },
    feeds: feeds.map((settings) => ({ settings, read: makeAdtReader(settings, admitted, clock) })),
    take: (message) => takeFeedMessage(message, { clock, store }),
    keepLetter,
  });
  return { ...(await startHl7Door({ ...order, handler })), takeAgain: handler.takeAgain };
}

interface PublishingParts extends Omit<WhomToPublishNeeds, "clock" | "mayStandFor" | "reader"> {
  /** The index, for reading. */
  readonly db: Database;
  readonly store: StoreExecutor;
  readonly reader: PresenceReader;
  readonly recordNational: Audit["recordNational"];
  readonly decideAccess: Access["decideAccess"];
  readonly wakeJobs: () => void;
}

/** The National Record Locator as one more area of every locate, where it is to be read. */
async function nationalLocator(
  { nrl: set }: Settings,
  { log, nrl, pds }: NodeParts,
  members: () => readonly Member[],
  isHiddenHere: AskNrlNeeds["isHiddenHere"],
): Promise<readonly OutsideArea[]> {
  if (set?.read !== true || nrl === undefined || pds === undefined) return [];
  const { askNrl, NRL_AREA, whyNrlIsNotAsked } = await import("./requests/ask-nrl.ts");
  const { documentTypeOf } = await import("./feeds/fhir/document-types.ts");
  const needs: AskNrlNeeds = {
    ...{ nrl, readPerson: pds.read, isHiddenHere },
    recordTypeOf: (types) => documentTypeOf([{ coding: [...types] }]),
    isOfNetwork: (organisation) =>
      organisation === set.organisation ||
      members().some(({ ics, status }) => status !== "left" && ics.some(({ code }) => code === organisation)),
    unknownTypes: (count) => log.warn("nrl-types-unknown", { count }),
  };
  const whyNotAsked = whyNrlIsNotAsked;
  return [
    {
      area: NRL_AREA,
      whyNotAsked,
      ask: (question, permit, _deadline, signal) => askNrl(question, permit, signal, needs),
    },
  ];
}

/** Introduces the National Record Locator to the index, where it is set up; its code is loaded then alone. */
async function startPublishing(
  { nrl: set }: Settings,
  { clock, log, nrl, pds }: NodeParts,
  { db, store, reader, recordNational, decideAccess, wakeJobs, ...people }: PublishingParts,
): Promise<PublishedPointers | undefined> {
  if (set === undefined || nrl === undefined || pds === undefined) return undefined;
  const { makeHeldPointers } = await import("./nrl/pointer-store.ts");
  const { publishPointers } = await import("./requests/publish-pointers.ts");
  const { isBorneOut, nationalReader, personToPublish } = await import("./requests/whom-to-publish.ts");
  const [numbers, standings] = [makeNumbers(db), makeNumberStandings(db)];
  const whom: WhomToPublishNeeds = {
    ...{ ...people, clock, reader: nationalReader(set.organisation, decideAccess) },
    mayStandFor(nhsNumber) {
      const { died, withdrawn } = standings.of(nhsNumber);
      return died === "" && !withdrawn && !numbers.isProtected(nhsNumber) && !numbers.isConfused(nhsNumber);
    },
  };
  return publishPointers({
    ...{ clock, store, reader, nrl, held: makeHeldPointers(db), publishes: set.publish, recordNational },
    personToPublish: (nhsNumber) => personToPublish(nhsNumber, whom)?.personId,
    async confirm(nhsNumber) {
      if (isBorneOut(nhsNumber, await pds.read(nhsNumber), people)) return true;
      // Read once more by the job that keeps what the service says: what it is decides about this person from then on.
      await takePdsEvent({ nhsNumber, kind: "pds-record-change-1", changedMs: clock.wallMs() }, { clock, store });
      wakeJobs();
      return false;
    },
    told: (counts) => log.info("nrl-pointers", counts),
    failed: (failure) => log.error("nrl-not-kept", failure),
  });
}

/** None where the service cannot be asked. */
function readPdsJobs({ clock, pds }: NodeParts, store: StoreExecutor): readonly JobKind[] {
  return pds === undefined ? [] : [readPdsJob((job) => readPdsFor(job, { clock, store, pds }))];
}

function asLocatorProvider({ provider, feed }: NodeFeed): LocatorProvider {
  const { code, name, phone } = provider;
  const { state, sensitivity = "N", staleAfterMinutes } = feed;
  return { code, name, phone, state, sensitivity, staleAfterMinutes };
}

function asAdmittedFeed({ state, recordTypes }: NodeFeed["feed"]): AdmittedFeed {
  return { state, recordTypes: recordTypes === "all" ? "all" : new Set(recordTypes) };
}
