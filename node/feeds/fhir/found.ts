import type { Concealed } from "../../base/concealed.ts";
import type { Rejection } from "../../requests/load-batch.ts";
import { describe, type Described } from "./describe.ts";
import type { Entry } from "./entries.ts";

/** A resource with what it says of itself and the address where it lies; or why there is none. */
export type Found = {
  readonly line: number;
  readonly entry?: number;
  readonly source: Concealed<string>;
} & (FoundResource | { readonly rejected: Rejection });

export interface FoundResource {
  readonly described: Described;
  /** Where it lies; empty where nothing says so. */
  readonly address: string;
  /** The server, with a slash at the end, from which what it refers to is meant; or empty. */
  readonly home: string;
  /** The https server, with a slash at the end, from which its like are fetched; or empty. */
  readonly server: string;
  /** As its Bundle calls it, which may be no address. */
  readonly fullUrl: string;
}

/**
 * @param today `YYYY-MM-DD`.
 * @param base the address of the server, for resources that come without an address of their own; or empty.
 */
export function makeFind(today: string, base: string): (entry: Entry) => Found {
  const named = base === "" || base.endsWith("/") ? base : `${base}/`;
  return (entry) => {
    if (!("resource" in entry)) return entry;
    const { resource, fullUrl, ...where } = entry;
    const described = describe(resource, today);
    const own = /^https?:\/\//.test(fullUrl) ? fullUrl : "";
    const home = serverOf(own);
    if (own.startsWith("https:") || named === "") {
      return { ...where, described, fullUrl, address: own, home, server: home };
    }
    // From what is not https nothing is fetched; from the server that somebody named, it is.
    const address = described.id === "" ? "" : `${named}${described.type}/${described.id}`;
    return { ...where, described, fullUrl, address, home: home || named, server: named };
  };
}

/** `https://host/fhir/` of `https://host/fhir/Patient/1`; empty where the address is of another form. */
export function serverOf(address: string): string {
  return /^(https?:\/\/.*\/)[A-Z][A-Za-z]+\/[^/]+$/.exec(address)?.[1] ?? "";
}
