import type { Manifest } from "../../topology/manifest.ts";

/**
 * True where the manifest lets these two members share filters: both their Caldicott Guardians have signed. A member whose
 * Guardian has not takes part in the network like any other, asks everybody, and is asked by everybody. (A manifest that
 * routes by filters without a DPIA, or without two such signatures, is no manifest: `topology/manifest.ts`.)
 */
export function sharePresence({ routing, presence }: Manifest, one: string, other: string): boolean {
  if (routing !== "presence-filter" || presence === undefined) return false;
  return [one, other].every((id) => presence.signOffs.some(({ member }) => member === id));
}
