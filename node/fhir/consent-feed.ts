import { z } from "zod";

import type { Rejection, FeedItem } from "../requests/load-batch.ts";
import type { BodyReader, Json } from "./body.ts";
import { type Answer, outcome, Refusal } from "./outcome.ts";
import type { PatientFeedNeeds } from "./patient-identity-feed.ts";
import type { Route, RouteRequest } from "./routes.ts";

/** Whose objection it is, and how its provider calls it. */
export interface LocalObjection {
  readonly provider: string;
  readonly localId: string;
  readonly objectionId: string;
}

export interface ConsentFeedNeeds extends Pick<PatientFeedNeeds, "providerOf"> {
  /** Reads a Consent by the rules of every FHIR feed of this node; or the element at fault and why, without its values. */
  readonly readConsent: (
    resource: Json,
    local: LocalObjection,
    organisations: readonly string[],
  ) => FeedItem | { readonly rejected: Rejection };
  /** Durable when it resolves; it counts from the next question on. */
  readonly takeObjection: (item: FeedItem, from: string) => Promise<void>;
}

const PATIENT = z.object({ identifier: z.object({ system: z.string().min(1), value: z.string().min(1) }) });

/** The route by which a provider's system says what a patient has objected to, and takes it back. */
export function consentFeed(bodies: BodyReader, needs: ConsentFeedNeeds): readonly Route[] {
  return [
    {
      ...{ method: "PUT", path: "/Consent/:id", who: "feeder" },
      handle: (call) => bodies.withBody(call.request, (resource) => putConsent(call, resource, needs)),
    },
  ];
}

async function putConsent({ id, caller }: RouteRequest, resource: Json, needs: ConsentFeedNeeds): Promise<Answer> {
  if (resource["resourceType"] !== "Consent") throw fault("resourceType", "Only a Consent is taken here");
  if (resource["id"] !== id) throw fault("Consent.id", "Not the id in the address");
  const patient = PATIENT.safeParse(resource["patient"]);
  if (!patient.success) throw fault("Consent.patient", "Name the patient by identifier, with its system and value");
  const { system, value } = patient.data.identifier;
  const provider = needs.providerOf(system);
  if (provider === undefined || !caller.rights.organisations.includes(provider)) {
    const text =
      "This identifier system is not that of an organisation for which this caller may speak and which feeds this node.";
    throw new Refusal(403, "forbidden", text, { element: "Consent.patient.identifier.system" });
  }
  const local = { provider, localId: value, objectionId: `Consent/${id}` };
  const item = needs.readConsent(resource, local, caller.rights.organisations);
  if ("rejected" in item) {
    const { field, reason } = item.rejected;
    if (field === "provider") throw new Refusal(403, "forbidden", `The organisation: ${reason}.`);
    throw fault(field.startsWith("Consent") ? field : "Consent", reason);
  }
  await needs.takeObjection(item, caller.name);
  const said = { severity: "information", code: "informational", diagnostics: "Kept." } as const;
  return { status: 200, body: outcome(said) };
}

function fault(element: string, reason: string): Refusal {
  return new Refusal(422, "invalid", `${element}: ${reason}.`, { element });
}
