import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

/** Of such a name (`__Host-…`) a browser takes a cookie only from this host, over TLS, for all its paths; no script sees it. */
type CookieName = "corridor" | "corridor-launch";

/** Sent when another site leads here, as the EPR does; not with what another site's page does in the background. */
export function giveCookie(call: Context, name: CookieName, secret: string): void {
  setCookie(call, name, secret, { prefix: "host", path: "/", secure: true, httpOnly: true, sameSite: "Lax" });
}

/** Empty where there is none. */
export function cookieOf(call: Context, name: CookieName): string {
  return getCookie(call, name, "host") ?? "";
}

export function endCookie(call: Context, name: CookieName): void {
  deleteCookie(call, name, { prefix: "host", path: "/", secure: true });
}
