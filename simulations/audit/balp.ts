import assert from "node:assert/strict";

/** As far as IHE.BasicAudit.PatientQuery (BALP 1.1.4) and this catalogue demand. */
export interface AuditEvent {
  readonly resourceType: string;
  readonly meta: { readonly profile: readonly string[] };
  readonly type: { readonly code: string };
  readonly subtype: readonly { readonly code: string }[];
  readonly action: string;
  readonly recorded: string;
  readonly outcome: string;
  readonly purposeOfEvent: readonly { readonly coding: readonly { readonly code: string }[] }[];
  readonly agent: readonly {
    readonly type: { readonly coding: readonly { readonly code: string }[] };
    readonly who: { readonly identifier: { readonly value: string } };
    readonly requestor: boolean;
  }[];
  readonly source: { readonly observer: { readonly identifier: { readonly value: string } } };
  readonly entity: readonly {
    readonly type: { readonly code: string };
    readonly role?: { readonly code: string };
    readonly what?: { readonly identifier: { readonly system?: string; readonly value: string } };
  }[];
}

/** @param purposes that this run asks for. */
export function assertBalp(event: AuditEvent, purposes: readonly string[]): void {
  assert.equal(event.resourceType, "AuditEvent");
  assert.deepEqual(event.meta.profile, [
    "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientQuery",
  ]);
  assert.deepEqual([event.type.code, event.subtype[0]?.code, event.action], ["rest", "search", "E"]);
  assert.ok(!Number.isNaN(Date.parse(event.recorded)) && ["0", "4", "8", "12"].includes(event.outcome));
  assert.ok(purposes.includes(event.purposeOfEvent[0]?.coding[0]?.code ?? ""));
  const types = event.agent.map(({ type }) => type.coding[0]?.code);
  assert.deepEqual(types, ["110153", "110152", "IRCP"]);
  assert.deepEqual(
    event.agent.map(({ requestor }) => requestor),
    [false, false, true],
  );
  assert.ok(event.agent.every(({ who }) => who.identifier.value !== ""));
  const patient = event.entity.find(({ role }) => role?.code === "1");
  assert.match(patient?.what?.identifier.system ?? "", /nhs-number$|patient-token$/);
  assert.ok(event.entity.some(({ role }) => role?.code === "24"));
  const request = event.entity.find(({ type }) => type.code === "XrequestId");
  assert.match(request?.what?.identifier.value ?? "", /^[0-9a-f-]{36}$/);
}
