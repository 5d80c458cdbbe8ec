import { Failure } from "../../base/failure.ts";
import type { Hl7Feed } from "../../config/hl7-feed.ts";

/**
 * Every feed must be of a provider that feeds this node, in whatever state.
 *
 * @throws {Failure} `configuration`
 */
export function checkProviders(feeds: readonly Hl7Feed[], providers: ReadonlySet<string>): void {
  const at = feeds.findIndex(({ provider }) => !providers.has(provider));
  if (at === -1) return;
  const text = `The provider of hl7.feeds[${at}] (${feeds[at]?.provider}) has no feed into this node: add one to the topology, or correct the code.`;
  throw new Failure("configuration", text, { where: `hl7.feeds[${at}].provider` });
}
