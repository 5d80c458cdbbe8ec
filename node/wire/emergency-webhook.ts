import type { EmergencyCase } from "../audit/emergency-store.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";

const WITHIN_MS = 10_000;

/**
 * Tells an address of the organisation's own that there is a case to review: by ids alone, neither user nor patient. Taken
 * means answered with a status from 200 to 299; nothing of the answer is read.
 *
 * @throws {Failure} `unreachable`: not taken.
 */
export async function alertByWebhook(url: URL, node: string, of: EmergencyCase, clock: Clock): Promise<void> {
  const late = new AbortController();
  const timer = clock.after(WITHIN_MS, () => late.abort());
  const { caseId, side, openedAtMs, dueOn } = of;
  const openedAt = new Date(openedAtMs).toISOString();
  const body = JSON.stringify({ event: "emergency-access", node, caseId, side, openedAt, reviewBy: dueOn });
  const headers = { "content-type": "application/json" };
  try {
    const { ok, status } = await fetch(url, { method: "POST", redirect: "error", headers, body, signal: late.signal });
    if (!ok) throw new Failure("unreachable", `The address of the alert answered with status ${status}: see to it.`);
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    throw new Failure("unreachable", "The address of the alert did not answer: see to emergency.webhook.", {
      cause: thrown,
    });
  } finally {
    timer.cancel();
  }
}
