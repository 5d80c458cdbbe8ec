import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { Alias, Document, ParsedNode, YAMLParseError } from "yaml";

import { Faults } from "./faults.ts";
import type { FaultSource, Path } from "./faults.ts";

/** A YAML file that has been read: its value, and the line of everything in it. */
export interface YamlSource extends FaultSource {
  readonly value: unknown;
}

/** Aliases are resolved at most so often: a file of aliases of aliases must not grow without bound. */
const ALIASES_MAX = 2_000;

/**
 * Reads YAML 1.2 text (dates stay text). Keys may not repeat.
 *
 * @throws {Failure} `configuration` naming every place where the text is not YAML.
 */
export function readYaml(text: string, fileName: string, whatFile: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const source: FaultSource = {
    fileName,
    lineOf: (path) => lines.linePos(offsetOf(document, path)).line,
    lineOfKey: (path, key) => lines.linePos(keyOffsetOf(document, path, key)).line,
  };
  const faults = new Faults(source);
  for (const error of tellingErrors(document)) {
    faults.addLine(lines.linePos(error.pos[0]).line, `is not YAML: ${oneLine(error.message)}`, remedyFor(error.code));
  }
  for (const alias of aliasesWithoutAnchor(document)) {
    const remedy = "write the anchor (&name) above the place that uses it (*name)";
    faults.addLine(lines.linePos(alias.range?.[0] ?? 0).line, `*${alias.source} names no anchor`, remedy);
  }
  faults.throwIfAny(whatFile);
  return { ...source, value: valueOf(document, faults, whatFile) };
}

/** Repeated keys are faults of their own; of other errors only the first counts, for the rest mostly follow from it. */
function tellingErrors({ errors }: Document.Parsed): YAMLParseError[] {
  const first = errors.find(({ code }) => code !== "DUPLICATE_KEY");
  return errors.filter((error) => error === first || error.code === "DUPLICATE_KEY");
}

function aliasesWithoutAnchor(document: Document.Parsed): Alias[] {
  const found: Alias[] = [];
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) === undefined) found.push(alias);
    },
  });
  return found;
}

function valueOf(document: Document.Parsed, faults: Faults, whatFile: string): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) as unknown;
  } catch (thrown) {
    const reason = thrown instanceof Error ? oneLine(thrown.message) : "unreadable";
    faults.addLine(1, `cannot be used: ${reason}`, "use fewer anchors and aliases");
    faults.throwIfAny(whatFile);
    throw thrown;
  }
}

function remedyFor(code: string): string {
  if (code === "DUPLICATE_KEY") return "keep one of the two";
  if (code === "TAB_AS_INDENT") return "indent with spaces";
  return "check indentation, quotes and brackets there and in the line above";
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

/** Offset of the node at a path; where the path leads nowhere, of the last thing on the way. */
function offsetOf(document: Document.Parsed, path: Path): number {
  let node: ParsedNode | null | undefined = document.contents;
  let offset = node?.range?.[0] ?? 0;
  for (const part of path) {
    const step = stepInto(document, node, part);
    if (step === undefined) return offset;
    offset = step.offset;
    node = step.node;
  }
  return offset;
}

function keyOffsetOf(document: Document.Parsed, path: Path, key: string): number {
  return offsetOf(document, [...path, key]);
}

interface Step {
  readonly node: ParsedNode | null | undefined;
  readonly offset: number;
}

function stepInto(
  document: Document.Parsed,
  at: ParsedNode | null | undefined,
  part: string | number,
): Step | undefined {
  const node = isAlias(at) ? (at.resolve(document) as ParsedNode | undefined) : at;
  if (isMap<ParsedNode, ParsedNode | null>(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
    return pair === undefined ? undefined : { node: pair.value, offset: pair.key.range?.[0] ?? 0 };
  }
  if (isSeq<ParsedNode>(node) && typeof part === "number") {
    const item = node.items[part];
    return item === undefined ? undefined : { node: item, offset: item.range?.[0] ?? 0 };
  }
  return undefined;
}
