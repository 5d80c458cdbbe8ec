import { getRequestListener } from "@hono/node-server";

import { makePages, type PagesNeeds } from "./pages.ts";
import { type PagesServer, type PagesServerOrder, startPagesServer } from "./pages-server.ts";

export type PagesOrder = PagesNeeds & Pick<PagesServerOrder, "listen" | "files">;

/** Opens the node's pages for browsers. @throws {Failure} `configuration`: as {@link startPagesServer}. */
export async function startPages({ listen, files, ...needs }: PagesOrder): Promise<PagesServer> {
  const listener = getRequestListener(makePages(needs).fetch, {
    overrideGlobalObjects: false,
    errorHandler: () => new Response("This is not a request that can be read.", { status: 400 }),
  });
  const handle: PagesServerOrder["handle"] = (request, response) => void listener(request, response);
  return startPagesServer({ listen, files, clock: needs.clock, log: needs.log, handle });
}
