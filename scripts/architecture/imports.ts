import { scan } from "./scan.ts";

/** One place where a source text reaches for another file or package. */
export interface Import {
  /** As written, or undefined where it is worked out at run time and so cannot be checked. */
  readonly specifier: string | undefined;
  readonly line: number;
}

/** `import … from "x"`, `export … from "x"`, `import "x"`; not `import(…)`, not `import.meta`. */
const STATIC = /(?<![.\w$])(?:import|export)\b(?!\s*[.(])\s*(?:[^;"'`()=]*?\bfrom\s*)?(?=["'])/g;
const DYNAMIC = /(?<![.\w$])import\s*\(\s*/g;
const WORKER = /\bnew\s+Worker\s*\(/;
const SOURCE_PATH = /^\.{1,2}\/\S+\.ts$/;

/**
 * Everything that a source text imports: statically, dynamically, or as a path or URL of a `.ts` file (`./…` or `../…`)
 * that it starts. A worker whose file is named nowhere counts as an import that cannot be resolved.
 */
export function importsOf(text: string): Import[] {
  const { code, strings } = scan(text);
  const found = new Map<number, string | undefined>();
  for (const quoteAt of [...placesAfter(STATIC, code), ...placesAfter(DYNAMIC, code)]) {
    found.set(quoteAt, wholeLiteral(code, quoteAt) ? strings.get(quoteAt) : undefined);
  }
  const paths = [...strings].filter(([quoteAt, content]) => SOURCE_PATH.test(content) && !found.has(quoteAt));
  const worker = WORKER.exec(code);
  if (worker !== null && paths.length === 0) found.set(worker.index, undefined);
  for (const [quoteAt, path] of paths) found.set(quoteAt, path);
  return [...found]
    .toSorted(([a], [b]) => a - b)
    .map(([position, specifier]) => ({ specifier, line: lineAt(text, position) }));
}

function placesAfter(pattern: RegExp, code: string): number[] {
  return [...code.matchAll(pattern)].map((match) => match.index + match[0].length);
}

/** False where a literal is only the beginning of an expression: `"./a" + b`, or a template with a hole. */
function wholeLiteral(code: string, quoteAt: number): boolean {
  return /^(["'`])[^"'`$]*\1\s*(?:[,);]|with\b|$|\n)/.test(code.slice(quoteAt));
}

export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split("\n").length;
}
