import { Failure } from "../node/base/failure.ts";

/** Where in a file something stands: keys and positions from the top. */
export type Path = readonly (string | number)[];

/** What a list of faults needs to know of the file. */
export interface FaultSource {
  readonly fileName: string;
  /** Line of what stands at a path, or of the nearest thing around it; from 1. */
  lineOf(path: Path): number;
  /** Line of a key of the map at a path. */
  lineOfKey(path: Path, key: string): number;
}

interface Fault {
  readonly line: number;
  readonly text: string;
}

/** Collects everything that is wrong with one file, so that its author mends it in one go. */
export class Faults {
  readonly #source: FaultSource;
  readonly #faults = new Map<string, Fault>();

  constructor(source: FaultSource) {
    this.#source = source;
  }

  get count(): number {
    return this.#faults.size;
  }

  /**
   * Notes a fault at a path.
   *
   * @param what follows the path in the sentence: `is missing`, `names no node of this file`.
   * @param remedy what to do, as an instruction.
   */
  add(path: Path, what: string, remedy: string): void {
    this.#keep(this.#source.lineOf(path), String(path.at(-1) ?? ""), `${pathInWords(path)} ${what}`, what, remedy);
  }

  /** Notes a key that should not be there. */
  addKey(path: Path, key: string, what: string, remedy: string): void {
    this.#keep(this.#source.lineOfKey(path, key), key, `${pathInWords([...path, key])} ${what}`, what, remedy);
  }

  /** Notes a fault of the text itself, before it has paths. */
  addLine(line: number, what: string, remedy: string): void {
    this.#keep(line, "", what, what, remedy);
  }

  /** @throws {Failure} `configuration` naming every fault noted, in the order of the file; none if there is none. */
  throwIfAny(whatFile: string): void {
    if (this.count === 0) return;
    const faults = [...this.#faults.values()].sort((a, b) => a.line - b.line);
    const heading = `The ${whatFile} ${this.#source.fileName} has ${faults.length} fault${faults.length === 1 ? "" : "s"}:`;
    const lines = faults.map((fault) => `${this.#source.fileName}:${fault.line}: ${fault.text}`);
    throw new Failure("configuration", [heading, ...lines].join("\n"), { where: this.#source.fileName });
  }

  /** A value reused through a YAML alias is at fault once, however often it is used. */
  #keep(line: number, field: string, sentence: string, what: string, remedy: string): void {
    const key = `${line}\n${field}\n${what}\n${remedy}`;
    if (!this.#faults.has(key)) this.#faults.set(key, { line, text: `${sentence}; ${remedy}` });
  }
}

/** `nodes[2].ics[0].from`, as an author would say where it is. */
export function pathInWords(path: Path): string {
  const words = path
    .map((part, at) => (typeof part === "number" ? `[${part}]` : at === 0 ? part : `.${part}`))
    .join("");
  return words === "" ? "the file" : words;
}

/** A value as it may be quoted in a fault: short, on one line, control characters escaped, no URL's password, nothing like an NHS number. */
export function quoted(value: unknown): string {
  const text = typeof value === "object" && value !== null ? (Array.isArray(value) ? "a list" : "a map") : undefined;
  if (/\d{3}[ -]?\d{3}[ -]?\d{4}/.test(String(value))) return "ten digits, not shown";
  const shown = text ?? (JSON.stringify(value) ?? "nothing").replace(/[^\s"]+@/, "…@");
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
}

/** The known word that an unknown one most likely stands for, or nothing where none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `did you mean x?`, or the words known where nothing is near. */
export function suggestion(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  if (near !== undefined) return `did you mean ${near}?`;
  return known.length === 0 ? "there is none in this file yet" : `known: ${known.join(", ")}`;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[j]! + 1, current[j - 1]! + 1));
    }
    previous = current;
  }
  return previous[b.length]!;
}
