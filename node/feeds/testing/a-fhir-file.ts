import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ReadLine } from "../read-feed-file.ts";
import { readFeedFile } from "../read-feed-file.ts";
import type { Sender } from "../fhir/reader.ts";

export const TODAY = "2026-11-22";
export const SNOMED = "http://snomed.info/sct";
export const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
export const ODS = "https://fhir.nhs.uk/Id/ods-organization-code";
export const BASE = "https://fhir.rrk.example/r4";

export type Resource = Record<string, unknown>;

/** Reads a file of this text or bytes, of this name. */
export async function readText(text: string | Uint8Array, sender: Sender = {}, name = "feed"): Promise<ReadLine[]> {
  const folder = mkdtempSync(join(tmpdir(), "corridor-fhir-"));
  try {
    const path = join(folder, name);
    writeFileSync(path, text);
    const all: ReadLine[] = [];
    for await (const line of readFeedFile(path, { today: TODAY, sender })) all.push(line);
    return all;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Reads resources that come alone, one a line. */
export const readAlone = (resources: readonly Resource[], sender: Sender = RRK): Promise<ReadLine[]> =>
  readText(`${resources.map((each) => JSON.stringify(each)).join("\n")}\n`, sender);

/** Reads a Bundle of these resources, each under its address at {@link BASE}, as one line. */
export const readBundle = (resources: readonly Resource[], type = "collection"): Promise<ReadLine[]> =>
  readText(JSON.stringify(bundleOf(resources, type)));

export function bundleOf(resources: readonly Resource[], type = "collection"): Resource {
  const entry = resources.map((resource) => ({
    fullUrl: `${BASE}/${word(resource["resourceType"])}/${word(resource["id"])}`,
    resource,
  }));
  return { resourceType: "Bundle", type, entry };
}

/** Whatever stands there, as a part of an address: a mutated resource may have anything for its type. */
function word(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? "");
}

/** Who speaks where nobody says so, and from where. */
export const RRK: Sender = { provider: "RRK", base: BASE };

export function aPatient(more: Resource = {}): Resource {
  return {
    ...{ resourceType: "Patient", id: "P1", gender: "female", birthDate: "1980-05-17" },
    name: [{ use: "official", family: "Khan", given: ["Aisha"] }],
    managingOrganization: { identifier: { system: ODS, value: "RRK" } },
    ...more,
  };
}

/** A resource of this kind about {@link aPatient}. */
export function about(resourceType: string, more: Resource = {}): Resource {
  return { resourceType, id: `${resourceType}-1`, subject: { reference: "Patient/P1" }, ...more };
}

export const coded = (code: string, system = SNOMED): Resource => ({ coding: [{ system, code }] });

/** The values of an item that was taken, without its kind. */
export function valuesOf(line: ReadLine | undefined): Record<string, unknown> {
  assert.ok(line !== undefined && "values" in line.parsed, JSON.stringify(line));
  return { ...line.parsed.values.expose() };
}

export interface Brief {
  readonly taken: readonly string[];
  readonly rejected: readonly string[];
}

/** Kinds and record types of what was taken; field and reason of what was not. */
export function brief(lines: readonly ReadLine[]): Brief {
  const taken: string[] = [];
  const rejected: string[] = [];
  for (const { parsed } of lines) {
    if ("rejected" in parsed) rejected.push(`${parsed.rejected.field}: ${parsed.rejected.reason}`);
    else if (parsed.kind === "pointer") taken.push(parsed.values.expose().recordType);
    else taken.push(parsed.kind);
  }
  return { taken, rejected };
}
