import type { FoundResource } from "./found.ts";
import { codeAmong, organisationCodeOf } from "./describe.ts";
import { isJson, type Reference, reject, type Rejected } from "./elements.ts";
import { keyOf } from "./patient.ts";

/** Most patients of whom one Bundle is read: all that refers to them has to be found again. */
export const BUNDLE_PATIENTS_MAX = 100_000;

/** Most other resources of one Bundle that are kept in mind: organisations, and those of legally protected kinds. */
const OTHERS_MAX = 100_000;

/** A patient, as a provider's own id names them. */
export interface PatientKey {
  readonly provider: string;
  readonly localId: string;
}

/** Where a reference stands: it may be relative to the server, or point into its own resource. */
export interface Place {
  /** The server, with a slash at the end, from which references are meant; or empty. */
  readonly home: string;
  readonly contained: unknown;
}

/** The resources of one Bundle to which others refer. */
export interface Directory {
  readonly add: (found: FoundResource) => void;
  /** The patient that is meant; why not, where none is. */
  readonly patientOf: (reference: Reference, place: Place) => PatientKey | Rejected;
  /** The code of the organisation that sent it: the one that is meant, else the one that speaks; or empty. */
  readonly senderOf: (reference: Reference | undefined, place: Place) => string;
  /** The code of the organisation that is meant, or empty. */
  readonly organisationOf: (reference: Reference | undefined, place: Place) => string;
  /** True where one of the references is to a resource of a legally protected kind. */
  readonly touchesProtected: (references: readonly string[], place: Place) => boolean;
}

const NOT_A_PATIENT = reject("subject", "does not refer to a patient");
const UNKNOWN = reject("subject", "refers to a patient who is not in this Bundle, nor at the same server");
const AMBIGUOUS = reject("subject", "may mean more than one patient of this Bundle");
const NOT_KEPT = reject("subject", "its patient was not kept");
export const NO_PROVIDER = reject("provider", "nothing says whose it is: name the provider that speaks");

/** @param speaker the organisation that speaks, where a resource does not name it; empty where nobody said. */
export function makeDirectory(speaker: string): Directory {
  const patients = new Map<string, PatientKey | Rejected>();
  const organisations = new Map<string, string>();
  const protectedOnes = new Set<string>();
  let count = 0;

  function add(found: FoundResource): void {
    const { described } = found;
    if (described.type === "Patient") {
      if (count++ < BUNDLE_PATIENTS_MAX) addPatient(found);
      return;
    }
    if (described.kind === "organisation" && organisations.size < OTHERS_MAX) {
      for (const name of namesOf(found)) organisations.set(name, described.code);
    }
    if (described.isProtected && protectedOnes.size < OTHERS_MAX) {
      for (const name of namesOf(found)) protectedOnes.add(name);
    }
  }

  function addPatient(found: FoundResource): void {
    const { described, home } = found;
    if (described.kind !== "patient") {
      for (const name of namesOf(found)) patients.set(name, NOT_KEPT);
      return;
    }
    const { organisation, contained, localId, identifiers } = described;
    const key = { provider: senderOf(organisation, { home, contained }), localId };
    for (const name of [...namesOf(found), ...identifiers]) {
      const other = patients.get(name);
      const same = other === undefined || "rejected" in other || isSame(other, key);
      patients.set(name, same ? key : AMBIGUOUS);
    }
  }

  function senderOf(reference: Reference | undefined, place: Place): string {
    return organisationOf(reference, place) || speaker;
  }

  function organisationOf(reference: Reference | undefined, place: Place): string {
    if (reference === undefined) return "";
    const said = codeAmong(reference.identifier === undefined ? [] : [reference.identifier]);
    if (said !== "" || reference.reference === undefined) return said;
    const inside = containedAt(reference.reference, place.contained);
    if (inside !== undefined) return organisationCodeOf(inside);
    return organisations.get(addressOf(reference.reference, place)) ?? organisations.get(reference.reference) ?? "";
  }

  function patientOf({ reference, identifier }: Reference, place: Place): PatientKey | Rejected {
    if (reference === undefined) return byIdentifiers(identifier === undefined ? [] : [keyOf(identifier)]);
    const inside = containedAt(reference, place.contained);
    if (inside !== undefined) return byIdentifiers(identifierKeys(inside));
    const conditional = /^Patient\?identifier=([^&]+)$/.exec(reference)?.[1];
    if (conditional !== undefined) return byIdentifiers([unescaped(conditional)]);
    const found = patients.get(addressOf(reference, place)) ?? patients.get(reference);
    if (found !== undefined) return found;
    return reference.startsWith("urn:") ? UNKNOWN : atSameServer(reference, place, speaker);
  }

  function byIdentifiers(some: readonly string[]): PatientKey | Rejected {
    const found = some.flatMap((each) => patients.get(each) ?? []);
    const [first = UNKNOWN, ...others] = found;
    if ("rejected" in first) return first;
    return others.every((other) => !("rejected" in other) && isSame(first, other)) ? first : AMBIGUOUS;
  }

  return {
    ...{ add, patientOf, senderOf, organisationOf },
    touchesProtected: (references, place) =>
      protectedOnes.size > 0 &&
      references.some((each) => protectedOnes.has(each) || protectedOnes.has(addressOf(each, place))),
  };
}

function isSame(one: PatientKey, other: PatientKey): boolean {
  return one.provider === other.provider && one.localId === other.localId;
}

/** A patient who is not in the Bundle: the id is the source's own where the address is its own server's. */
function atSameServer(reference: string, { home }: Place, speaker: string): PatientKey | Rejected {
  const [, server = "", localId = ""] =
    /^(https?:\/\/.*\/)?Patient\/([^/?#]+)(?:\/_history\/[^/]+)?$/.exec(reference) ?? [];
  if (localId === "") return NOT_A_PATIENT;
  if (server !== "" && server !== home) return UNKNOWN;
  return speaker === "" ? NO_PROVIDER : { provider: speaker, localId };
}

/** The full address that a reference means, of whichever version. */
function addressOf(reference: string, { home }: Place): string {
  const plain = reference.replace(/\/_history\/[^/]+$/, "");
  return /^[a-z]+:/i.test(plain) ? plain : `${home}${plain}`;
}

/** By what else than its identifiers a resource may be referred to. */
function namesOf({ described: { type, id }, address, fullUrl, home }: FoundResource): readonly string[] {
  const names = new Set([address, fullUrl]);
  if (id !== "" && home === "") names.add(`${type}/${id}`);
  names.delete("");
  return [...names];
}

/** The contained resource that `#id` means. */
function containedAt(reference: string, contained: unknown): unknown {
  if (!reference.startsWith("#") || !Array.isArray(contained)) return undefined;
  return contained.find((each) => isJson(each) && each["id"] === reference.slice(1));
}

function identifierKeys(resource: unknown): readonly string[] {
  const some = isJson(resource) && Array.isArray(resource["identifier"]) ? (resource["identifier"] as unknown[]) : [];
  return some.flatMap((each) =>
    isJson(each) && typeof each["system"] === "string" && typeof each["value"] === "string" ? [keyOf(each)] : [],
  );
}

function unescaped(words: string): string {
  try {
    return decodeURIComponent(words);
  } catch {
    return words;
  }
}
