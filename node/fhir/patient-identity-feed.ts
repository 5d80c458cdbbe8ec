import { check } from "../base/check.ts";
import { Concealed } from "../base/concealed.ts";
import type { IdentityRecord } from "../mpi/identity-record.ts";
import type { FeedChange, FeedMessage, FeedRefused, FeedTaken } from "../requests/feed-message.ts";
import type { BodyReader, Json } from "./body.ts";
import { type Answer, outcome, Refusal } from "./outcome.ts";
import { localIdOf, replacementIn } from "./patient-elements.ts";
import type { Caller, Route, RouteRequest } from "./routes.ts";

/** IHE PIXm 3.0.4, transaction ITI-104: https://profiles.ihe.net/ITI/PIXm/ITI-104.html */
const PROFILE = "https://profiles.ihe.net/ITI/PIXm/StructureDefinition/IHE.PIXm.Patient";

/** One local id of one provider. */
export interface LocalPatient {
  readonly provider: string;
  readonly localId: string;
}

/** A Patient as this node's feeds read it; or the element at fault and why, without any of its values. */
export type ReadPatient =
  | { readonly values: Concealed<IdentityRecord> }
  | { readonly rejected: { readonly field: string; readonly reason: string } };

export interface PatientFeedNeeds {
  /** The provider whose own patient identifiers have this system; `undefined` where it is nobody's here. */
  readonly providerOf: (system: string) => string | undefined;
  /** Reads a Patient by the rules of every FHIR feed of this node. */
  readonly readPatient: (resource: Json, local: LocalPatient, organisations: readonly string[]) => ReadPatient;
  /** Takes one message, whole or not at all; durable when it resolves. */
  readonly takeMessage: (message: FeedMessage) => Promise<FeedTaken>;
}

/** The routes of the Patient Identity Feed. */
export function patientIdentityFeed(bodies: BodyReader, needs: PatientFeedNeeds): readonly Route[] {
  return [
    {
      ...{ method: "PUT", path: "/Patient", who: "feeder" },
      says: { resource: "Patient", profile: PROFILE, conditionalUpdate: true, search: "identifier" },
      handle: (call) => putPatient(call, bodies, needs),
    },
    {
      ...{ method: "DELETE", path: "/Patient", who: "feeder" },
      // In these words: the profile has them.
      handle: () => Promise.reject(new Refusal(400, "not-supported", "Remove Patient is not supported")),
    },
  ];
}

/** Adds or revises a patient, resolves a duplicate, or takes that back. */
async function putPatient(call: RouteRequest, bodies: BodyReader, needs: PatientFeedNeeds): Promise<Answer> {
  const { request, caller } = call;
  const { system, localId } = conditionOf(request.url);
  const provider = providerFor(system, caller, needs);
  const ifVersion = versionIn(request.headers);
  return bodies.withBody(request, async (resource) => {
    if (resource["resourceType"] !== "Patient") {
      throw new Refusal(422, "invalid", "Only a Patient is taken here.", { element: "resourceType" });
    }
    if (!localIdOf(resource, system).includes(localId)) {
      const text = "The Patient has no identifier of the system and the value that the request asks for.";
      throw new Refusal(422, "invalid", text, { element: "Patient.identifier" });
    }
    const { replacedBy, alone, standsAlone } = replacementIn(resource, system);
    const read = needs.readPatient(alone, { provider, localId }, caller.rights.organisations);
    if ("rejected" in read) throw rejection(read.rejected);
    const changes: FeedChange[] = [{ kind: "update", localId, fields: read.values.expose(), ifVersion }];
    if (replacedBy !== undefined) changes.push({ kind: "merge", losing: localId, winning: replacedBy });
    else if (standsAlone) changes.push({ kind: "unmerge", losing: localId });
    const taken = await needs.takeMessage({
      ...{ feed: `fhir ${caller.name}`, provider, changes: new Concealed(changes) },
      messageId: call.isNamed ? call.requestId : undefined,
    });
    return answerOf(taken);
  });
}

/**
 * `identifier=system|value` of a conditional update.
 *
 * @throws {Refusal} 400: there is none, more than one, or something besides.
 */
function conditionOf(url: string): { readonly system: string; readonly localId: string } {
  const query = new URL(url).searchParams;
  query.delete("_format");
  const [identifier = "", ...more] = query.getAll("identifier");
  const bar = identifier.indexOf("|");
  const isOne = more.length === 0 && query.size === 1 && bar > 0 && bar < identifier.length - 1;
  if (isOne) return { system: identifier.slice(0, bar), localId: identifier.slice(bar + 1) };
  const text = "Write PUT Patient?identifier=system|value, with nothing else in the query.";
  throw new Refusal(400, "invalid", text, { element: "Patient.identifier" });
}

/** Whose system it is, and that the caller may speak for them. One answer for both, so that nobody learns who is here. */
function providerFor(system: string, { rights }: Caller, { providerOf }: PatientFeedNeeds): string {
  const provider = providerOf(system);
  if (provider !== undefined && rights.organisations.includes(provider)) return provider;
  const text =
    "This identifier system is not that of an organisation for which this caller may speak and which feeds this node: " +
    "see fhirIdentifierSystem in the node's topology, and the organisations in the caller's certificate.";
  throw new Refusal(403, "forbidden", text, { element: "Patient.identifier.system" });
}

/** The version that the sender asks for (`If-Match: W/"3"`); `If-None-Match: *` asks for none. */
function versionIn(headers: Headers): number | undefined {
  const match = headers.get("if-match");
  const noneMatch = headers.get("if-none-match");
  if (match === null && noneMatch === null) return undefined;
  if (match === null && noneMatch === "*") return 0;
  const [, version] = /^(?:W\/)?"([1-9]\d{0,9})"$/.exec(match ?? "") ?? [];
  if (version !== undefined && noneMatch === null) return Number(version);
  throw new Refusal(
    400,
    "invalid",
    'Write If-Match: W/"3" with the version you know, or If-None-Match: *, or neither.',
  );
}

/** The elements in which the fields of an identity record come. */
const ELEMENT_OF: Readonly<Record<string, string>> = {
  local_id: "Patient.identifier",
  nhs_number: "Patient.identifier",
  nhs_number_status: "Patient.identifier.extension",
  given_name: "Patient.name.given",
  middle_name: "Patient.name.given",
  family_name: "Patient.name.family",
  birth_date: "Patient.birthDate",
  gender: "Patient.gender",
  address_line1: "Patient.address.line",
  address_line2: "Patient.address.line",
  locality: "Patient.address.city",
  postcode: "Patient.address.postalCode",
  phone: "Patient.telecom",
  recorded_on: "Patient.meta.lastUpdated",
};

function rejection({ field, reason }: { readonly field: string; readonly reason: string }): Refusal {
  if (field === "provider") return new Refusal(403, "forbidden", `The organisation: ${reason}.`);
  const element = ELEMENT_OF[field] ?? (field.startsWith("Patient") ? field : "Patient");
  return new Refusal(422, "invalid", `${element}: ${reason}.`, { element });
}

/** What is said of each refusal: status, code, words, element. */
const REFUSAL_OF: Partial<Record<FeedRefused, readonly [Refusal["status"], Refusal["code"], string]>> = {
  "winning-unknown": [422, "not-found", "The patient who replaces this one is not known here: send that one first."],
  "onto-itself": [422, "business-rule", "A patient cannot be replaced by itself."],
  cycle: [
    422,
    "business-rule",
    "The patient who replaces this one was itself replaced by this one: unmerge that first.",
  ],
  "merged-elsewhere": [422, "business-rule", "This patient was replaced by another one before: unmerge that first."],
  "refused-by-manual-decision": [409, "business-rule", "A reviewer has decided otherwise: ask the node's reviewers."],
  "version-differs": [412, "conflict", "Another version is held than the one asked for: nothing was changed."],
  older: [409, "conflict", "A later record of this patient is held: nothing was changed."],
  "message-id-reused": [422, "conflict", "This X-Request-ID was another message's: give each message its own."],
};

const ABOUT_LINK: ReadonlySet<FeedRefused> = new Set([
  "winning-unknown",
  "onto-itself",
  "cycle",
  "merged-elsewhere",
  "refused-by-manual-decision",
]);

function answerOf(taken: FeedTaken): Answer {
  if (taken.kind === "refused") {
    const said = REFUSAL_OF[taken.why];
    check(said !== undefined, "nothing else is refused of what this door sends");
    const [status, code, text] = said;
    throw new Refusal(status, code, text, ABOUT_LINK.has(taken.why) ? { element: "Patient.link" } : {});
  }
  const said = taken.waitsForReview
    ? ({ severity: "warning", diagnostics: "Kept. The merge waits for a reviewer of this node." } as const)
    : ({ severity: "information", diagnostics: "Kept." } as const);
  const headers = { etag: `W/"${taken.version}"` };
  return { status: taken.isNew ? 201 : 200, headers, body: outcome({ ...said, code: "informational" }) };
}
