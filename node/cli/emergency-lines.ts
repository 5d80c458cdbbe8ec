/** One use of emergency access, as the node tells a privacy officer. Milliseconds since the epoch; 0 = not. */
export interface QueuedCase {
  readonly caseId: string;
  readonly side: string;
  readonly asker: string;
  readonly userId: string;
  readonly role: string;
  readonly organisation: string;
  readonly reasonCode: string;
  readonly credentials: string;
  readonly openedAtMs: bigint;
  readonly expiresAtMs: bigint;
  readonly endedAtMs: bigint;
  readonly alertedAtMs: bigint;
  readonly dueOn: string;
  readonly overdue: boolean;
  readonly outcome: string;
  readonly reviewedBy: string;
  readonly reviewedAtMs: bigint;
  readonly note: string;
}

export interface ShownCase {
  readonly of: QueuedCase | undefined;
  readonly requestIds: readonly string[];
  readonly letters: readonly {
    readonly kind: string;
    readonly direction: string;
    readonly otherNode: string;
    readonly userId: string;
    readonly text: string;
    readonly atMs: bigint;
    readonly sentAtMs: bigint;
  }[];
}

/** The queue, a line each. */
export function caseLines(cases: readonly QueuedCase[]): string[] {
  if (cases.length === 0) return ["Nothing to review."];
  return cases.map((each) => {
    const where = each.side === "asker" ? "given here" : `records of ours shown to ${each.asker}`;
    const state = each.outcome === "" ? `review by ${each.dueOn}${each.overdue ? ", OVERDUE" : ""}` : each.outcome;
    return `${each.caseId}  ${timeOf(each.openedAtMs)}  ${each.role} of ${each.organisation}  ${where}  ${state}`;
  });
}

/** One case in full. */
export function shownLines({ of, requestIds, letters }: ShownCase): string[] {
  if (of === undefined) return ["Nothing to show."];
  return [
    ...caseLines([of]),
    `  user ${of.userId} at ${of.asker}`,
    ...(of.side === "asker" ? [`  reason ${of.reasonCode}; ${CREDENTIALS[of.credentials] ?? of.credentials}`] : []),
    ...(of.endedAtMs > 0n ? [`  ended by hand ${timeOf(of.endedAtMs)}`] : []),
    `  alert: ${of.alertedAtMs > 0n ? timeOf(of.alertedAtMs) : "not taken yet"}`,
    ...requestIds.map((id) => `  question ${id}`),
    ...letters.map(({ kind, direction, otherNode, userId, text, atMs, sentAtMs }) => {
      const way = direction === "sent" ? `to ${otherNode}${sentAtMs > 0n ? "" : " (on its way)"}` : `from ${otherNode}`;
      return `  ${kind} ${way}, ${userId}, ${timeOf(atMs)}: ${text}`;
    }),
    ...(of.outcome === "" ? [] : [`  ${of.outcome}, ${of.reviewedBy}, ${timeOf(of.reviewedAtMs)}: ${of.note}`]),
  ];
}

const CREDENTIALS: Readonly<Record<string, string>> = {
  "re-checked": "credentials re-checked",
  "not-re-checked": "credentials not re-checked",
};

function timeOf(ms: bigint): string {
  return new Date(Number(ms)).toISOString().slice(0, 16).replace("T", " ");
}
