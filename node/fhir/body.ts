import { BODIES_BYTES_MAX, BODY_BYTES_MAX } from "./bounds.ts";
import { Refusal } from "./outcome.ts";

/** A JSON object as it was parsed. Nothing in it is trusted. */
export type Json = Readonly<Record<string, unknown>>;

/** Reads the bodies of requests, and lets go of them again. */
export interface BodyReader {
  /**
   * Gives a request's body to `use`; held until that has ended.
   *
   * @throws {Refusal} 400, 413, 415, 503: not JSON, too large, another format, too much at once. Nothing was done.
   */
  withBody<Result>(request: Request, use: (body: Json) => Promise<Result>): Promise<Result>;
}

/** FHIR's JSON by its two names, in UTF-8. */
const JSON_TYPE = /^application\/(?:fhir\+)?json(?:\s*;\s*(?:charset="?utf-8"?|fhirversion="?4\.0"?))*\s*$/i;

export function makeBodyReader(): BodyReader {
  let heldBytes = 0;

  /** @param take notes bytes that are held from now on. */
  async function read(request: Request, take: (bytes: number) => void): Promise<Json> {
    checkFormat(request.headers);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const body: AsyncIterable<Uint8Array> | readonly Uint8Array[] = request.body ?? [];
    try {
      for await (const part of body) {
        bytes += part.length;
        if (bytes > BODY_BYTES_MAX) throw tooLarge();
        take(part.length);
        parts.push(part);
      }
    } catch (thrown) {
      if (thrown instanceof Refusal) throw thrown;
      throw new Refusal(400, "structure", "The message broke off.");
    }
    return parse(Buffer.concat(parts));
  }

  return {
    async withBody(request, use) {
      let held = 0;
      const take = (bytes: number): void => {
        held += bytes;
        heldBytes += bytes;
        if (heldBytes <= BODIES_BYTES_MAX) return;
        const text = "Too much is being sent at once. Nothing was kept: send it again shortly.";
        throw new Refusal(503, "throttled", text, { headers: { "retry-after": "1" } });
      };
      try {
        return await use(await read(request, take));
      } finally {
        heldBytes -= held;
      }
    },
  };
}

function checkFormat(headers: Headers): void {
  if (!JSON_TYPE.test(headers.get("content-type") ?? "")) {
    throw new Refusal(415, "not-supported", "Send JSON: Content-Type application/fhir+json, in UTF-8.");
  }
  if (!["identity", ""].includes(headers.get("content-encoding") ?? "")) {
    throw new Refusal(415, "not-supported", "Compressed messages are not read: send it as it is.");
  }
  if (Number(headers.get("content-length") ?? 0) > BODY_BYTES_MAX) throw tooLarge();
}

function tooLarge(): Refusal {
  const text = `The message is over ${BODY_BYTES_MAX} bytes.`;
  return new Refusal(413, "too-long", text, { headers: { connection: "close" } });
}

function parse(bytes: Uint8Array): Json {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal(400, "structure", "The message is not JSON in UTF-8.");
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Json;
  throw new Refusal(400, "structure", "The message is not one FHIR resource.");
}
