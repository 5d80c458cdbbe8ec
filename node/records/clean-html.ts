import { Parser } from "htmlparser2";

import { SourceFault } from "./source.ts";

/** A page is held whole while it is cleaned; a letter has a hundredth of it. */
const PAGE_BYTES_MAX = 2 * 1024 * 1024;

/** Text and its shape, the structure that FHIR narratives may have (FHIR R4, Narrative), without images and links. */
const KEPT: ReadonlySet<string> = new Set(
  (
    "abbr address article aside b big blockquote br caption center cite code col colgroup dd del dfn div dl dt em figcaption " +
    "figure footer h1 h2 h3 h4 h5 h6 header hr i ins kbd li main mark nav ol p pre q s samp section small span strike strong " +
    "sub sup table tbody td tfoot th thead tr tt u ul var"
  ).split(" "),
);
const EMPTY: ReadonlySet<string> = new Set(["br", "hr", "col"]);

/** Of these not even the text is shown. */
const DROPPED_WHOLE: ReadonlySet<string> = new Set(
  "script style template noscript iframe object embed applet svg math head title textarea select xmp plaintext noembed noframes".split(
    " ",
  ),
);

/** Cells of a table may span others; a number is all that is taken from an attribute. */
const SPANS: ReadonlySet<string> = new Set(["colspan", "rowspan"]);

/**
 * A page with everything taken out that could act, load or lead elsewhere. No attribute survives but the spans of table
 * cells, so there is no address, no style and no handler left in it; its text is written anew, escaped. The page that comes
 * out is small, whole and its own: read by a parser that follows the HTML standard, written by rules that know six characters.
 *
 * @throws {SourceFault} `too-large`: over two megabytes. `unexpected-content`: it is no UTF-8.
 */
export async function cleanHtml(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const writer = new Writer();
  const parser = new Parser(writer, { decodeEntities: true, lowerCaseTags: true });
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > PAGE_BYTES_MAX) throw new SourceFault("too-large", `a page of over ${PAGE_BYTES_MAX} bytes`);
    parser.write(decoded(decoder, piece));
  }
  parser.end(decoded(decoder, undefined));
  return Buffer.from(`${HEAD}${writer.text}${FOOT}`);
}

function decoded(decoder: InstanceType<typeof TextDecoder>, piece: Uint8Array | undefined): string {
  try {
    return piece === undefined ? decoder.decode() : decoder.decode(piece, { stream: true });
  } catch {
    throw new SourceFault("unexpected-content", "a page that is no UTF-8");
  }
}

/** Whoever shows it is told once more to run and load nothing. */
const HEAD =
  '<!doctype html><html lang="en-GB"><head><meta charset="utf-8">' +
  `<meta http-equiv="Content-Security-Policy" content="default-src 'none'">` +
  "<title>Document</title></head><body>";
const FOOT = "</body></html>";

/** Depth beyond which elements are flattened: a browser's own limit is not much higher. */
const DEPTH_MAX = 200;

class Writer {
  text = "";
  /** Elements open in what is written. */
  readonly #open: string[] = [];
  #droppedDepth = 0;

  onopentag(name: string, attributes: Record<string, string>): void {
    if (DROPPED_WHOLE.has(name)) this.#droppedDepth++;
    if (this.#droppedDepth > 0 || !KEPT.has(name) || this.#open.length >= DEPTH_MAX) return;
    this.text += `<${name}${name === "td" || name === "th" ? spansOf(attributes) : ""}>`;
    if (!EMPTY.has(name)) this.#open.push(name);
  }

  onclosetag(name: string): void {
    if (DROPPED_WHOLE.has(name) && this.#droppedDepth > 0) {
      this.#droppedDepth--;
      return;
    }
    if (this.#droppedDepth > 0 || this.#open.at(-1) !== name) return;
    this.#open.pop();
    this.text += `</${name}>`;
  }

  ontext(text: string): void {
    if (this.#droppedDepth === 0) this.text += escaped(text);
  }

  onend(): void {
    while (this.#open.length > 0) this.text += `</${this.#open.pop()}>`;
  }
}

function spansOf(attributes: Record<string, string>): string {
  return Object.entries(attributes)
    .filter(([name, value]) => SPANS.has(name) && /^[1-9]\d{0,2}$/.test(value))
    .map(([name, value]) => ` ${name}="${value}"`)
    .join("");
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "\0": "",
};

function escaped(text: string): string {
  return text.replace(/[&<>"'\0]/g, (character) => ESCAPES[character]!);
}
