import type { OrganisationCode } from "../base/words.ts";
import { type ApplicationOrder, type ApplicationParts, openApplication } from "../platform/application.ts";
import type { Pds } from "./pds.ts";
import { makePdsClient } from "./pds-client.ts";

/** How the service is asked, and with which files. */
export interface PdsOrder extends ApplicationOrder {
  readonly url: URL;
  readonly organisation: OrganisationCode;
}

/**
 * The demographics service as a node's settings have it. Nothing is asked yet.
 *
 * @throws {Failure} `configuration`: a file cannot be read, others may read it, or it is not what it should be.
 */
export function openPds(order: PdsOrder, parts: ApplicationParts): Pds {
  return makePdsClient({ ...openApplication(order, order, parts), baseUrl: order.url });
}
