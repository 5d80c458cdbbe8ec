import { Concealed } from "../../base/concealed.ts";
import type { FeedLine } from "../feed-file.ts";
import { readBundleFile } from "./bundle-file.ts";
import { NO_ENTRY, sourceOf } from "./entries.ts";
import { type FhirReader, isFhir, refusalOf } from "./reader.ts";

/**
 * Reads a file that is one FHIR resource or Bundle, laid out as it likes. A Bundle may be of any length: one entry at a
 * time is held. What is short enough is read whole, unless it is broken: then what is sound in it is still read.
 *
 * @param again the bytes of the same file once more: a long Bundle's patients are learnt before its records are read.
 */
export async function* readOneObject(
  bytes: AsyncIterable<Uint8Array>,
  again: () => AsyncIterable<Uint8Array>,
  fhir: FhirReader,
): AsyncGenerator<FeedLine> {
  const bundle = fhir.streamBundle();
  const said: Record<string, unknown> = {};
  let isEmpty = true;
  let whole: string | undefined;
  for await (const part of readBundleFile(bytes)) {
    if (part.kind !== "member" && part.kind !== "whole") isEmpty = false;
    if (part.kind === "entry") bundle.learn(part.entry);
    else if (part.kind === "fault") bundle.miss();
    else if (part.kind === "member") said[part.name] = part.value;
    else if (part.kind === "whole") whole = part.text;
  }
  const resource = whole === undefined ? undefined : parse(whole);
  if (whole !== undefined && isFhir(resource)) {
    yield* fhir.readObject({ line: 1, source: sourceOf(whole), resource, fullUrl: "" });
    return;
  }
  const refused = refusalOf(said);
  if (said["resourceType"] !== "Bundle") yield rejection(1, "resourceType", "not a FHIR Bundle, and not one resource");
  else if (refused !== undefined) yield { line: 1, source: new Concealed(""), ...refused };
  else if (isEmpty) yield { line: 1, source: new Concealed(""), ...NO_ENTRY };
  else {
    for await (const part of readBundleFile(again())) {
      if (part.kind === "entry") yield* bundle.read(part.entry, said["type"]);
      else if (part.kind === "fault") yield rejection(part.line, "", part.reason);
    }
  }
}

function rejection(line: number, field: string, reason: string): FeedLine {
  return { line, source: new Concealed(""), rejected: { field, reason } };
}

/** `undefined` for what is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    return undefined;
  }
}
