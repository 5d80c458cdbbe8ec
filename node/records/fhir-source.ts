import type { HttpGet } from "./http-get.ts";
import { pathWithin, type RecordSource, SourceFault, type SourcePlace, urlAt } from "./source.ts";

const FHIR_JSON = "application/fhir+json";
const JSON_FORMATS: ReadonlySet<string> = new Set([FHIR_JSON, "application/json"]);

/**
 * What may be asked of a FHIR server: one resource, a search by its own ids, a document, a patient's summary. Anything else
 * (an operation that acts, a history) is not fetched, whatever a pointer says.
 */
const READS = [
  /^[A-Z][A-Za-z]{2,39}\/[A-Za-z0-9.-]{1,64}$/,
  /^Composition\/[A-Za-z0-9.-]{1,64}\/\$document$/,
  /^Patient\/[A-Za-z0-9.-]{1,64}\/\$(?:summary|everything)$/,
  /^[A-Z][A-Za-z]{2,39}\?[A-Za-z0-9._:&=,%|$+-]{1,500}$/,
];

/** Resources, documents and summaries of a FHIR R4 server, as JSON. */
export function fhirSource(place: SourcePlace, get: HttpGet): RecordSource {
  return {
    origin: "fhir-server",
    async open({ address, format, signal }) {
      if (!JSON_FORMATS.has(format)) throw new SourceFault("unexpected-content", "the pointer's format is not JSON");
      const asked = pathWithin(place, address);
      if (!READS.some((read) => read.test(asked))) {
        throw new SourceFault("not-connected", "the pointer's address is no FHIR read, search or summary");
      }
      const { contentType, lastModifiedMs, pieces } = await get(urlAt(place, asked), FHIR_JSON, signal);
      if (!JSON_FORMATS.has(contentType)) throw new SourceFault("unexpected-content", "no FHIR JSON");
      return { contentType: FHIR_JSON, updatedAtMs: lastModifiedMs, cleaned: false, pieces };
    },
  };
}
