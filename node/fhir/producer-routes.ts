import { Concealed } from "../base/concealed.ts";
import type { Random } from "../base/random.ts";
import type { FeedItem, Rejection } from "../requests/load-batch.ts";
import type { PointerToProduce, Produced, ProduceRefused } from "../requests/produce-pointer.ts";
import type { BodyReader, Json } from "./body.ts";
import { UK_CORE_DOCUMENT } from "./document-reference.ts";
import { type Answer, outcome, Refusal } from "./outcome.ts";
import type { PatientFeedNeeds } from "./patient-identity-feed.ts";
import { readProducerDocument } from "./producer-document.ts";
import type { Caller, Route, RouteRequest } from "./routes.ts";

/** How the organisation is named for whom the caller speaks. */
const ORGANISATION_HEADER = "nhsd-end-user-organisation-ods";

/** The provider's own id of a record, and whose it is. */
export interface LocalRecord {
  readonly provider: string;
  readonly recordId: string;
}

export interface ProducerNeeds extends Pick<PatientFeedNeeds, "providerOf"> {
  readonly random: Random;
  /** Reads a DocumentReference by the rules of every FHIR feed of this node; or what is at fault and why, without values. */
  readonly readPointer: (
    resource: Json,
    local: LocalRecord,
    organisations: readonly string[],
  ) => Extract<FeedItem, { kind: "pointer" }> | { readonly rejected: Rejection };
  /** Durable when it resolves; the next question finds it. */
  readonly produce: (order: PointerToProduce) => Promise<Produced>;
  /** Durable when it resolves; false where there was none. */
  readonly withdraw: (record: LocalRecord) => Promise<boolean>;
}

/** The routes by which a provider's own system publishes where a record is, replaces that, and takes it back: NRL's producer. */
export function producerRoutes(bodies: BodyReader, needs: ProducerNeeds): readonly Route[] {
  const says = { resource: "DocumentReference", profile: UK_CORE_DOCUMENT, search: [] } as const;
  return [
    {
      ...{ method: "POST", path: "/DocumentReference", who: "feeder" },
      says: { ...says, interaction: "create" },
      handle: (call) => bodies.withBody(call.request, (resource) => create(call, resource, needs)),
    },
    {
      ...{ method: "DELETE", path: "/DocumentReference/:id", who: "feeder" },
      says: { ...says, interaction: "delete" },
      handle: (call) => remove(call, needs),
    },
  ];
}

/** Random bytes of an id that this door gives; as many hexadecimal digits again. */
const ID_BYTES = 10;

async function create(call: RouteRequest, resource: Json, needs: ProducerNeeds): Promise<Answer> {
  const { caller } = call;
  const provider = organisationOf(call);
  const { custodian, patient, replaces } = readProducerDocument(resource);
  if (custodian !== provider) {
    const element = "DocumentReference.custodian.identifier.value";
    const text = "The custodian is not the organisation for which this request speaks.";
    throw new Refusal(400, "invalid", text, { element, spineCode: "BAD_REQUEST" });
  }
  checkPatientSystem(patient, provider, needs);
  const id = `${provider}-${Buffer.from(needs.random.bytes(ID_BYTES)).toString("hex")}`;
  const local = { provider, recordId: recordIdOf(id) };
  const item = needs.readPointer(resource, local, caller.rights.organisations);
  if ("rejected" in item) throw rejection(item.rejected);
  const { localId: _unused, ...pointer } = item.values.expose();
  const produced = await needs.produce({
    ...{ feed: `fhir ${caller.name}`, messageId: call.isNamed ? call.requestId : undefined },
    ...{ patient: new Concealed(patient), pointer: new Concealed(pointer) },
    replaces: replaces.map((target) => ownRecordId(target, provider, TARGET)),
  });
  if (produced.kind === "refused") throw refusal(produced.why);
  const given = produced.recordId.slice(RECORD_PREFIX.length);
  const isSuperseding = replaces.length > 0;
  return {
    status: 201,
    headers: { location: `DocumentReference/${given}` },
    body: succeeded(isSuperseding ? "RESOURCE_SUPERSEDED" : "RESOURCE_CREATED", given),
  };
}

async function remove(call: RouteRequest, needs: ProducerNeeds): Promise<Answer> {
  const provider = organisationOf(call);
  const recordId = ownRecordId(call.id, provider);
  if (await needs.withdraw({ provider, recordId }))
    return { status: 200, body: succeeded("RESOURCE_REMOVED", call.id) };
  const text = "There is no pointer under this id: it was taken back or replaced, or never was.";
  throw new Refusal(404, "not-found", text, { spineCode: "NO_RECORD_FOUND" });
}

/** Pointers of this door are told from those of files, whose ids are their sources' own. */
const RECORD_PREFIX = "nrl/";

function recordIdOf(id: string): string {
  return `${RECORD_PREFIX}${id}`;
}

/** An id of this door begins with its organisation's code: that alone says whose it is. */
function ownRecordId(id: string, provider: string, element?: string): string {
  if (id.startsWith(`${provider}-`) && /^[0-9a-f]{20}$/.test(id.slice(provider.length + 1))) return recordIdOf(id);
  const text = "This is no pointer of the organisation for which this request speaks.";
  if (element !== undefined) throw new Refusal(400, "invalid", text, { element, spineCode: "BAD_REQUEST" });
  throw new Refusal(403, "forbidden", text, { spineCode: "AUTHOR_CREDENTIALS_ERROR" });
}

/** For whom the request speaks: NRL's header, within the caller's own rights. */
function organisationOf({ request, caller }: { readonly request: Request; readonly caller: Caller }): string {
  const code = request.headers.get(ORGANISATION_HEADER);
  if (code === null || code === "") {
    const text = "Send NHSD-End-User-Organisation-ODS: the code of the organisation whose records these are.";
    throw new Refusal(400, "invalid", text, { spineCode: "MISSING_OR_INVALID_HEADER" });
  }
  if (caller.rights.organisations.includes(code)) return code;
  const text = "NHSD-End-User-Organisation-ODS is not an organisation that this caller's certificate names.";
  throw new Refusal(403, "forbidden", text, { spineCode: "ACCESS_DENIED" });
}

/** One answer for a system that is nobody's and one that is another's, so that nobody learns who is here. */
function checkPatientSystem(
  { by, system }: ReturnType<typeof readProducerDocument>["patient"],
  provider: string,
  { providerOf }: ProducerNeeds,
): void {
  if (by === "number" || providerOf(system) === provider) return;
  const element = "DocumentReference.subject.identifier.system";
  const text =
    "Name the patient by NHS number, or in the identifier system of the custodian's own feed into this node.";
  throw new Refusal(400, "invalid", text, { element, spineCode: "INVALID_IDENTIFIER_SYSTEM" });
}

/** Elements in which the fields of a pointer come. */
const ELEMENT_OF: Readonly<Record<string, string>> = {
  record_type: "DocumentReference.type",
  recorded_on: "DocumentReference.date",
  fetch: "DocumentReference.content.attachment.url",
  format: "DocumentReference.content.attachment.contentType",
};

function rejection({ field, reason }: Rejection): Refusal {
  if (field === "provider") {
    return new Refusal(403, "forbidden", `The organisation: ${reason}.`, { spineCode: "ACCESS_DENIED" });
  }
  const element = ELEMENT_OF[field] ?? (field.startsWith("DocumentReference") ? field : "DocumentReference");
  const isFeedsType = field === "record_type" && reason.startsWith("not among");
  if (isFeedsType) {
    return new Refusal(403, "forbidden", `${element}: ${reason}.`, { element, spineCode: "AUTHOR_CREDENTIALS_ERROR" });
  }
  return new Refusal(422, "business-rule", `${element}: ${reason}.`, { element, spineCode: "UNPROCESSABLE_ENTITY" });
}

const TARGET = "DocumentReference.relatesTo.target";
const SUBJECT = "DocumentReference.subject.identifier";

const REFUSAL_OF: Readonly<Record<ProduceRefused, readonly [element: string | undefined, text: string]>> = {
  "patient-unknown": [SUBJECT, "The custodian has sent no such patient to this node: send the Patient first."],
  "patient-ambiguous": [
    SUBJECT,
    "The custodian has several patients of this number: name the patient in its own identifier system.",
  ],
  "target-unknown": [TARGET, "There is no such pointer to replace."],
  "target-of-another-patient": [TARGET, "It is another patient's: a pointer replaces one of the same patient."],
  "target-of-another-type": [TARGET, "It is of another type: a pointer replaces one of the same type."],
  "too-many": [undefined, "This patient has more pointers than can be kept: check what is sent."],
  "message-id-reused": [undefined, "This X-Request-ID was another message's: give each message its own."],
};

function refusal(why: ProduceRefused): Refusal {
  const [element, text] = REFUSAL_OF[why];
  const where = element === undefined ? {} : { element };
  if (why === "message-id-reused") return new Refusal(409, "conflict", text);
  if (element === TARGET) return new Refusal(400, "invalid", text, { ...where, spineCode: "BAD_REQUEST" });
  return new Refusal(422, "business-rule", text, { ...where, spineCode: "UNPROCESSABLE_ENTITY" });
}

const SUCCESS_CODES = "https://fhir.nhs.uk/CodeSystem/NRLF-SuccessCode";

function succeeded(code: "RESOURCE_CREATED" | "RESOURCE_SUPERSEDED" | "RESOURCE_REMOVED", id: string): object {
  const words = {
    RESOURCE_CREATED: "The pointer is kept",
    RESOURCE_SUPERSEDED: "The pointer is kept, and what it replaces is gone",
    RESOURCE_REMOVED: "The pointer is gone",
  }[code];
  return outcome({
    ...{ severity: "information", code: "informational", diagnostics: `${words}: ${id}.` },
    coding: { system: SUCCESS_CODES, code },
  });
}
