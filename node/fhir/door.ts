import type { IncomingMessage } from "node:http";

import { getRequestListener } from "@hono/node-server";

import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { Log } from "../telemetry/log.ts";
import { type AuthorisedPeer, chainOf, identifyPeer, type PeerIdentity } from "../trust/peer-identity.ts";
import { makeApp } from "./app.ts";
import { auditRoutes, type AuditRoutesNeeds } from "./audit-routes.ts";
import { makeBodyReader } from "./body.ts";
import { contextLinkRoutes, type ContextLinkNeeds } from "./context-link.ts";
import { consentFeed, type ConsentFeedNeeds } from "./consent-feed.ts";
import { type HttpsFiles, type HttpsServer, startHttpsServer } from "./https-server.ts";
import { answerTo, Refusal } from "./outcome.ts";
import { patientIdentityFeed, type PatientFeedNeeds } from "./patient-identity-feed.ts";
import { patientSearchRoutes, type PatientSearchNeeds } from "./patient-search.ts";
import { pdsEventFeed, type PdsEventNeeds } from "./pds-event-feed.ts";
import { producerRoutes, type ProducerNeeds } from "./producer-routes.ts";
import { recordRoutes, type RecordRoutesNeeds } from "./record-routes.ts";
import { summaryRoutes } from "./summary-routes.ts";

export interface FhirDoorOrder {
  /** The network's: certificates of any other domain are nobody's. */
  readonly domain: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: HttpsFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Whether a peer may ask at this moment; asked for every request. Throws the failure to give. */
  readonly authorise: (identity: PeerIdentity) => AuthorisedPeer;
  readonly patients: PatientFeedNeeds;
  readonly consents: Omit<ConsentFeedNeeds, "providerOf">;
  readonly pointers: Omit<ProducerNeeds, "providerOf" | "random">;
  /** Absent where the service cannot be asked what changed: then its events are not taken either. */
  readonly pdsEvents?: PdsEventNeeds;
  /** Absent where no application's tokens are believed: then nobody finds or opens records here. */
  readonly records?: RecordRoutesNeeds & PatientSearchNeeds & AuditRoutesNeeds & ContextLinkNeeds;
}

/**
 * Opens the node's HTTPS door: FHIR R4 over TLS 1.3, for applications of this node only.
 *
 * @throws {Failure} `configuration`: the certificate and its key are not a pair, or the address cannot be listened on.
 */
export async function startFhirDoor(order: FhirDoorOrder): Promise<Pick<HttpsServer, "port" | "renew" | "close">> {
  const { clock, random, log } = order;
  const bodies = makeBodyReader();
  const routes = [
    ...patientIdentityFeed(bodies, order.patients),
    ...consentFeed(bodies, { ...order.patients, ...order.consents }),
    ...producerRoutes(bodies, { ...order.patients, ...order.pointers, random }),
    ...(order.pdsEvents === undefined ? [] : pdsEventFeed(bodies, order.pdsEvents)),
    ...(order.records === undefined
      ? []
      : [
          ...recordRoutes(order.records),
          ...patientSearchRoutes(bodies, order.records),
          ...summaryRoutes(bodies, order.records),
          ...contextLinkRoutes(bodies, order.records),
          ...auditRoutes(order.records),
        ]),
  ];
  const authorise = (request: IncomingMessage): AuthorisedPeer => order.authorise(server.peerOf(request));
  const app = makeApp(routes, { clock, random, log, authorise });
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false, errorHandler: unreadable });
  const server = await startHttpsServer({
    ...{ listen: order.listen, files: order.tls, clock, log },
    identify: (socket) => identifyPeer(chainOf(socket), order.domain),
    handle: (request, response) => void listener(request, response),
  });
  return server;
}

/** What is not even a request: a target that is no path, a method that nobody knows. */
function unreadable(): Response {
  const { status, body } = answerTo(new Refusal(400, "structure", "This is not a request that can be read."));
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/fhir+json" } });
}
