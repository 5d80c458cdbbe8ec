/** A source text with everything but code blanked out, at unchanged positions. */
export interface Scanned {
  /** Comments, and what stands between quotes, are spaces; quotes and line ends stay. */
  readonly code: string;
  /** Plain string literals and template texts, by the position of their opening quote. */
  readonly strings: ReadonlyMap<number, string>;
  /** Comments, with their marks. */
  readonly comments: readonly string[];
}

/** What a `/` after these starts: a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|await|yield|void|throw))\s*$/;

/** Tells code from comments, strings, templates and regular expressions. Enough of a lexer for TypeScript as it is here. */
export function scan(text: string): Scanned {
  const code = text.split("");
  const strings = new Map<number, string>();
  const comments: string[] = [];
  /** For each open `${`, how many braces are open inside it. */
  const holes: number[] = [];
  let at = 0;

  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (code[i] !== "\n") code[i] = " ";
  };
  const comment = (end: number): void => {
    comments.push(text.slice(at, end));
    blank(at, end);
    at = end;
  };
  const quoted = (quote: string): void => {
    const start = at++;
    while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
    strings.set(start, text.slice(start + 1, at));
    blank(start + 1, at++);
  };
  /** Reads template text up to its end, or to the next `${`; `start` is where the text's quote or brace stands. */
  const template = (): void => {
    const start = at++;
    while (at < text.length && text[at] !== "`" && !text.startsWith("${", at)) at += text[at] === "\\" ? 2 : 1;
    strings.set(start, text.slice(start + 1, at));
    blank(start + 1, at);
    if (text[at] === "`") at++;
    else {
      holes.push(0);
      at += 2;
    }
  };
  const regex = (): void => {
    const start = at++;
    for (let inClass = false; at < text.length && text[at] !== "\n"; at++) {
      if (text[at] === "\\") at++;
      else if (text[at] === "[") inClass = true;
      else if (text[at] === "]") inClass = false;
      else if (text[at] === "/" && !inClass) break;
    }
    blank(start + 1, at++);
  };
  const brace = (char: string): void => {
    const open = holes.at(-1);
    if (open === undefined) at++;
    else if (char === "}" && open === 0) {
      holes.pop();
      template();
    } else {
      holes[holes.length - 1] = open + (char === "{" ? 1 : -1);
      at++;
    }
  };

  while (at < text.length) {
    const char = text[at] ?? "";
    if (text.startsWith("//", at)) comment(endOf(text, "\n", at));
    else if (text.startsWith("/*", at)) comment(endOf(text, "*/", at) + 2);
    else if (char === '"' || char === "'") quoted(char);
    else if (char === "`") template();
    else if (char === "{" || char === "}") brace(char);
    else if (char === "/" && BEFORE_REGEX.test(code.slice(Math.max(0, at - 40), at).join(""))) regex();
    else at++;
  }
  return { code: code.join(""), strings, comments };
}

function endOf(text: string, mark: string, from: number): number {
  const end = text.indexOf(mark, from);
  return end === -1 ? text.length : end;
}
