/** As much of a structured record as can be read by a person: its own words, else what is coded in it. */

/** Resources of one record that are shown; a summary of a whole life has fewer. */
const RESOURCES_MAX = 500;
const SECTION_DEPTH_MAX = 8;

type Json = Readonly<Record<string, unknown>>;

/**
 * A FHIR resource as HTML that is still to be cleaned: the narratives of a document's sections, of its resources where
 * it has none, and where there is no narrative at all, what each resource is about.
 *
 * @returns `undefined` where it is no FHIR resource.
 */
export function fhirText(text: string): string | undefined {
  const resource = parse(text);
  if (resource === undefined) return undefined;
  const resources = resourcesOf(resource);
  const composition = resources.find((each) => each["resourceType"] === "Composition");
  const sections = composition === undefined ? "" : sectionsOf(composition, 0);
  if (sections !== "") return `${heading(composition?.["title"])}${sections}`;
  const narratives = resources.map(narrativeOf).join("");
  if (narratives !== "") return narratives;
  return `<p>This record has no text of its own. What is coded in it:</p><ul>${resources.map(codedLine).join("")}</ul>`;
}

function parse(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && typeof value["resourceType"] === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function resourcesOf(resource: Json): readonly Json[] {
  if (resource["resourceType"] !== "Bundle") return [resource];
  const entries = listOf(resource["entry"]).slice(0, RESOURCES_MAX);
  return entries.flatMap((entry) => (isObject(entry["resource"]) ? [entry["resource"]] : []));
}

function sectionsOf(owner: Json, depth: number): string {
  if (depth > SECTION_DEPTH_MAX) return "";
  return listOf(owner["section"])
    .map((section) => {
      const inside = `${narrativeOf(section)}${sectionsOf(section, depth + 1)}`;
      return inside === "" ? "" : `${heading(section["title"])}${inside}`;
    })
    .join("");
}

function narrativeOf(owner: Json): string {
  const text = owner["text"];
  return isObject(text) && typeof text["div"] === "string" ? text["div"] : "";
}

function codedLine(resource: Json): string {
  const { resourceType, code, criticality, status } = resource;
  const words = [resourceType, conceptText(code), criticality, status].filter((word) => typeof word === "string");
  return `<li>${escaped(words.join(": "))}</li>`;
}

function conceptText(concept: unknown): string | undefined {
  if (!isObject(concept)) return undefined;
  const [coding] = listOf(concept["coding"]);
  const said = concept["text"] ?? coding?.["display"];
  return typeof said === "string" ? said : undefined;
}

function heading(title: unknown): string {
  return typeof title === "string" ? `<h2>${escaped(title)}</h2>` : "";
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** It is cleaned afterwards; until then what was text stays text. */
function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
