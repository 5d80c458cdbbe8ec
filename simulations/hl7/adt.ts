/** An ADT message of a patient, as a hospital's system writes it. */
export interface AdtOrder {
  readonly event: string;
  readonly localId: string;
  readonly provider: string;
  readonly controlId: string;
  /** When it was, milliseconds since the epoch; sent in UTC with its offset. */
  readonly atMs?: number;
  readonly nhsNumber?: string;
  readonly familyName?: string;
  readonly givenName?: string;
  /** `YYYY-MM-DD` */
  readonly birthDate?: string;
  readonly gender?: string;
  /** PV1-19; without it there is no PV1. */
  readonly visit?: string;
  /** PV1-2 */
  readonly visitClass?: string;
  /** MRG-1, or the second PID of A24 and A37. */
  readonly otherId?: string;
}

let lastMs = 0;

/** @returns segments joined by carriage returns, without a frame. */
export function adt(order: AdtOrder): string {
  const { event, provider, controlId, localId } = order;
  // No two at one moment: what is said later counts.
  const atMs = order.atMs ?? (lastMs = Math.max(Date.now() - 1_000, lastMs + 1));
  const at = stamp(atMs);
  const lines = [
    `MSH|^~\\&|PAS|${provider}|CORRIDOR|WM|${at}||ADT^${event}|${controlId}|P|2.4|||AL|NE||UNICODE UTF-8`,
    `EVN|${event}|${at}`,
    pidOf(order, localId),
  ];
  if (order.visit !== undefined) lines.push(`PV1|1|${order.visitClass ?? "E"}${"|".repeat(17)}${order.visit}`);
  if (order.otherId !== undefined) {
    const isMerge = event === "A40" || event === "A34";
    lines.push(isMerge ? `MRG|${order.otherId}^^^${provider}^PI` : `PID|2||${order.otherId}^^^${provider}^PI`);
  }
  return lines.join("\r");
}

function pidOf(order: AdtOrder, localId: string): string {
  const { provider, nhsNumber, familyName = "", givenName = "", birthDate = "", gender = "" } = order;
  const numbers = [`${localId}^^^${provider}^PI`, ...(nhsNumber === undefined ? [] : [`${nhsNumber}^^^NHS^NH`])];
  const name = familyName === "" ? "" : `${familyName}^${givenName}^^^^^L`;
  return `PID|1||${numbers.join("~")}||${name}||${birthDate.replaceAll("-", "")}|${gender}`;
}

function stamp(atMs: number): string {
  const [date = "", time = ""] = new Date(atMs).toISOString().split("T");
  return `${date.replaceAll("-", "")}${time.replaceAll(":", "").replace("Z", "")}+0000`;
}
