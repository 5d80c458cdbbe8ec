import { type ConnectionInjector, Server, ServerCredentials, type ServerOptions } from "@grpc/grpc-js";

import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { NodeId, ProtocolVersion } from "../base/words.ts";
import type { Log } from "../telemetry/log.ts";
import { type AuthorisedPeer, type PeerIdentity, chainOf, identifyPeer } from "../trust/peer-identity.ts";
import {
  BATCH_BYTES_MAX,
  CONNECTION_AGE_GRACE_MS,
  CONNECTION_AGE_MS,
  CONNECTION_IDLE_MS,
  HEADERS_MAX,
  HEADER_LIST_BYTES_MAX,
  LOAD_GRACE_MS,
  REQUEST_BYTES_MAX,
  RESETS_AT_ONCE_MAX,
  RESETS_PER_SECOND_MAX,
  SERVER_KEEPALIVE_EVERY_MS,
  SERVER_KEEPALIVE_WITHIN_MS,
  SESSION_MEGABYTES_MAX,
  STREAMS_PER_CONNECTION_MAX,
} from "./bounds.ts";
import { type DiscoveryNeeds, discoveryService } from "./discovery-service.ts";
import { type EmergencyDoorNeeds, emergencyService } from "./emergency-service.ts";
import { type FederationNeeds, federationService } from "./federation-service.ts";
import { type FeedNeeds, feedService } from "./feed-service.ts";
import { boundHttp2, sayGoodbye } from "./grpc-inside.ts";
import { type Health, makeHealth } from "./health.ts";
import {
  type CallGuard,
  checkMethodPolicy,
  guardCalls,
  identifyPeer as identifyPeerOfCall,
  logAndMeasure,
  takeDeadline,
} from "./interceptors.ts";
import { type LocatorNeeds, locatorService } from "./locator-service.ts";
import { type MpiNeeds, mpiService } from "./mpi-service.ts";
import { type PeersDoorNeeds, peerService } from "./peer-service.ts";
import type { ProofNeeds } from "./prove-question.ts";
import { type RecordNeeds, recordService } from "./record-service.ts";
import { type RetrievalNeeds, retrievalService } from "./retrieval-service.ts";
import { type SearchNeeds, searchService } from "./search-service.ts";
import type { Service } from "./service.ts";
import type { TlsFiles } from "./tls-files.ts";
import { type Connection, startTlsServer } from "./tls-server.ts";
import { type MembershipDoorNeeds, membershipService } from "./membership-service.ts";
import { type PresenceDoorNeeds, presenceService } from "./presence-service.ts";
import { type WitnessDoorNeeds, witnessService } from "./witness-service.ts";

/** Between asking everybody to leave a connection and taking nothing more on it: far longer than a message is on its way. */
const GOODBYE_MS = 1_000;

/** Beside what a batch itself may hold. */
const MESSAGE_OVERHEAD_BYTES = 16 * 1024;

export interface ServerOrder {
  readonly ownId: NodeId;
  /** The network's: certificates of any other domain are nobody's. */
  readonly domain: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: TlsFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What this node speaks with peers. */
  readonly protocol: ProtocolVersion;
  /** Whether a peer may ask at this moment; asked for every call. Throws the failure to give. */
  readonly authorise: (identity: PeerIdentity) => AuthorisedPeer;
  readonly locator: LocatorNeeds;
  readonly discovery: Omit<DiscoveryNeeds, keyof ProofNeeds>;
  readonly federation: FederationNeeds;
  readonly records: Omit<RecordNeeds, keyof ProofNeeds>;
  readonly retrieval: RetrievalNeeds;
  readonly search: SearchNeeds;
  readonly emergency: EmergencyDoorNeeds;
  readonly mpi: MpiNeeds;
  readonly peers: PeersDoorNeeds;
  readonly witness: WitnessDoorNeeds;
  readonly membership: MembershipDoorNeeds;
  readonly presence: PresenceDoorNeeds;
  readonly feed: FeedNeeds;
  /** Serves the protos' shapes to operators' tools. */
  readonly reflection: boolean;
  /** After how long connections end; the bound of that name unless a trial cannot wait for it. */
  readonly connectionAgeMs?: number;
}

export interface RunningServer {
  /** The one listened on, also where 0 was asked for. */
  readonly port: number;
  /**
   * Shows another certificate, and believes whom the new files name. Connections of before end with their last call.
   *
   * @throws {Failure} `configuration`: the certificate and its key are not a pair; nothing has changed.
   */
  renew(files: TlsFiles): void;
  /** Takes nothing new, lets calls under way finish, and ends what is still open after so many milliseconds. */
  close(graceMs: number): Promise<void>;
}

/**
 * Opens the node's door: gRPC over TLS 1.3, for peers, callers and feeds.
 *
 * @throws {Failure} `configuration`: the certificate and its key are not a pair, or the address cannot be listened on.
 */
export async function startServer(order: ServerOrder): Promise<RunningServer> {
  const { clock, log } = order;
  // What every call goes through before its request is read, in this order.
  const guard = guardCalls(
    [
      identifyPeerOfCall((key) => tls.connection(key)),
      checkMethodPolicy(order.authorise),
      takeDeadline(clock),
      logAndMeasure(clock, log),
    ],
    clock,
  );

  const services = await servicesOf(order);
  const health = makeHealth(services.map(({ name }) => name));
  const open = (): Doors => makeDoors(services, health, guard, order.connectionAgeMs ?? CONNECTION_AGE_MS);
  let doors = open();
  const tls = await startTlsServer({
    listen: order.listen,
    files: order.tls,
    clock,
    log,
    identify: (socket) => identifyPeer(chainOf(socket), order.domain),
    accept: (socket, connection) => (mayFeed(connection) ? doors.feeds : doors.questions).inject(socket),
  });

  return {
    port: tls.port,
    renew(files) {
      tls.renew(files);
      // gRPC's own way to drain also ends what comes after it.
      const before = [doors.questions, doors.feeds];
      doors = open();
      for (const door of before) door.sayGoodbye();
      // Questions that crossed the goodbye are still taken.
      clock.after(GOODBYE_MS, () => before.forEach((door) => door.finish()));
    },
    async close(graceMs) {
      health.drain();
      const ended = new AbortController();
      void tls.stopListening().then(() => ended.abort());
      doors.questions.finish();
      doors.feeds.finish();
      await clock.sleep(graceMs, ended.signal);
      tls.destroy();
      guard.stop();
    },
  };
}

async function servicesOf(order: ServerOrder): Promise<readonly Service[]> {
  const { ownId, protocol, clock, random, log } = order;
  const checkAgain = checkMethodPolicy(order.authorise).opened;
  const services = [
    locatorService({ ownId, protocol, clock }, log, order.locator, checkAgain),
    recordService({ ownId, protocol, clock }, log, { ...order.locator, ...order.records }, checkAgain),
    discoveryService({ ownId, protocol, clock }, log, { ...order.locator, ...order.discovery }, checkAgain),
    federationService(clock, random, log, order.federation),
    retrievalService(clock, random, log, order.retrieval),
    searchService(clock, random, log, order.search),
    emergencyService(clock, random, log, order.emergency),
    mpiService(random, log, order.mpi),
    peerService(random, log, order.peers),
    witnessService(log, order.witness),
    membershipService(log, order.membership),
    presenceService(log, order.presence),
    feedService(log, order.feed, checkAgain),
  ];
  const named = [...services.map(({ name }) => name), HEALTH_SERVICE];
  if (!order.reflection) return services;
  const { reflectionServices } = await import("./reflection.ts"); // only then: a node without it stays small
  return [...services, ...reflectionServices(named, log)];
}

const HEALTH_SERVICE = "grpc.health.v1.Health";

/** A gRPC server that takes its connections from ours. */
interface Door {
  inject: ConnectionInjector["injectConnection"];
  /** Asks everybody to take a connection elsewhere for what comes next, and goes on serving. */
  sayGoodbye(): void;
  /** Says goodbye on every connection: each ends with its last call. */
  finish(): void;
}

interface Doors {
  readonly questions: Door;
  readonly feeds: Door;
}

/**
 * Two servers with the same services behind one port: only connections of callers that may feed are let in where messages
 * may be large and streams may outlast their connection's age.
 */
function makeDoors(services: readonly Service[], health: Health, guard: CallGuard, connectionAgeMs: number): Doors {
  const both: ServerOptions = { "grpc.max_connection_age_ms": connectionAgeMs };
  const questions: ServerOptions = {
    ...both,
    "grpc.max_receive_message_length": REQUEST_BYTES_MAX,
    "grpc.max_connection_age_grace_ms": CONNECTION_AGE_GRACE_MS,
    "grpc.keepalive_time_ms": SERVER_KEEPALIVE_EVERY_MS,
    "grpc.keepalive_timeout_ms": SERVER_KEEPALIVE_WITHIN_MS,
  };
  const feeds: ServerOptions = {
    ...both,
    "grpc.max_receive_message_length": BATCH_BYTES_MAX + MESSAGE_OVERHEAD_BYTES,
    "grpc.max_connection_age_grace_ms": LOAD_GRACE_MS,
  };
  return { questions: makeDoor(questions, services, health, guard), feeds: makeDoor(feeds, services, health, guard) };
}

function makeDoor(options: ServerOptions, services: readonly Service[], health: Health, guard: CallGuard): Door {
  const server = new Server({
    "grpc.max_concurrent_streams": STREAMS_PER_CONNECTION_MAX,
    "grpc-node.max_session_memory": SESSION_MEGABYTES_MAX,
    "grpc.max_connection_idle_ms": CONNECTION_IDLE_MS,
    "grpc.enable_channelz": 0,
    ...options,
    interceptors: [guard.interceptor],
  });
  boundHttp2(server, {
    settings: { maxHeaderListSize: HEADER_LIST_BYTES_MAX },
    maxHeaderListPairs: HEADERS_MAX,
    streamResetBurst: RESETS_AT_ONCE_MAX,
    streamResetRate: RESETS_PER_SECOND_MAX,
  });
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  health.addTo(server);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    inject: (connection) => injector.injectConnection(connection),
    sayGoodbye: () => sayGoodbye(server),
    // Its callback comes too early on a Node.js whose HTTP/2 server closes its sessions itself: nobody waits for it.
    finish: () => server.tryShutdown(() => {}),
  };
}

function mayFeed({ peer }: Connection): boolean {
  return !(peer instanceof Failure) && peer.kind === "caller" && peer.rights.feed;
}
