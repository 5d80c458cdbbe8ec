import type { Database } from "better-sqlite3";

/**
 * The audit as FHIR R4 AuditEvents, in the form of IHE BALP (Basic Audit Log Patterns 1.1.4, PatientQuery and Query): one for
 * each question, answer, search and refusal, for an organisation's own audit repository.
 */

const BALP = "https://profiles.ihe.net/ITI/BALP";
const ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const DICOM = "http://dicom.nema.org/resources/ontology/DCM";
const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
const ODS = "https://fhir.nhs.uk/Id/ods-organization-code";
const JOB_ROLE = "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName";

/** The columns of `audit_log` of which an AuditEvent is made. */
export const EVENT_COLUMNS =
  "seq, at_ms, kind, request_id, asker, holder, user_id, role, organisation, purpose, patient, outcome";

export interface EventRow {
  readonly seq: number;
  readonly at_ms: number;
  readonly kind: string;
  readonly request_id: string;
  readonly asker: string;
  readonly holder: string | null;
  readonly user_id: string | null;
  readonly role: string | null;
  readonly organisation: string | null;
  readonly purpose: string | null;
  readonly patient: string | null;
  readonly outcome: string;
}

/** Kinds of entries that are events for others: outcomes and reviews are the node's own affair. */
export const EVENT_KINDS = ["question", "emergency", "answer", "search", "refused", "restricted"];

const SLICE = 1_000;

/** @yields one AuditEvent after the other, oldest first. */
export function* auditEvents(
  db: Database,
  ownId: string,
  domain: string,
): Generator<Readonly<Record<string, unknown>>> {
  const kinds = EVENT_KINDS.map((kind) => `'${kind}'`).join(", ");
  const rows = db.prepare<[number], EventRow>(
    `SELECT ${EVENT_COLUMNS} FROM audit_log WHERE seq > ? AND kind IN (${kinds}) ORDER BY seq LIMIT ${SLICE}`,
  );
  for (let after = 0; ;) {
    const some = rows.all(after);
    for (const row of some) yield toAuditEvent(row, ownId, domain);
    after = some.at(-1)?.seq ?? 0;
    if (some.length < SLICE) return;
  }
}

/** One entry as an AuditEvent. */
export function toAuditEvent(row: EventRow, ownId: string, domain: string): Readonly<Record<string, unknown>> {
  const isRefused = row.kind === "refused" || row.kind === "restricted";
  const node = (id: string) => ({ identifier: { system: `https://${domain}/node`, value: id }, display: id });
  return {
    resourceType: "AuditEvent",
    id: `${ownId}-${row.seq}`,
    ...(row.kind === "emergency" ? EMERGENCY : queryEvent(row)),
    action: "E",
    recorded: new Date(row.at_ms).toISOString(),
    outcome: isRefused ? "4" : "0",
    outcomeDesc: row.outcome,
    ...(row.purpose !== null && { purposeOfEvent: [{ coding: [{ system: ACT_REASON, code: row.purpose }] }] }),
    agent: [
      { type: coded(DICOM, "110153", "Source Role ID"), who: node(row.asker), requestor: false },
      { type: coded(DICOM, "110152", "Destination Role ID"), who: node(row.holder ?? ownId), requestor: false },
      ...(row.user_id === null ? [] : [userAgent(row, row.user_id)]),
    ],
    source: { observer: node(ownId) },
    entity: [
      ...(row.patient === null ? [] : [patientEntity(row.patient)]),
      ...(row.kind === "emergency" ? [] : [queryEntity(row)]),
      {
        type: { system: `${BALP}/CodeSystem/BasicAuditEntityType`, code: "XrequestId" },
        what: { identifier: { value: row.request_id } },
      },
    ],
  };
}

/** Access given is no query, and BALP has no pattern for it: DICOM's codes say what it is. */
const EMERGENCY = {
  type: { system: DICOM, code: "110113", display: "Security Alert" },
  subtype: [{ system: DICOM, code: "110127", display: "Emergency Override Started" }],
};

function queryEvent({ patient }: EventRow) {
  return {
    meta: { profile: [`${BALP}/StructureDefinition/IHE.BasicAudit.${patient === null ? "Query" : "PatientQuery"}`] },
    type: { system: "http://terminology.hl7.org/CodeSystem/audit-event-type", code: "rest" },
    subtype: [{ system: "http://hl7.org/fhir/restful-interaction", code: "search" }],
  };
}

/** What was asked is whose records there are; the patient is an entity of its own. */
function queryEntity({ kind }: EventRow) {
  return {
    type: { system: "http://terminology.hl7.org/CodeSystem/audit-entity-type", code: "2", display: "System Object" },
    role: { system: "http://terminology.hl7.org/CodeSystem/object-role", code: "24", display: "Query" },
    query: Buffer.from(kind === "search" ? "Search" : "Locate").toString("base64"),
  };
}

function userAgent({ role, organisation }: EventRow, userId: string) {
  return {
    type: coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP", "information recipient"),
    ...(role !== null && { role: [{ coding: [{ system: JOB_ROLE, code: role.split(":").at(-1) }] }] }),
    who: {
      identifier: {
        value: userId,
        ...(organisation !== null && { assigner: { identifier: { system: ODS, value: organisation } } }),
      },
    },
    requestor: true,
  };
}

/** A keyed token stands for somebody whom the node does not know. */
function patientEntity(patient: string) {
  const system = patient.startsWith("t:") ? "urn:corridor:patient-token" : NHS_NUMBER;
  return {
    type: { system: "http://terminology.hl7.org/CodeSystem/audit-entity-type", code: "1", display: "Person" },
    role: { system: "http://terminology.hl7.org/CodeSystem/object-role", code: "1", display: "Patient" },
    what: { identifier: { system, value: patient } },
  };
}

function coded(system: string, code: string, display: string) {
  return { coding: [{ system, code, display }] };
}
