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
  /** Where it lies at its server; empty where nothing says so. */
  readonly address: string;
  /** As its Bundle calls it, which may be no address. */
  readonly fullUrl: string;
}

/**
 * @param today `YYYY-MM-DD`.
 * @param base the address of the server, for resources that come without an address of their own; or empty.
 */
export function makeFind(today: string, base: string): (entry: Entry) => Found {
  const server = base === "" || base.endsWith("/") ? base : `${base}/`;
  return (entry) => {
    if (!("resource" in entry)) return entry;
    const { resource, fullUrl, ...where } = entry;
    const described = describe(resource, today);
    const own = /^https?:\/\//.test(fullUrl) ? fullUrl : "";
    const known = server !== "" && described.id !== "" ? `${server}${described.type}/${described.id}` : "";
    // From what is not https nothing is fetched; from the server's own address, where somebody said it, it is.
    return { ...where, described, fullUrl, address: own.startsWith("https:") || known === "" ? own : known };
  };
}
