import type { OrganisationCode } from "../base/words.ts";
import { type ApplicationOrder, type ApplicationParts, openApplication } from "../platform/application.ts";
import type { Nrl } from "./nrl.ts";
import { makeNrlClient } from "./nrl-client.ts";

/** How the locator is asked. */
export interface NrlOrder {
  readonly url: URL;
  readonly organisation: OrganisationCode;
  readonly contactUrl: URL;
}

/**
 * The locator as a node's settings have it, asked by the application that asks the demographics service. Nothing is asked yet.
 *
 * @throws {Failure} `configuration`: a file cannot be read, others may read it, or it is not what it should be.
 */
export function openNrl(order: NrlOrder, application: ApplicationOrder, parts: ApplicationParts): Nrl {
  const { url: baseUrl, contactUrl } = order;
  return makeNrlClient({ ...openApplication(application, order, parts), baseUrl, contactUrl });
}
