import type { Context, Hono } from "hono";

import { Failure } from "../base/failure.ts";
import type { Contexts } from "./contexts.ts";
import { cookieOf, endCookie, giveCookie } from "./cookies.ts";
import type { Secrets } from "./secrets.ts";
import { type Smart, SMART_CALLBACK, type SmartLaunch } from "./smart.ts";

/** As long as a sign-in may take. */
export const LAUNCH_LIVES_MS = 5 * 60_000;

export interface SmartRoutesNeeds {
  readonly smart: Smart;
  /** Launches under way, each in the browser in which it was begun: nobody else's ends in it. */
  readonly launches: Secrets<SmartLaunch>;
  readonly contexts: Contexts;
}

/** The two addresses of a SMART launch: where the EPR opens the page, and where it sends the browser back. */
export function addSmartRoutes(app: Hono, { smart, launches, contexts }: SmartRoutesNeeds): void {
  app.get("/smart/launch", async (call) => {
    const { to, remembered } = await smart.begin(call.req.query("iss") ?? "", call.req.query("launch") ?? "");
    giveCookie(call, "corridor-launch", launches.keep(remembered));
    return call.redirect(to.href, 302);
  });
  app.get(SMART_CALLBACK, async (call) => {
    const remembered = launches.take(cookieOf(call, "corridor-launch"));
    endCookie(call, "corridor-launch");
    if (remembered === undefined) throw notBegunHere();
    giveCookie(call, "corridor", contexts.begin(await smart.finish(remembered, queryOf(call))));
    return call.redirect("/records", 303);
  });
}

function queryOf({ req }: Context): string {
  return new URL(req.url).search;
}

function notBegunHere(): Failure {
  return new Failure(
    "not-authenticated",
    "This sign-in was not begun in this browser, or long ago: open the page again from your own system.",
  );
}
