import { X509Certificate } from "node:crypto";
import { type DetailedPeerCertificate, checkServerIdentity } from "node:tls";

import type { Client, ClientDuplexStream, ClientReadableStream } from "@grpc/grpc-js";

import { readIdentity } from "../../certs/identity.ts";
import { readCertificates } from "../../certs/pem.ts";
import { nodeDns } from "../../certs/profile.ts";
import type { LocateEvent, SignedBytes } from "../base/answer.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { Claim, PatientQuery } from "../base/question.ts";
import type { RecordEvent } from "../base/record.ts";
import type { DurableAck, FeedItem, LoadEnd, LoadHeader } from "../requests/load-batch.ts";
import type { SearchTold } from "../requests/search-people.ts";
import type { AskedSearch } from "../mpi/search-terms.ts";
import { ACKNOWLEDGED_WITHIN_MS, ANSWER_BYTES_MAX, RECORD_MS_MAX, SWEEP_EVERY_MS } from "./bounds.ts";
import { openChannel } from "./channel.ts";
import { fromClaim, fromPatient } from "./convert.ts";
import { toAreaAnswer } from "./convert-answer.ts";
import { toRecordEvent } from "./convert-record.ts";
import { fromAsked, toSearchTold } from "./convert-search.ts";
import {
  FederationServiceService,
  type LocateRequest,
  type LocateResponse,
} from "./generated/corridor/v1/federation_service.ts";
import {
  FeedServiceService,
  type LoadItem,
  type LoadRequest,
  type LoadResponse,
} from "./generated/corridor/v1/feed_service.ts";
import { RetrievalServiceService, type RetrieveResponse } from "./generated/corridor/v1/record_service.ts";
import { type SearchResponse, SearchServiceService } from "./generated/corridor/v1/search_service.ts";
import { readVerdict } from "./signed-verdict.ts";
import { failureOf, isCallError } from "./status.ts";
import { clientContext, readCallerTls } from "./tls-files.ts";

/** Where a node listens, and the caller's certificate to show there. */
export interface CallerTarget {
  readonly host: string;
  readonly port: number;
  /** Folder with caller.crt.pem, caller.key.pem and trust.crt.pem. */
  readonly certsDir: string;
}

export interface CallerQuestion {
  readonly patient: PatientQuery;
  readonly claim: Claim;
  readonly requestId: string;
  readonly answerByMs: number;
  /** The locate whose answers are wanted, with those that came late. */
  readonly lateOf?: string;
}

export interface CallerRetrieval {
  readonly patient: PatientQuery;
  readonly claim: Claim;
  readonly requestId: string;
  readonly nodeId: string;
  readonly pointerId: string;
}

export interface CallerSearch {
  readonly search: AskedSearch;
  readonly claim: Claim;
  readonly requestId: string;
}

/** An event of a locate as the caller has it: a verdict comes with what was signed. */
export type ToldEvent = LocateEvent & { readonly signed?: SignedBytes };

/** A caller's side of a node's door. */
export interface CallerClient {
  /** @throws {Failure} as the node said, typed; `unreachable` or `timed-out` where it said nothing. */
  locate(question: CallerQuestion): AsyncGenerator<ToldEvent, void>;
  /** @throws {Failure} as {@link locate}. */
  search(call: CallerSearch): Promise<SearchTold>;
  /**
   * Loads batches in their order, at most 1,000 items and 1 MiB each; one result for each, once it is durable, and at the end
   * what the load leaves behind. A batch is taken only when the node has kept the ones before it, but for a few.
   *
   * @param loadedBefore of a load that is taken up again: the providers of which something was kept before.
   * @param stop ends the load at once, whatever the node does; its reason is thrown.
   * @throws {Failure} as {@link locate}; go on after the last result.
   */
  load(
    header: LoadHeader,
    batches: AsyncIterable<readonly FeedItem[]>,
    loadedBefore?: readonly string[],
    stop?: AbortSignal,
  ): AsyncGenerator<DurableAck, LoadEnd>;
  /**
   * Opens one record; leaving the iteration lets go of it.
   *
   * @throws {Failure} as {@link locate}.
   */
  retrieve(call: CallerRetrieval): AsyncGenerator<RecordEvent, void>;
  close(): void;
}

const SEARCH_WITHIN_MS = 10_000;
/** How long after the verdict is due the node is given up. */
const VERDICT_LATE_MS_MAX = 3_000;
/** Batches sent and not yet acknowledged. */
const BATCHES_AHEAD_MAX = 4;

/**
 * Prepares a caller's channel to its own node: the one that the caller's certificate names. Nothing is sent yet.
 *
 * @throws {Failure} `configuration`: the caller's files cannot be read, are not a pair, or name no node.
 */
export async function connectCaller(target: CallerTarget, clock: Clock): Promise<CallerClient> {
  const client = openCallerChannel(target, clock);
  return {
    locate: (question) => locate(client, clock, question),
    search: (call) => search(client, clock, call),
    load: (header, batches, loadedBefore = [], stop) => load(client, clock, header, batches, loadedBefore, stop),
    retrieve: (call) => retrieve(client, clock, call),
    close: () => client.close(),
  };
}

/** The channel of {@link connectCaller}, for any of the services behind it. */
export function openCallerChannel(target: CallerTarget, clock: Clock): Client {
  const files = readCallerTls(target.certsDir);
  const { domain, nodeId } = ownNode(files.certificate, target.certsDir);
  return openChannel({
    endpoint: `${target.host}:${target.port}`,
    serverName: nodeDns(domain, nodeId),
    context: clientContext(files),
    clock,
    answerBytesMax: ANSWER_BYTES_MAX,
    resendsRefused: true,
    checkServer: (host, certificate) =>
      checkServerIdentity(host, certificate) ?? checkNode(certificate, domain, nodeId),
  });
}

/** The node that a caller's certificate belongs to: `spiffe://<domain>/node/<id>/caller/<name>`. */
function ownNode(certificatePem: string, dir: string): { readonly domain: string; readonly nodeId: string } {
  const [leaf] = readCertificates(certificatePem, dir);
  const uri = /URI:spiffe:\/\/([^/",\s]+)\//.exec(leaf?.subjectAltName ?? "");
  const identity = leaf && uri?.[1] !== undefined ? readIdentity(leaf, uri[1]) : undefined;
  if (identity?.kind === "caller" && uri?.[1] !== undefined) return { domain: uri[1], nodeId: identity.nodeId };
  throw new Failure("configuration", `${dir} does not hold a caller's certificate: corridor certs inspect shows it.`, {
    where: dir,
  });
}

function checkNode(certificate: object, domain: string, nodeId: string): Error | undefined {
  const { raw } = certificate as DetailedPeerCertificate;
  const identity = readIdentity(new X509Certificate(raw), domain);
  if (identity.kind === "node" && identity.nodeId === nodeId) return undefined;
  return new Failure("not-authenticated", `The other end is not the node ${nodeId} of ${domain}.`);
}

async function* locate(
  client: Client,
  clock: Clock,
  { patient, claim, requestId, answerByMs, lateOf = "" }: CallerQuestion,
): AsyncGenerator<ToldEvent, void> {
  const { path, requestSerialize, responseDeserialize } = FederationServiceService.locate;
  const request: LocateRequest = {
    patient: fromPatient(patient),
    claim: fromClaim(claim, "stated"),
    requestId,
    answerByMs,
    lateUntilMs: 0,
    lateOf,
  };
  const deadline = clock.wallMs() + answerByMs + VERDICT_LATE_MS_MAX;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, { deadline });
  for await (const { event } of messagesOf(call)) yield toEvent(event);
}

function toEvent(event: LocateResponse["event"]): ToldEvent {
  switch (event?.$case) {
    case "answer":
      return { kind: "answer", answer: toAreaAnswer(event.value) };
    case "verdict": {
      const { payload, signature } = event.value;
      return { kind: "verdict", verdict: readVerdict(payload), signed: { payload, signature } };
    }
    default:
      throw new Failure("incompatible", "The node sent an event that is not understood here.");
  }
}

async function search(client: Client, clock: Clock, call: CallerSearch): Promise<SearchTold> {
  const { path, requestSerialize, responseDeserialize } = SearchServiceService.search;
  const { requestId } = call;
  const request = { ...fromAsked(call.search), claim: fromClaim(call.claim, "stated"), requestId };
  const deadline = clock.wallMs() + SEARCH_WITHIN_MS;
  const response = await new Promise<SearchResponse>((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline }, (error, value) => {
      if (error !== null) reject(failureOf(error));
      else if (value === undefined) reject(new Failure("incompatible", "The node ended the search without an answer."));
      else resolve(value);
    });
  });
  return toSearchTold(response);
}

async function* retrieve(
  client: Client,
  clock: Clock,
  { patient, claim, requestId, nodeId, pointerId }: CallerRetrieval,
): AsyncGenerator<RecordEvent, void> {
  const { path, requestSerialize, responseDeserialize } = RetrievalServiceService.retrieve;
  const who = { patient: fromPatient(patient), claim: fromClaim(claim, "stated") };
  const request = { ...who, requestId, nodeId, pointerId };
  const deadline = clock.wallMs() + RECORD_MS_MAX;
  const call = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, { deadline });
  for await (const { part } of messagesOf<RetrieveResponse>(call)) yield toRecordEvent(part);
}

async function* load(
  client: Client,
  clock: Clock,
  header: LoadHeader,
  batches: AsyncIterable<readonly FeedItem[]>,
  loadedBefore: readonly string[],
  stop: AbortSignal | undefined,
): AsyncGenerator<DurableAck, LoadEnd> {
  const { path, requestSerialize, responseDeserialize } = FeedServiceService.load;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  const window = new Window(BATCHES_AHEAD_MAX);
  let failed: unknown;
  const giveUp = (thrown: unknown): void => {
    failed ??= thrown;
    call.cancel();
  };
  const onStop = (): void => giveUp(stop?.reason);
  stop?.addEventListener("abort", onStop, { once: true });
  const owed = new Owed(clock, giveUp);
  const sending = sendBatches(call, header, batches, loadedBefore, window, owed).catch(giveUp);
  try {
    let end: LoadEnd | undefined;
    for await (const { accepted, rejected, finished, waiting, storeId } of messagesOf(call)) {
      owed.paid();
      end = finished ? { waiting } : undefined;
      if (finished) continue; // of no batch
      window.give();
      yield { accepted, rejected, storeId };
    }
    if (end !== undefined) return end;
    throw new Failure("incompatible", "The node ended the load without saying that it is complete.");
  } catch (thrown) {
    throw failed ?? thrown;
  } finally {
    stop?.removeEventListener("abort", onStop);
    owed.close();
    window.close();
    await sending;
  }
}

async function sendBatches(
  call: ClientDuplexStream<LoadRequest, LoadResponse>,
  { name, asOfMs, goesOnStoreId = "" }: LoadHeader,
  batches: AsyncIterable<readonly FeedItem[]>,
  loadedBefore: readonly string[],
  window: Window,
  owed: Owed,
): Promise<void> {
  call.write({ message: { $case: "header", value: { name, asOfMs: BigInt(asOfMs), goesOnStoreId } } });
  let sequence = 0n;
  for await (const batch of batches) {
    if (!(await window.take())) return;
    owed.more();
    call.write({ message: { $case: "batch", value: { sequence: ++sequence, items: batch.map(toItem) } } });
  }
  owed.more();
  call.write({ message: { $case: "finish", value: { providers: [...loadedBefore] } } });
  call.end();
}

/** Acknowledgements that the node owes. A node that has gone without a word pays none, and nothing else would show it. */
class Owed {
  readonly #clock: Clock;
  readonly #watch: Timer;
  #count = 0;
  #sinceMs = 0;

  constructor(clock: Clock, giveUp: (failure: Failure) => void) {
    this.#clock = clock;
    this.#watch = clock.every(SWEEP_EVERY_MS, () => {
      if (this.#count === 0 || clock.monotonicMs() - this.#sinceMs < ACKNOWLEDGED_WITHIN_MS) return;
      giveUp(new Failure("timed-out", "The node has not acknowledged anything for a minute."));
    });
  }

  more(): void {
    if (this.#count++ === 0) this.#sinceMs = this.#clock.monotonicMs();
  }

  paid(): void {
    this.#count--;
    this.#sinceMs = this.#clock.monotonicMs();
  }

  close(): void {
    this.#watch.cancel();
  }
}

/** Lets only so many batches be under way. */
class Window {
  #free: number;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(size: number) {
    this.#free = size;
  }

  /** @returns false once nothing more is to be sent. */
  async take(): Promise<boolean> {
    while (this.#free === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#free--;
    return !this.#closed;
  }

  give(): void {
    this.#free++;
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}

/** Onto the wire: the only place where an item's values are taken out to be sent. */
function toItem(item: FeedItem): LoadItem {
  switch (item.kind) {
    case "identity":
      return { item: { $case: "identity", value: { ...item.values.expose() } } };
    case "pointer":
      return { item: { $case: "pointer", value: { ...item.values.expose() } } };
    case "objection":
      return { item: { $case: "objection", value: { ...item.values.expose() } } };
  }
}

async function* messagesOf<Message>(
  call: ClientReadableStream<Message> | ClientDuplexStream<LoadRequest, Message>,
): AsyncGenerator<Message, void> {
  try {
    for await (const message of call as AsyncIterable<Message>) yield message;
  } catch (thrown) {
    throw isCallError(thrown) ? failureOf(thrown) : thrown;
  } finally {
    call.cancel();
  }
}
