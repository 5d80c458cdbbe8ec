import type { FeedLine } from "../feed-file.ts";
import { MODIFIERS } from "./contents.ts";
import { MODIFIED } from "./describe.ts";
import { isJson, type Json, meta, reject, type Rejected } from "./elements.ts";
import type { Entry } from "./entries.ts";
import { entriesOf } from "./entries.ts";
import { type Found, makeFind } from "./found.ts";
import { type Around, itemOf, type NewestEntry, noteNewest } from "./items-of.ts";
import { makeRecent } from "./recent.ts";
import { type Directory, makeDirectory } from "./references.ts";

/** What may be said of a FHIR file beside it. */
export interface Sender {
  /** The organisation that speaks, where a resource does not name it. */
  readonly provider?: string;
  /** The https address of its FHIR server, for resources that come without an address of their own. */
  readonly base?: string;
}

/** Lists of which it is remembered that they have their pointer; of one that was forgotten it is made again, the same. */
const RECENT_LISTS_MAX = 100_000;

/** Makes identities, pointers and objections of FHIR R4 resources. */
export interface FhirReader {
  /** Reads one object of a line: a resource that came alone, or a Bundle. */
  readonly readObject: (entry: Extract<Entry, { readonly resource: Json }>) => readonly FeedLine[];
  /** For a Bundle of any length: each entry is to be learnt before the first is read. */
  readonly streamBundle: () => StreamedBundle;
}

export interface StreamedBundle {
  readonly learn: (entry: Entry) => void;
  /** Tells that a part of it cannot be read. */
  readonly miss: () => void;
  /** @param type the Bundle's type. */
  readonly read: (entry: Entry, type: unknown) => readonly FeedLine[];
}

/** @param today `YYYY-MM-DD`. */
export function makeFhirReader(today: string, { provider = "", base = "" }: Sender = {}): FhirReader {
  const find = makeFind(today, base);
  const alone: Around = {
    directory: makeDirectory(provider),
    // What refers to a patient who comes alone says no more than an id, and is the speaker's.
    ...{ only: provider, isDocument: false, holdsProtected: false },
    isNew: makeRecent(RECENT_LISTS_MAX),
  };

  /** What refers later to a patient who was not taken is not the speaker's patient of the same id. */
  function readAlone(entry: Entry): readonly FeedLine[] {
    const found = find(entry);
    const lines = toLines(found, alone);
    const [first] = lines;
    if ("described" in found && found.described.kind === "patient" && first !== undefined && "rejected" in first) {
      alone.directory.add({ ...found, described: { ...found.described, kind: "none", rejected: first.rejected } });
    }
    return lines;
  }

  function readBundle(line: number, bundle: Json): readonly FeedLine[] {
    const directory = makeDirectory(provider);
    const all = entriesOf(line, bundle).map(find);
    const holdsProtected = all.map((found) => learn(found, directory)).includes(true);
    const newest = new Map<string, NewestEntry>();
    for (const found of all) if ("described" in found) noteNewest(found, directory, newest);
    const isDocument = bundle["type"] === "document";
    const around = { directory, only: "", isDocument, holdsProtected, newest, isNew: makeRecent(all.length + 1) };
    return all.flatMap((found) => toLines(found, around));
  }

  return {
    readObject(entry) {
      const { resource, line, source } = entry;
      if (resource["resourceType"] !== "Bundle") return readAlone(entry);
      const refused = refusalOf(resource);
      return refused === undefined ? readBundle(line, resource) : [{ line, source, ...refused }];
    },
    streamBundle() {
      const directory = makeDirectory(provider);
      const isNew = makeRecent(RECENT_LISTS_MAX);
      let holdsProtected = false;
      return {
        learn(entry) {
          holdsProtected = learn(find(entry), directory) || holdsProtected;
        },
        miss() {
          holdsProtected = true;
        },
        read: (entry, type) =>
          toLines(find(entry), { directory, only: "", holdsProtected, isNew, isDocument: type === "document" }),
      };
    },
  };
}

/** A history has old states after new ones: the last word would not be the latest. */
const HISTORY = reject("Bundle.type", "a history: send the records as they are today");

/** Why none of a Bundle can be read, whatever its entries. */
export function refusalOf(bundle: Json): Rejected | undefined {
  if (bundle["type"] === "history") return HISTORY;
  if (MODIFIERS.some((name) => Object.hasOwn(bundle, name))) return MODIFIED;
  return Object.hasOwn(bundle, "meta") && !isOpen(bundle["meta"]) ? LABELLED : undefined;
}

/** A label on the whole is meant for each entry, and whether it restricts or protects them is not for a node to guess. */
const LABELLED = reject(
  "Bundle.meta",
  "has a security label, or cannot be read: label each resource, and send it without",
);

/** Labels that keep nothing back: unrestricted to normal confidentiality, and that elements were left out. */
const OPEN_LABELS: ReadonlySet<string> = new Set(["U", "L", "M", "N", "SUBSETTED"]);

function isOpen(said: unknown): boolean {
  const about = meta.safeParse(said);
  return about.success && (about.data.security ?? []).every(({ code }) => OPEN_LABELS.has(code ?? ""));
}

/** @returns true where it is of a legally protected kind, or may be: what cannot be read may hold anything. */
function learn(found: Found, directory: Directory): boolean {
  if (!("described" in found)) return true;
  directory.add(found);
  const { described } = found;
  return described.isProtected && described.kind !== "patient";
}

function toLines(found: Found, around: Around): readonly FeedLine[] {
  const { line, entry, source } = found;
  const where = { line, source, ...(entry !== undefined && { entry }) };
  if (!("described" in found)) return [{ ...where, rejected: found.rejected }];
  const made = itemOf(found, around);
  return made === undefined ? [] : [{ ...where, ...made }];
}

/** True for what FHIR's JSON looks like. */
export const isFhir = (value: unknown): value is Json => isJson(value) && typeof value["resourceType"] === "string";
