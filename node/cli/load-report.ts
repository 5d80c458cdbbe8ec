import type { ReasonCount } from "./client.ts";

/** What a finished load has to tell; as `--json` prints it, so names and meanings are stable. */
export interface LoadReport {
  /** Items of the whole load, what was loaded before it was taken up again included. */
  readonly read: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Of the accepted and of earlier loads: what waits for the identity record of its patient, and is not shown until then. */
  readonly waiting: number;
  /** Why lines were not kept, most frequent first; the reasons hold no values. */
  readonly reasons: readonly ReasonCount[];
  /** Of this command. */
  readonly seconds: number;
  /** Items a second, of this command. */
  readonly rate: number;
  /** Where an earlier load was gone on with; null where this one began at the beginning. */
  readonly resumedAt: { readonly file: string; readonly line: number; readonly read: number } | null;
  /** Null where everything was kept. */
  readonly rejectsPath: string | null;
}

export function printReport(report: LoadReport, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(report));
    return;
  }
  const { read, accepted, rejected, waiting, seconds, rate, reasons, rejectsPath } = report;
  console.log(`${accepted} of ${read} lines are durable (${seconds.toFixed(1)} s, ${rate} a second).`);
  if (waiting > 0) {
    console.log(`${waiting} wait for an identity record of their patient: shown once it comes, dropped after 30 days.`);
  }
  if (rejected === 0) return;
  console.log(`${rejected} were not kept; each with its reason in ${rejectsPath}:`);
  for (const { field, reason, count } of reasons) {
    console.log(`  ${String(count).padStart(7)}  ${field === "" ? "" : `${field}: `}${reason}`);
  }
}
