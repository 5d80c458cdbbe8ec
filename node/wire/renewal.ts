import https from "node:https";

import { nodeFilesIn } from "../../certs/layout.ts";
import { readPublicPem } from "../../certs/key-file.ts";
import { issuingServiceDns } from "../../certs/profile.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";
import type { Log } from "../telemetry/log.ts";
import type { OwnCertificate, Validity } from "./own-certificate.ts";

/** How often it is looked whether renewal is due. */
const LOOK_EVERY_MS = 60_000;
/** Renewal begins at half life, and up to this share of it later: nodes that began together do not come together. */
const LATER_SHARE_MAX = 0.05;
/** After a failure it is tried again within this time, and not before half of it. */
const AGAIN_WITHIN_MS = 20 * 60_000;
const WITHIN_MS = 15_000;
const ANSWER_BYTES_MAX = 256 * 1024;

export interface RenewalOrder {
  /** The node's folder of certificates. */
  readonly dir: string;
  readonly ownId: string;
  readonly domain: string;
  /** Whose issuing service is asked. */
  readonly collaborative: string;
  /** Where it listens. */
  readonly at: { readonly host: string; readonly port: number };
  readonly own: OwnCertificate;
  /** True where the authority that issued it is to be left: then it is renewed at once. */
  readonly isTainted: () => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Renews the node's certificate by itself from half of its life on: a new key, made here, and the same identity. Until the
 * new pair is whole the old one stays; a failure is tried again, and is an alarm long before the old one ends
 * ({@link OwnCertificate}).
 *
 * @returns how to stop.
 */
export function renewByItself(order: RenewalOrder): { stop(): void } {
  const { clock, random, log, own, isTainted } = order;
  const laterShare = random.fraction() * LATER_SHARE_MAX;
  let notBeforeMs = -Infinity;
  let isUnderWay = false;
  const round = clock.every(LOOK_EVERY_MS, () => {
    if (isUnderWay || clock.monotonicMs() < notBeforeMs) return;
    if (clock.wallMs() < dueMs(own.validity(), laterShare) && !isTainted()) return;
    isUnderWay = true;
    renewOnce(order)
      .then(() => log.info("certificate-renewed"))
      .catch((thrown: unknown) => {
        notBeforeMs = clock.monotonicMs() + AGAIN_WITHIN_MS * (0.5 + random.fraction() / 2);
        log.warn("certificate-renewal-failed", { text: asFailure(thrown).message });
      })
      .finally(() => {
        isUnderWay = false;
      });
  });
  return { stop: () => round.cancel() };
}

/** From when on a certificate is renewed. */
export function dueMs({ fromMs, toMs }: Validity, laterShare: number): number {
  return fromMs + (toMs - fromMs) * (0.5 + laterShare);
}

/**
 * Asks the issuing service for a certificate of a new key, and puts both in use.
 *
 * @throws {Failure} `unreachable`, `not-permitted`: what the service said; the pair in use stays.
 */
export async function renewOnce(order: RenewalOrder): Promise<void> {
  const { dir, ownId, domain, own, clock } = order;
  // Wanted once in a fortnight: no node holds it in memory meanwhile.
  const { installCertificate, requestCertificate } = await import("../../certs/enrol.ts");
  await requestCertificate(dir, ownId, domain);
  const approved = await post(order, readPublicPem(nodeFilesIn(dir).request));
  installCertificate(dir, { approved, network: undefined, believed: own.current().trust, clock });
  own.look();
}

function post({ at, domain, collaborative, own }: RenewalOrder, text: string): Promise<string> {
  const { certificate, key, trust } = own.current();
  return new Promise((resolve, reject) => {
    const unreachable = (why: string, cause?: unknown): Failure =>
      new Failure("unreachable", `The issuing service at ${at.host}:${at.port} ${why}.`, { cause });
    const request = https.request({
      ...{ host: at.host, port: at.port, method: "POST", path: "/renew", agent: false, timeout: WITHIN_MS },
      ...{ cert: certificate, key, ca: trust, minVersion: "TLSv1.3" },
      servername: issuingServiceDns(domain, collaborative),
      headers: { "content-type": "application/x-pem-file", "content-length": Buffer.byteLength(text) },
    });
    request.once("timeout", () => request.destroy(unreachable("did not answer in time")));
    request.once("error", (error) =>
      reject(error instanceof Failure ? error : unreachable(`could not be reached (${error.message})`, error)),
    );
    request.once("response", (response) => {
      let answer = "";
      response.setEncoding("latin1").on("data", (chunk) => {
        answer += String(chunk);
        if (answer.length > ANSWER_BYTES_MAX) request.destroy(unreachable("said too much"));
      });
      response.once("error", reject);
      response.once("end", () => {
        if (response.statusCode === 200) return resolve(answer);
        const said = answer.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 300);
        reject(new Failure("not-permitted", `The issuing service does not renew the certificate: ${said}`));
      });
    });
    request.end(text);
  });
}
