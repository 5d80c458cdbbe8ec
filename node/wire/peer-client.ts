import type { SecureContext } from "node:tls";

import { type Client, connectivityState } from "@grpc/grpc-js";

import { nodeDns } from "../../certs/profile.ts";
import type { Member } from "../../topology/manifest.ts";
import type { HolderAnswer } from "../base/answer.ts";
import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../base/deadline.ts";
import { Failure, asFailure } from "../base/failure.ts";
import { orderedUuid } from "../base/ordered-uuid.ts";
import type { Question } from "../base/question.ts";
import type { Random } from "../base/random.ts";
import { type NodeId, type ProtocolVersion, speaksWith } from "../base/words.ts";
import type { PeerTransport } from "../federation/federation.ts";
import { type PeerIdentity, chainOfCertificate, identifyPeer } from "../trust/peer-identity.ts";
import { askOnce } from "./ask-once.ts";
import { AssertionDesk } from "./assertion-desk.ts";
import {
  ANSWER_BYTES_MAX,
  ANSWER_BY_MS_MAX,
  CONNECT_WITHIN_MS,
  LATE_UNTIL_MS_MAX,
  PEER_KEEPALIVE_EVERY_MS,
  PEER_KEEPALIVE_WITHIN_MS,
} from "./bounds.ts";
import { openChannel } from "./channel.ts";
import { fromClaim, fromPatient } from "./convert.ts";
import { toHolderAnswer } from "./convert-answer.ts";
import {
  AnswerLocateRequest,
  type AnswerLocateResponse,
  LocatorServiceService,
} from "./generated/corridor/v1/locator_service.ts";
import { PeerServiceService } from "./generated/corridor/v1/peer_service.ts";
import { PATIENT_NONCE_BYTES, bindPatient } from "./patient-binding.ts";
import { type QuestionCall, QuestionStream, type StreamedQuestion } from "./question-stream.ts";
import { type CallError, failureOf, isBrokenOff } from "./status.ts";
import { serializerOf } from "./encode.ts";
import { type TlsFiles, clientContext } from "./tls-files.ts";

const ATTEMPTS_MAX = 2;
/** A connection that is about to close refuses what comes late, unseen: that was no attempt. */
const REFUSED_MAX = 3;
/** With less time left, a connection would hardly be made before the answer is due. */
const ASK_AGAIN_MS_MIN = 50;

export interface PeerClientOrder {
  readonly ownId: NodeId;
  /** The network's: a member's certificate names `<id>.<domain>`. */
  readonly domain: string;
  readonly tls: TlsFiles;
  readonly clock: Clock;
  readonly random: Random;
  /** What this node speaks. */
  readonly protocol: ProtocolVersion;
  /** Signs an assertion's payload in this node's name. */
  readonly sign: (payload: Uint8Array) => Promise<Uint8Array>;
  /**
   * Throws a Failure where this peer is not that member, by the directory in force at this moment. Asked for every
   * connection, and for every question on it.
   */
  readonly checkMember: (member: Member, identity: PeerIdentity) => void;
}

export interface PeerClient extends PeerTransport {
  /**
   * Greets a member on the very connection that its questions take, and says nothing of anybody: that it is answered shows
   * that a question could be.
   *
   * @throws {Failure} why it was not answered.
   */
  knock(member: Member, deadline: Deadline): Promise<void>;
  /**
   * Shows another certificate on every connection made from now on. Questions under way end on the connections of before.
   *
   * @throws {Failure} `configuration`: the certificate and its key are not a pair; nothing has changed.
   */
  renew(tls: TlsFiles): void;
  /** Ends every connection to a peer; questions under way end as unreachable. */
  close(): void;
}

/**
 * Carries questions to peers: one channel for each member, a signed claim for each attempt. Where the connection breaks off
 * under a question, it is asked once more within its time: to answer twice does no harm, and the holder's audit has both
 * attempts under the one request.
 *
 * @throws {Failure} `configuration`: the certificate and its key are not a pair.
 */
export function makePeerClient(order: PeerClientOrder): PeerClient {
  let context = clientContext(order.tls);
  /** By member and endpoint. */
  const channels = new Map<string, PeerChannel>();

  function channelTo(member: Member): PeerChannel {
    const key = `${member.id} ${endpointOf(member)}`;
    const known = channels.get(key);
    if (known?.fits(member) === true) return known;
    known?.retire();
    retireMoved(member);
    const fresh = new PeerChannel(member, order, context);
    channels.set(key, fresh);
    return fresh;
  }

  /** Channels to where a member no longer is. */
  function retireMoved({ id, endpoints }: Member): void {
    for (const [key, channel] of channels) {
      if (channel.member.id !== id || endpoints.includes(channel.endpoint)) continue;
      channels.delete(key);
      channel.retire();
    }
  }

  async function attempt(
    member: Member,
    question: Question,
    deadline: Deadline,
    signal: AbortSignal,
  ): Promise<HolderAnswer> {
    const channel = channelTo(member);
    // Members' entries are replaced with every new directory; the certificate is judged by the newest.
    channel.member = member;
    return channel.keepOpen(async () => {
      const answer = await channel.askOnStream(question, deadline, signal);
      if (answer !== "no-streams") return answer;
      const attemptId = orderedUuid(order.random, order.clock.wallMs());
      const request = await makeRequest(order, channel.desk, question, deadline, attemptId);
      if (signal.aborted) throw new Failure("timed-out", "Nobody waits for the answer any more.");
      return readAnswer(await channel.call(request, deadline, signal), attemptId, order.protocol);
    });
  }

  function retireAll(): void {
    for (const channel of channels.values()) channel.retire();
    channels.clear();
  }

  return {
    async ask(member, question, _permit, deadline, signal) {
      for (let [attempts, refused] = [1, 0]; ;) {
        try {
          return await attempt(member, question, deadline, signal);
        } catch (thrown) {
          if (!(thrown instanceof BrokenOff) || deadline.remainingMs() < ASK_AGAIN_MS_MIN) throw thrown;
          const isLast = thrown.wasUnseen ? ++refused > REFUSED_MAX : ++attempts > ATTEMPTS_MAX;
          if (isLast) throw thrown;
        }
      }
    },
    knock(member, deadline) {
      const channel = channelTo(member);
      channel.member = member;
      return channel.keepOpen(() => channel.knock(deadline));
    },
    renew(tls) {
      context = clientContext(tls);
      retireAll();
    },
    close: retireAll,
  };
}

async function makeRequest(
  { protocol, random }: PeerClientOrder,
  desk: AssertionDesk,
  question: Question,
  deadline: Deadline,
  attemptId: string,
): Promise<AnswerLocateRequest> {
  const patient = fromPatient(question.patient);
  const patientNonce = Buffer.from(random.bytes(PATIENT_NONCE_BYTES));
  const { assertion, claimIndex } = await desk.cover({
    attemptId,
    requestId: question.requestId,
    claim: fromClaim(question.claim, "kept-back"),
    patientBinding: bindPatient(attemptId, patientNonce, patient),
  });
  const answerByMs = Math.min(Math.floor(deadline.remainingMs()), ANSWER_BY_MS_MAX);
  if (answerByMs < 1) throw new Failure("timed-out", "No time was left to ask.");
  const lateUntilMs = Math.min(Math.floor(question.lateUntil.remainingMs()), LATE_UNTIL_MS_MAX);
  return {
    protocol: { ...protocol },
    assertion,
    question: { claimIndex, patient, patientNonce, answerByMs, lateUntilMs: Math.max(answerByMs, lateUntilMs) },
  };
}

/** One attempt at a question, for a stream. */
function streamed({ random, clock }: PeerClientOrder, question: Question, deadline: Deadline): StreamedQuestion {
  const [attemptId, patient] = [orderedUuid(random, clock.wallMs()), fromPatient(question.patient)];
  const patientNonce = Buffer.from(random.bytes(PATIENT_NONCE_BYTES));
  const { requestId, lateUntil } = question;
  const patientBinding = bindPatient(attemptId, patientNonce, patient);
  const claim = { attemptId, requestId, claim: fromClaim(question.claim, "kept-back"), patientBinding };
  return { claim, patient, patientNonce, deadline, lateUntil };
}

function readAnswer({ protocol, answer }: AnswerLocateResponse, attemptId: string, own: ProtocolVersion): HolderAnswer {
  if (!speaksWith(own, protocol ?? { major: 0, minor: 0 })) {
    throw new Failure("incompatible", "The peer answered in a protocol version that is not known here.");
  }
  if (answer?.attemptId !== attemptId) {
    throw new Failure("incompatible", "The peer answered another question than the one that was asked.");
  }
  return toHolderAnswer(answer);
}

/** An answer, or why it could not be read: gRPC would only say that something went wrong inside. */
type Received = AnswerLocateResponse | Failure;

/** The connection was there, and broke off before the answer came. */
class BrokenOff extends Failure {
  /** True where the other end refused the question without looking at it (RFC 9113, 8.7). */
  readonly wasUnseen: boolean;

  constructor(cause: CallError) {
    super("unreachable", "The connection to the node broke off under the question.", { cause });
    // gRPC has no code of its own for it.
    this.wasUnseen = cause.details === "Stream refused by server";
  }
}

/** The channel to one member. */
class PeerChannel {
  member: Member;
  readonly desk: AssertionDesk;
  readonly #client: Client;
  readonly #order: PeerClientOrder;
  readonly endpoint: string;
  #uses = 0;
  #retired = false;
  /** When a connection was last begun to be made, on the monotonic clock; before the first, when the channel was. */
  #triedAtMs: number;
  /**
   * The connection broke off under a question: gRPC goes on handing it out until it has been closed, be it that HTTP/2 or TLS
   * broke down, or that the peer refuses what comes after its goodbye. The next attempt shall not meet it again.
   */
  #isSpent = false;
  readonly #stream: QuestionStream;
  /** False once the member was found to be of a version that answers no questions on streams. */
  #hasStreams = true;
  /** Whom the last connection was found to lead to. */
  #proven: PeerIdentity | undefined;

  constructor(member: Member, order: PeerClientOrder, context: SecureContext) {
    this.member = member;
    this.desk = new AssertionDesk({ ...order, holder: member.id });
    this.#order = order;
    this.endpoint = endpointOf(member);
    this.#triedAtMs = order.clock.monotonicMs();
    this.#client = openChannel({
      endpoint: this.endpoint,
      serverName: nodeDns(order.domain, member.id),
      context,
      clock: order.clock,
      onTry: () => (this.#triedAtMs = order.clock.monotonicMs()),
      answerBytesMax: ANSWER_BYTES_MAX,
      keepalive: { everyMs: PEER_KEEPALIVE_EVERY_MS, withinMs: PEER_KEEPALIVE_WITHIN_MS },
      checkServer: (_host, certificate) => {
        try {
          const identity = identifyPeer(chainOfCertificate(certificate), order.domain);
          order.checkMember(this.member, identity);
          this.#proven = identity;
          return undefined;
        } catch (thrown) {
          return asFailure(thrown);
        }
      },
    });
    const { ownId, protocol, clock, sign } = order;
    this.#stream = new QuestionStream({
      ...{ ownId, holder: member.id, protocol, clock, sign },
      open: () => this.#openStream(),
      failureOf: (error) => this.#failureOf(error, NOBODY_LEFT),
    });
  }

  #openStream(): QuestionCall {
    const { path, requestSerialize, responseDeserialize } = LocatorServiceService.answerLocateStream;
    return withoutTrace(() => this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize));
  }

  /** `no-streams`: the member answers none; nobody was asked. */
  async askOnStream(question: Question, deadline: Deadline, signal: AbortSignal): Promise<HolderAnswer | "no-streams"> {
    if (!this.#hasStreams) return "no-streams";
    try {
      return toHolderAnswer(await this.#stream.ask(streamed(this.#order, question, deadline), signal));
    } catch (thrown) {
      if (asFailure(thrown).code !== "not-served") throw thrown;
      this.#hasStreams = false;
      return "no-streams";
    }
  }

  /**
   * False where the connection has broken down, where its other end would not be taken for that
   * member now (its certificate has expired, its authority is another), or where a connection has been in the making for so
   * long that the system may go on with it for minutes: a fresh attempt finds whoever is back.
   */
  fits(member: Member): boolean {
    if (this.#isSpent || !this.#isStill(member)) return false;
    // While it tries again, gRPC calls it what it was found to be at the last attempt.
    const state = this.#client.getChannel().getConnectivityState(false);
    const isAway = state === connectivityState.CONNECTING || state === connectivityState.TRANSIENT_FAILURE;
    return !isAway || this.#order.clock.monotonicMs() - this.#triedAtMs < CONNECT_WITHIN_MS;
  }

  #isStill(member: Member): boolean {
    if (this.#proven === undefined) return true;
    try {
      this.#order.checkMember(member, this.#proven);
      return true;
    } catch {
      return false; // a new connection says what is wrong, or finds that nothing is
    }
  }

  /** Ends once the questions under way have. */
  retire(): void {
    this.#retired = true;
    this.#stream.finish();
    if (this.#uses === 0) this.#client.close();
  }

  /** Runs what needs this channel, from before its question is signed until it is answered. */
  async keepOpen<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#uses++;
    try {
      return await work();
    } finally {
      this.#uses--;
      if (this.#retired && this.#uses === 0) this.#client.close();
    }
  }

  async knock(deadline: Deadline): Promise<void> {
    const { clock, protocol } = this.#order;
    const byMs = clock.wallMs() + deadline.remainingMs();
    await askOnce(this.#client, PeerServiceService.greet, { protocol: { ...protocol } }, byMs);
  }

  async call(request: AnswerLocateRequest, deadline: Deadline, signal: AbortSignal): Promise<AnswerLocateResponse> {
    const received = await this.#send(request, deadline, signal);
    if (received instanceof Failure) throw received;
    return received;
  }

  #send(request: AnswerLocateRequest, deadline: Deadline, signal: AbortSignal): Promise<Received> {
    const { path } = LocatorServiceService.answerLocate;
    return new Promise((resolve, reject) => {
      const call = withoutTrace(() =>
        this.#client.makeUnaryRequest(
          path,
          serializeRequest,
          receive,
          request,
          { deadline: this.#order.clock.wallMs() + deadline.remainingMs() },
          (error, response) => {
            signal.removeEventListener("abort", cancel);
            if (error !== null) reject(this.#failureOf(error, signal));
            else resolve(response ?? new Failure("incompatible", "The peer answered nothing."));
          },
        ),
      );
      const cancel = (): void => call.cancel();
      signal.addEventListener("abort", cancel, { once: true });
    });
  }

  #failureOf(error: CallError, signal: AbortSignal): Failure {
    const wasNoConnection =
      this.#client.getChannel().getConnectivityState(false) === connectivityState.TRANSIENT_FAILURE;
    if (signal.aborted || wasNoConnection || !isBrokenOff(error)) return failureOf(error);
    this.#isSpent = true;
    return new BrokenOff(error);
  }
}

const NOBODY_LEFT = new AbortController().signal;

/** gRPC takes a stack trace at every call, in case it fails; what went wrong is told by our own failure. */
function withoutTrace<Result>(call: () => Result): Result {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return call();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

const serializeRequest = serializerOf(AnswerLocateRequest);

function receive(bytes: Buffer): Received {
  try {
    return LocatorServiceService.answerLocate.responseDeserialize(bytes);
  } catch {
    return new Failure("incompatible", "The peer's answer is not a well-formed message.");
  }
}

/** The first in the member's order of preference. */
function endpointOf({ endpoints }: Member): string {
  return endpoints[0] ?? "";
}
