import { z } from "zod";

import { scan } from "../architecture/scan.ts";

/** Severities in the columns' order of the risk matrix. */
const SEVERITIES = ["minor", "significant", "considerable", "major", "catastrophic"] as const;

/** The DCB0129 risk matrix: likelihood against severity. 4 and 5 are unacceptable, 3 only where no more can be done. */
const MATRIX = {
  "very high": [3, 4, 4, 5, 5],
  high: [2, 3, 3, 4, 5],
  medium: [2, 2, 3, 3, 4],
  low: [1, 2, 2, 3, 4],
  "very low": [1, 1, 2, 2, 3],
} as const;
const LIKELIHOODS = Object.keys(MATRIX) as (keyof typeof MATRIX)[];

const risk = z
  .strictObject({
    severity: z.enum(SEVERITIES),
    likelihood: z.enum(LIKELIHOODS),
    risk: z.number(),
  })
  .refine(
    ({ severity, likelihood, risk: stated }) => MATRIX[likelihood][SEVERITIES.indexOf(severity)] === stated,
    "the risk is not what the matrix says",
  );

const words = z.string().min(10);

const hazard = z.strictObject({
  id: z.string().regex(/^H\d{2}$/),
  hazard: words,
  causes: z.array(words).min(1),
  effect: words,
  initial: risk,
  controls: z.array(z.strictObject({ control: words, file: z.string() })).min(1),
  tests: z.array(z.strictObject({ file: z.string().endsWith(".test.ts"), title: z.string() })).min(1),
  residual: risk,
  remains: words,
});

const hazardLog = z.strictObject({
  standard: z.string(),
  status: z.string(),
  hazards: z.array(hazard).min(1),
});

export type HazardLog = z.infer<typeof hazardLog>;

/** @throws {z.ZodError} naming each field that is missing or wrong. */
export function parseHazardLog(raw: unknown): HazardLog {
  return hazardLog.parse(raw);
}

/** What the log promises and the tree does not keep: one line each. */
export function findHazardFaults(log: HazardLog, textOf: (path: string) => string | undefined): string[] {
  const ids = log.hazards.map(({ id }) => id);
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `${id}: used twice`);
  return [
    ...twice,
    ...log.hazards.flatMap(({ id, controls, tests, initial, residual }) => [
      ...controls
        .filter(({ file }) => textOf(file) === undefined)
        .map(({ file }) => `${id}: the control's file ${file} does not exist`),
      ...tests
        .filter(({ file, title }) => !runsTest(textOf(file), title))
        .map(({ file, title }) => `${id}: no test '${title}' in ${file}`),
      ...(residual.risk > initial.risk ? [`${id}: the controls make it worse`] : []),
      ...(residual.risk > 3 ? [`${id}: a residual risk of ${residual.risk} is unacceptable`] : []),
    ]),
  ];
}

/** True where the text has `it("title"` just so, or a row of the catalogue of that title, a template as it is written, and does not skip it. */
function runsTest(text: string | undefined, title: string): boolean {
  if (text === undefined) return false;
  const { code } = scan(text);
  const begins = code.includes("catalogueRow(") ? /\b(?:it\(|title:)\s*(?=(["'`]))/g : /\bit\(\s*(?=(["'`]))/g;
  return [...code.matchAll(begins)].some((match) => {
    const quote = match[1] ?? "";
    return text.startsWith(`${quote}${title}${quote}`, match.index + match[0].length);
  });
}
