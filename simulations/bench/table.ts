import type { Result } from "./bench-row.ts";

/** One result as soon as it is there, with everything that belongs to it. */
export function printResult(result: Result): void {
  console.log(`  ${result.name}: ${amount(result.value)} ${result.unit}${held(result)}`);
  for (const [what, figure] of Object.entries(result.beside ?? {})) console.log(`    ${what}: ${amount(figure)}`);
  if (result.note !== undefined) console.log(`    ${result.note}`);
}

function held({ baseline, ratio, spread }: Result): string {
  const against = baseline === null || ratio === null ? "" : `, baseline ${amount(baseline)}, ratio ${amount(ratio)}`;
  return spread === undefined ? against : `${against}, spread ${spread.map(amount).join(" to ")}`;
}

export function printTable(results: readonly Result[]): void {
  const rows = results.map(({ name, value, unit, baseline, ratio, bar, met }) => [
    ...[name, amount(value), unit, amount(baseline), amount(ratio), bar],
    met ? "met" : "NOT MET",
  ]);
  const lines = [["what", "value", "unit", "baseline", "ratio", "bar", ""], ...rows];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  console.log();
  for (const line of lines)
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join("  ")
        .trimEnd(),
    );
}

function amount(value: number | null): string {
  if (value === null) return "-";
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}
