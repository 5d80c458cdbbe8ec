import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Server, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { SecureContextOptions, TLSSocket } from "node:tls";

import { Command } from "commander";

import { type KnownNode, approveRenewal } from "../../certs/approve.ts";
import { readIssuingAuthority } from "../../certs/authority.ts";
import { readEnrolment } from "../../certs/enrol.ts";
import { signIssuingService, trustOf } from "../../certs/issue.ts";
import { readPublicPem } from "../../certs/key-file.ts";
import { makeRsaKeyPair, privatePem } from "../../certs/key-pair.ts";
import { authorityFiles } from "../../certs/layout.ts";
import { MANIFEST_BYTES_MAX, manifestState, verifyManifest } from "../../topology/manifest.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import type { Log } from "../telemetry/log.ts";
import { reporting } from "./exit.ts";

const BODY_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 64;
const WITHIN_MS = 10_000;
const HEADER_BYTES_MAX = 4_096;
/** The service's own certificate lasts as long as a node's, and is made anew each day. */
const OWN_EVERY_MS = 86_400_000;
/** Of one node: renewal is due once in a fortnight. */
const RENEWALS_PER_HOUR_MAX = 6;
const HOUR_MS = 3_600_000;

export interface ServeNeeds {
  readonly clock: Clock;
  readonly log: Log;
  /** Aborts when the command is told to stop. */
  readonly stopSignal: () => AbortSignal;
}

export interface ServiceOrder {
  /** The folder of `corridor certs init`, with the collaborative's issuing authority. */
  readonly dir: string;
  readonly collaborative: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** The signed manifest: read for every renewal. */
  readonly manifestPath: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface IssuingService {
  readonly port: number;
  close(): Promise<void>;
}

interface ServeOptions {
  readonly collaborative: string;
  readonly listen: string;
  readonly manifest: string;
}

/** `corridor certs serve`: renews the certificates of a collaborative's nodes, without people. */
export function serveCommand({ clock, log, stopSignal }: ServeNeeds): Command {
  return new Command("serve")
    .description("renew certificates of a collaborative's nodes as they ask for it: same id, new key, nothing else")
    .argument("<dir>", "the folder of corridor certs init; the root's key need not be there")
    .requiredOption("--collaborative <id>", "whose authority issues")
    .requiredOption("--listen <host:port>", "where nodes find it: their setting certs.renewAt")
    .requiredOption("--manifest <file>", "the signed manifest: only its members are renewed")
    .action((dir: string, { collaborative, listen, manifest }: ServeOptions) =>
      reporting(async () => {
        const stop = stopSignal();
        const order = { dir, collaborative, listen: parseListen(listen), manifestPath: manifest, clock, log };
        const service = await startIssuingService(order);
        if (!stop.aborted) await once(stop, "abort");
        await service.close();
      }),
    );
}

/**
 * Listens with TLS 1.3 for `POST /renew`: a request as `corridor certs request` writes it, from a node that shows the
 * certificate which it wants renewed; the answer is what `corridor certs install` takes.
 *
 * @throws {Failure} `configuration`: no such authority here, or the address cannot be listened on.
 */
export async function startIssuingService(order: ServiceOrder): Promise<IssuingService> {
  const { clock, log, listen } = order;
  const allowance = makeAllowance(clock);
  const server = createServer({
    ...(await ownContext(order)),
    // Whom it admits it judges itself, by one authority: also whoever comes a little late.
    ...{ requestCert: true, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] },
    ...{ handshakeTimeout: WITHIN_MS, headersTimeout: WITHIN_MS, requestTimeout: WITHIN_MS },
    ...{ maxHeaderSize: HEADER_BYTES_MAX, keepAlive: false },
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    response.setHeader("connection", "close");
    void respond(renew(request, order, allowance), response, log);
  });
  const anew = clock.every(OWN_EVERY_MS, () => {
    ownContext(order).then(
      (context) => server.setSecureContext(context),
      (thrown: unknown) => log.error("own-certificate-failed", thrown),
    );
  });
  const port = await listenOn(server, listen);
  log.info("listening-renewals", { host: listen.host, port });
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        anew.cancel();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(work: ReturnType<typeof renew>, response: ServerResponse, log: Log): Promise<void> {
  try {
    const { approved, id } = await work;
    log.info("renewed", { node: id });
    answer(response, 200, approved);
  } catch (thrown) {
    const failure = asFailure(thrown);
    if (failure.code === "internal" || failure.code === "configuration") {
      log.error("renewal-failed", failure);
      return answer(response, 500, "The issuing service cannot do it; its log says why.");
    }
    log.warn("renewal-refused", { code: failure.code, text: failure.message });
    answer(response, 403, failure.message);
  }
}

async function ownContext({ dir, collaborative, clock }: ServiceOrder): Promise<SecureContextOptions> {
  const authority = readIssuingAuthority(dir, collaborative);
  const keys = await makeRsaKeyPair();
  const cert = (await signIssuingService(authority, clock, keys.publicKey)) + authority.certificatePem;
  return { cert, key: privatePem(keys), ca: trustOf(dir), minVersion: "TLSv1.3" };
}

async function renew(
  request: IncomingMessage,
  order: ServiceOrder,
  allowance: (id: string) => void,
): Promise<{ approved: string; id: string }> {
  if (request.method !== "POST" || request.url !== "/renew")
    throw new Failure("not-served", "Only POST /renew is served.");
  const shown = (request.socket as TLSSocket).getPeerX509Certificate();
  const enrolment = readEnrolment(await bodyOf(request));
  const members = await readMembers(order);
  const { dir, collaborative, clock } = order;
  const known = (id: string): KnownNode | undefined => {
    allowance(id); // who it is has been proved by then
    return members.get(id);
  };
  return approveRenewal(dir, { collaborative, shown, enrolment, clock, known });
}

async function readMembers({ dir, manifestPath, clock }: ServiceOrder): Promise<ReadonlyMap<string, KnownNode>> {
  const publicPem = readPublicPem(authorityFiles(dir).manifestPublic);
  const manifest = await verifyManifest(readManifest(manifestPath), publicPem);
  if (manifestState(clock.wallMs() - Date.parse(manifest.issuedAt)) === "stale") {
    throw new Failure("directory-stale", "The issuing service's manifest is over 14 days old: nobody is renewed.");
  }
  return new Map(
    manifest.members.map(({ id, collaborative, assertionKey, status }) => [
      id,
      { collaborative, assertionKey, mayRenew: status === "live" || status === "joining" },
    ]),
  );
}

function readManifest(path: string): string {
  try {
    if (statSync(path).size <= MANIFEST_BYTES_MAX) return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new Failure("configuration", `The manifest ${path} cannot be read.`, { where: path, cause });
  }
  throw new Failure("configuration", `The manifest ${path} is too large.`, { where: path });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("latin1")) {
    text += String(chunk);
    if (text.length > BODY_BYTES_MAX) throw new Failure("invalid-input", `A request may hold ${BODY_BYTES_MAX} bytes.`);
  }
  return text;
}

/** So many an hour of one id: whoever has stolen a key is not to fill the authority's folder. */
function makeAllowance(clock: Clock): (id: string) => void {
  const times = new Map<string, readonly number[]>();
  return (id) => {
    const nowMs = clock.monotonicMs();
    const recent = (times.get(id) ?? []).filter((atMs) => nowMs - atMs < HOUR_MS);
    if (recent.length >= RENEWALS_PER_HOUR_MAX)
      throw new Failure("overloaded", "Too many renewals of this node in an hour.");
    times.set(id, [...recent, nowMs]);
  };
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": status === 200 ? "application/x-pem-file" : "text/plain" });
  response.end(text);
}

function parseListen(text: string): { host: string; port: number } {
  const [, host = "", port = ""] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host !== "" && Number(port) <= 65_535) return { host, port: Number(port) };
  throw new Failure("invalid-input", "--listen takes HOST:PORT.", { where: "listen" });
}

async function listenOn(server: Server, { host, port }: ServiceOrder["listen"]): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  } catch (cause) {
    throw new Failure("configuration", `Cannot listen on ${host}:${port}.`, { where: "listen", cause });
  }
}
