import { differencesOfAuthorities, stepOfBelief } from "../../certs/authorities.ts";
import type { Manifest } from "../../topology/manifest.ts";
import { differencesOf, needsApprovalSince } from "../../topology/manifest-differences.ts";

/** What a step does for which one person's signature is not enough, in words that follow "it"; `undefined` where it is. */
export function whyApprovalIsNeeded(before: Manifest, after: Manifest): string | undefined {
  return needsApprovalSince(before, after) ?? stepOfBelief(before.authorities ?? [], after.authorities ?? []);
}

/** What a newer manifest changes, in words, its authorities among it. */
export function everyDifference(before: Manifest, after: Manifest): string[] {
  return [
    ...differencesOf(before, after),
    ...differencesOfAuthorities(before.authorities ?? [], after.authorities ?? []),
  ];
}
