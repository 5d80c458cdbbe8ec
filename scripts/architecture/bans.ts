import { lineAt } from "./imports.ts";
import { isTest } from "./ladder.ts";
import { scan } from "./scan.ts";

interface Ban {
  readonly pattern: RegExp;
  readonly fault: string;
  /** Where it may stand all the same. */
  readonly allowed: (path: string) => boolean;
}

const GENERATED = "node/wire/generated/";
const inBaseOrTesting = (path: string): boolean =>
  isTest(path) || /^(?:node\/base|simulations|scripts)\//.test(path) || path.startsWith(GENERATED);
const mayPrint = (path: string): boolean => /^(?:node\/cli|simulations|scripts)\//.test(path);

/** What code may not reach for: it is handed in. Comments and strings do not count. */
const CODE_BANS: readonly Ban[] = [
  {
    pattern:
      /\bDate\s*\.\s*now\b|\bnew\s+Date\b(?!\s*\(\s*[^\s)])|\bperformance\s*\.\s*now\b|\bprocess\s*\.\s*hrtime\b/g,
    fault: "a clock is handed in, never reached for (node/base/clock.ts)",
    allowed: inBaseOrTesting,
  },
  {
    pattern: /\bMath\s*\.\s*random\b|\brandomUUID\b/g,
    fault: "randomness is handed in, never reached for (node/base/random.ts)",
    allowed: inBaseOrTesting,
  },
  {
    pattern: /\bset(?:Timeout|Interval|Immediate)\b|\bAbortSignal\s*\.\s*timeout\b/g,
    fault: "timers come from the clock that is handed in (node/base/clock.ts)",
    allowed: inBaseOrTesting,
  },
  { pattern: /\bconsole\s*\./g, fault: "only commands print; the rest logs (node/telemetry)", allowed: mayPrint },
];

/** The words that nothing in this project may ever print, however the spaces fall. */
const NO_OTHER_RECORDS = /\bno\s+other\s+records?\b/gi;

/** What no text of the project may hold, source or not. */
const TEXT_BANS: readonly Ban[] = [
  {
    pattern: /(?<![\w.~}$*-])\/(?:home|root|Users|work|tmp|private)\/\w|\b[A-Z]:\\Users\\/g,
    fault: "an absolute path of somebody's machine",
    allowed: (path) => path === "node/architecture.test.ts",
  },
  {
    pattern: /\bregistry\s*=\s*https?:|"resolved":\s*"https?:/gi,
    fault: "a package registry's host",
    allowed: (path) => path === "node/architecture.test.ts",
  },
  {
    pattern: /\bdesign section \d|\bissue #?\d/g,
    fault: "a document that is not in the project",
    allowed: (path) => path === "node/architecture.test.ts",
  },
];

const DISABLES = /(?:oxlint|eslint)-disable|@ts-(?:ignore|expect-error|nocheck)/;
const REASON = / -- \w/;

/** Every banned thing that a source reaches for, prints, or switches off without a reason. */
export function findSourceFaults(sources: ReadonlyMap<string, string>): string[] {
  return [...sources].flatMap(([path, text]) => {
    const { code, strings, comments } = scan(text);
    const reached = CODE_BANS.filter(({ allowed }) => !allowed(path)).flatMap((ban) => matches(path, code, ban));
    const printed = isTest(path) || path.startsWith("scripts/") ? [] : [...strings];
    const promised = printed
      .filter(([, content]) => content.search(NO_OTHER_RECORDS) !== -1)
      .map(([position]) => `${path}:${lineAt(text, position)}: nothing may say that there is nothing else`);
    const silenced = comments
      .filter((comment) => DISABLES.test(comment) && !REASON.test(comment) && !path.startsWith(GENERATED))
      .map((comment) => `${path}: '${comment.trim()}' gives no reason: add ' -- why'`);
    return [...reached, ...promised, ...silenced];
  });
}

/** Every text, of any kind, that names something outside the project. */
export function findTextFaults(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].flatMap(([path, text]) => {
    const found = TEXT_BANS.filter(({ allowed }) => !allowed(path)).flatMap((ban) => matches(path, text, ban));
    // Markdown and the hazard log explain the ban in its own words; sources are judged by what they can print.
    const mayQuote = /\.(?:md|ts)$/.test(path) || path === "docs/safety/hazards.yaml";
    if (mayQuote) return found;
    const fault = "nothing may say that there is nothing else";
    return [...found, ...matches(path, text, { pattern: NO_OTHER_RECORDS, fault })];
  });
}

function matches(path: string, text: string, { pattern, fault }: Pick<Ban, "pattern" | "fault">): string[] {
  return [...text.matchAll(pattern)].map((match) => `${path}:${lineAt(text, match.index)}: ${fault}`);
}
