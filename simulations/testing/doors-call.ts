import { Client, type Metadata, type ServiceError, credentials, status as Status } from "@grpc/grpc-js";

import { nodeDns } from "../../certs/profile.ts";
import { type TlsFiles, clientContext } from "../../node/wire/tls-files.ts";
import { DOMAIN, HOLDER } from "./doors-network.ts";

/** Methods of a node's doors. */
export const METHOD = {
  locate: "/corridor.v1.FederationService/Locate",
  answerLocate: "/corridor.v1.LocatorService/AnswerLocate",
  answerLocateStream: "/corridor.v1.LocatorService/AnswerLocateStream",
  load: "/corridor.v1.FeedService/Load",
  health: "/grpc.health.v1.Health/Check",
  reflection: "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
} as const;

/** How a call ended, with every byte that came back. */
export interface Ended {
  readonly code: Status;
  /** The failure that came beside the status; empty where none did. */
  readonly failure: string;
  /** The field at fault, where one was named. */
  readonly where: string;
  readonly details: string;
  /** Details and every trailer, as text: all that an error could carry away. */
  readonly said: string;
  readonly messages: readonly Buffer[];
}

/** A client that sends whatever it is given: no honest client of the product could. */
export interface RawClient {
  /** Sends these messages on one call, whatever kind of method it is, and waits for its end. */
  call(method: string, messages: readonly Uint8Array[], options?: RawOptions): Promise<Ended>;
  close(): void;
}

interface RawOptions {
  readonly withinMs?: number;
  /** Waits for an answer before each message behind the second. */
  readonly inStep?: boolean;
}

const CALL_WITHIN_MS = 10_000;

/**
 * @param files shown to the server; `undefined`: no certificate at all.
 * @param serverName what the server's certificate must say; the holder's, unless told otherwise.
 */
export function rawClient(
  port: number,
  files: TlsFiles | undefined,
  trust = files?.trust,
  serverName = nodeDns(DOMAIN, HOLDER),
): RawClient {
  const secure =
    files === undefined
      ? credentials.createSsl(Buffer.from(trust ?? ""))
      : credentials.createFromSecureContext(clientContext({ ...files, trust: trust ?? files.trust }));
  const client = new Client(`127.0.0.1:${port}`, secure, {
    "grpc.ssl_target_name_override": serverName,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_channelz": 0,
    "grpc.enable_retries": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
  });
  return { call: (...call) => run(client, ...call), close: () => client.close() };
}

const asIs = (bytes: Buffer): Buffer => bytes;

function run(
  client: Client,
  method: string,
  outgoing: readonly Uint8Array[],
  { withinMs = CALL_WITHIN_MS, inStep = false }: RawOptions = {},
): Promise<Ended> {
  const call = client.makeBidiStreamRequest(method, asIs, asIs, { deadline: Date.now() + withinMs });
  const messages: Buffer[] = [];
  const waiting = outgoing.map((message) => Buffer.from(message));
  const sendNext = (): void => {
    const next = waiting.shift();
    if (next !== undefined) call.write(next);
    if (waiting.length === 0) call.end();
    else if (!inStep || waiting.length === outgoing.length - 1) sendNext(); // a header is not answered
  };
  return new Promise((resolve) => {
    call.on("data", (message: Buffer) => {
      messages.push(message);
      if (inStep) sendNext();
    });
    call.on("error", (error: ServiceError) => resolve(endedBy(error, messages)));
    call.on("end", () => resolve(endedWell(messages)));
    sendNext();
  });
}

function endedWell(messages: readonly Buffer[]): Ended {
  return { code: Status.OK, failure: "", where: "", details: "", said: "", messages };
}

function endedBy({ code, details, metadata }: ServiceError, messages: readonly Buffer[]): Ended {
  const trailers = Object.entries(metadata.toHttp2Headers()).map(([name, value]) => `${name}: ${String(value)}`);
  return {
    ...{ code, details, messages, said: [details, ...trailers].join("\n") },
    failure: header(metadata, "corridor-failure"),
    where: header(metadata, "corridor-where"),
  };
}

function header(metadata: Metadata, name: string): string {
  return metadata.get(name).map(String).join();
}
