import { join } from "node:path";

import { type Manifest, manifestState } from "../../topology/manifest.ts";
import { readQuarantined } from "../access/quarantine.ts";
import type { Clock } from "../base/clock.ts";
import type { Settings } from "../config/settings.ts";
import type { GreetPeer } from "../requests/peers.ts";
import { makeClockWatch } from "../trust/clock-watch.ts";
import type { Finding } from "./doctor.ts";

/** Greets other members in the node's own name. */
export type GreetAs = (settings: Settings, manifest: Manifest) => GreetPeer;

/** Whom the node does not answer: nothing to hear of once and forget. */
export function checkQuarantine({ dataDir }: Settings, clock: Clock): Finding | string {
  const held = readQuarantined(join(dataDir, "quarantine.json")).filter(
    ({ untilMs }) => untilMs === undefined || untilMs > clock.wallMs(),
  );
  if (held.length === 0) return "every member is answered";
  const names = held.map(({ peer, by, reason }) => `${peer} (by ${by}: ${reason})`).join("; ");
  const text = `not answered: ${names}; 'corridor peer release ID' answers one again`;
  return { what: "quarantine", state: "warning", text };
}

/** The wall clock, against those of the members that can be reached. */
export async function checkClock(
  settings: Settings,
  manifest: Manifest,
  clock: Clock,
  greetAs: GreetAs,
): Promise<Finding | string> {
  const watch = makeClockWatch({ clock, onChange: () => {} });
  try {
    const isStale = manifestState(clock.wallMs() - Date.parse(manifest.issuedAt)) === "stale";
    const peers = isStale ? [] : manifest.members.filter(({ id, status }) => id !== settings.id && status === "live");
    const greet = greetAs(settings, manifest);
    await Promise.all(
      peers.map(async (peer) => {
        const greeting = await greet(peer).catch(() => undefined); // that it cannot be reached is said of the peer
        if (greeting !== undefined) watch.note(peer.id, greeting.wallMs);
      }),
    );
    const { state, text } = watch.judge();
    const said = `${new Date(clock.wallMs()).toISOString()}. ${text}`;
    return state === "outside" ? { what: "clock", state: "fault", text: said } : said;
  } finally {
    watch.close();
  }
}
