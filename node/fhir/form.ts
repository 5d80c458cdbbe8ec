import { Refusal } from "./outcome.ts";

/** A search's parameters, as a form. */
const FORM_BYTES_MAX = 4_000;

/**
 * The parameters of a search that was sent as a form, so that no patient stands in an address.
 *
 * @throws {Refusal} 413, 415: too long, or no form.
 */
export async function formOf(request: Request): Promise<URLSearchParams> {
  if (!/^application\/x-www-form-urlencoded(?:;|$)/i.test(request.headers.get("content-type") ?? "")) {
    throw new Refusal(415, "not-supported", "Send the search as application/x-www-form-urlencoded.");
  }
  if (Number(request.headers.get("content-length") ?? Infinity) > FORM_BYTES_MAX) {
    throw new Refusal(413, "too-long", `A search is at most ${FORM_BYTES_MAX} bytes, and says its length.`);
  }
  return new URLSearchParams(await request.text());
}
