import type { HttpGet } from "./http-get.ts";
import { type OpenedRecord, pathWithin, type RecordSource, SourceFault, type SourcePlace, urlAt } from "./source.ts";

/** What a viewer must be able to show, by the guidance for shared care records; HTML is cleaned on its way. */
const DOCUMENT_FORMATS: ReadonlySet<string> = new Set([
  "application/pdf",
  "text/html",
  "text/plain",
  "image/jpeg",
  "image/png",
]);

/** Cleans a page: only text, tables and their like come out of it. */
export type CleanHtml = (pieces: AsyncIterable<Uint8Array>) => Promise<Uint8Array>;

/** Documents of a web server: PDF, HTML, plain text, pictures. */
export function documentSource(place: SourcePlace, get: HttpGet, cleanHtml: CleanHtml): RecordSource {
  return {
    origin: "document-server",
    async open({ address, format, signal }) {
      if (!DOCUMENT_FORMATS.has(format))
        throw new SourceFault("unexpected-content", "the pointer's format is not shown");
      const answer = await get(urlAt(place, pathWithin(place, address)), format, signal);
      if (answer.contentType !== format)
        throw new SourceFault("unexpected-content", "another format than the pointer's");
      return opened(format, answer.lastModifiedMs, answer.pieces, cleanHtml);
    },
  };
}

/** As it came, or cleaned where it is a page. */
export async function opened(
  contentType: string,
  updatedAtMs: number,
  pieces: AsyncIterable<Uint8Array>,
  cleanHtml: CleanHtml,
): Promise<OpenedRecord> {
  if (contentType !== "text/html") return { contentType, updatedAtMs, cleaned: false, pieces };
  const page = await cleanHtml(pieces);
  return { contentType, updatedAtMs, cleaned: true, pieces: once(page) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
