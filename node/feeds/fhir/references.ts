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
  /** The code of the organisation that sent it: the one that is meant, else the one that speaks; empty if unknown. */
  readonly senderOf: (reference: Reference | undefined, place: Place) => string;
  /** The code of the organisation that is meant; empty where none is, `undefined` where it cannot be known. */
  readonly organisationOf: (reference: Reference | undefined, place: Place) => string | undefined;
  /** True where one of the references is to a resource of a legally protected kind, or may be. */
  readonly touchesProtected: (references: readonly string[], place: Place) => boolean;
}

const NOT_A_PATIENT = reject("subject", "does not refer to a patient");
const UNKNOWN = reject("subject", "refers to a patient who is not in this Bundle, nor at the same server");
const AMBIGUOUS = reject("subject", "may mean more than one patient of this Bundle");
const NOT_KEPT = reject("subject", "its patient was not kept");
const TOO_MANY = reject("subject", "its Bundle has more patients than can be told apart: send it in parts");
export const NO_PROVIDER = reject("provider", "nothing says whose it is: name the provider that speaks");

/** An organisation: its code, or empty; or the names under which the Bundle may hold it. */
type Named = string | readonly string[];

/** A patient of the Bundle. Who sent it may be known only later: its organisation may stand behind it. */
interface Known {
  readonly localId: string;
  readonly sentBy: Named;
}

/**
 * Once it is full, whatever it does not know might be what it did not keep: that is then nobody's, or protected.
 *
 * @param speaker the organisation that speaks, where a resource does not name it; empty where nobody said.
 */
export function makeDirectory(speaker: string): Directory {
  const patients = new Map<string, Known | Rejected>();
  /** Codes by name; `undefined` where it is not one, known organisation. */
  const organisations = new Map<string, string | undefined>();
  const protectedOnes = new Set<string>();
  let patientCount = 0;

  function add(found: FoundResource): void {
    const { described } = found;
    if (described.type === "Patient") addPatient(found);
    if (described.type === "Organization") addOrganisation(found);
    if (described.isProtected && described.type !== "Patient" && protectedOnes.size < OTHERS_MAX) {
      for (const name of namesOf(found)) protectedOnes.add(name);
    }
  }

  function addPatient(found: FoundResource): void {
    const { described, home } = found;
    patientCount++;
    if (described.kind !== "patient") {
      for (const name of namesOf(found)) notePatient(name, NOT_KEPT);
      return;
    }
    const { organisation, contained, localId, identifiers } = described;
    const known = { localId, sentBy: namedBy(organisation, { home, contained }) || speaker };
    for (const name of [...namesOf(found), ...identifiers]) notePatient(name, known);
  }

  /** Whom a name has meant it means; who comes later under it makes it ambiguous, also over the bound. */
  function notePatient(name: string, meant: Known | Rejected): void {
    const held = patients.get(name);
    if (held === undefined && patientCount > BUNDLE_PATIENTS_MAX) return;
    const isClear = held === undefined || held === NOT_KEPT || isSame(held, meant);
    patients.set(name, isClear ? meant : AMBIGUOUS);
  }

  function addOrganisation(found: FoundResource): void {
    const code = found.described.kind === "organisation" ? found.described.code : undefined;
    for (const name of namesOf(found)) {
      if (organisations.has(name)) organisations.set(name, organisations.get(name) === code ? code : undefined);
      else if (organisations.size < OTHERS_MAX) organisations.set(name, code);
    }
  }

  function codeOf(named: Named): string | undefined {
    if (typeof named === "string") return named;
    const name = named.find((each) => organisations.has(each));
    if (name !== undefined) return organisations.get(name);
    return organisations.size < OTHERS_MAX ? "" : undefined;
  }

  function providerOf(named: Named): string {
    const code = codeOf(named);
    return code === "" ? speaker : (code ?? "");
  }

  function keyFor(known: Known | Rejected): PatientKey | Rejected {
    if ("rejected" in known) return known;
    const provider = providerOf(known.sentBy);
    return provider === "" ? NO_PROVIDER : { provider, localId: known.localId };
  }

  function patientOf({ reference, identifier }: Reference, place: Place): PatientKey | Rejected {
    if (reference === undefined) return byIdentifiers(identifier === undefined ? [] : [keyOf(identifier)]);
    const inside = containedAt(reference, place.contained);
    if (inside !== undefined) return byIdentifiers(identifierKeys(inside));
    const conditional = /^Patient\?identifier=([^&]+)$/.exec(reference)?.[1];
    if (conditional !== undefined) return byIdentifiers([unescaped(conditional)]);
    const found = patients.get(addressOf(reference, place)) ?? patients.get(reference);
    if (found !== undefined) return keyFor(found);
    if (patientCount > BUNDLE_PATIENTS_MAX) return TOO_MANY;
    return reference.startsWith("urn:") ? UNKNOWN : atSameServer(reference, place, speaker);
  }

  function byIdentifiers(some: readonly string[]): PatientKey | Rejected {
    const [first, ...others] = some.flatMap((each) => patients.get(each) ?? []);
    if (first === undefined) return patientCount > BUNDLE_PATIENTS_MAX ? TOO_MANY : UNKNOWN;
    return others.every((other) => isSame(first, other)) ? keyFor(first) : AMBIGUOUS;
  }

  return {
    ...{ add, patientOf },
    senderOf: (reference, place) => providerOf(namedBy(reference, place)),
    organisationOf: (reference, place) => codeOf(namedBy(reference, place)),
    touchesProtected: (references, place) =>
      protectedOnes.size >= OTHERS_MAX
        ? references.length > 0
        : references.some((each) => protectedOnes.has(each) || protectedOnes.has(addressOf(each, place))),
  };
}

function isSame(one: Known | Rejected, other: Known | Rejected): boolean {
  if ("rejected" in one || "rejected" in other) return one === other;
  return one.localId === other.localId && String(one.sentBy) === String(other.sentBy);
}

function namedBy(reference: Reference | undefined, place: Place): Named {
  const said = codeAmong(reference?.identifier === undefined ? [] : [reference.identifier]);
  if (said !== "" || reference?.reference === undefined) return said;
  const inside = containedAt(reference.reference, place.contained);
  if (inside !== undefined) return organisationCodeOf(inside);
  return [addressOf(reference.reference, place), reference.reference];
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
