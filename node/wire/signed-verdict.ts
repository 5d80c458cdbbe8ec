import type { Verdict } from "../base/answer.ts";
import { asFailure, Failure } from "../base/failure.ts";
import { toVerdict } from "./convert-answer.ts";
import { Verdict as WireVerdict } from "./generated/corridor/v1/federation_service.ts";

/**
 * Reads a verdict from the bytes that were signed: what is signed is what counts.
 *
 * @throws {Failure} `incompatible`: they are no verdict, or one that says more than is understood here.
 */
export function readVerdict(payload: Uint8Array): Verdict {
  try {
    return toVerdict(WireVerdict.decode(payload));
  } catch (cause) {
    if (asFailure(cause).code === "incompatible") throw cause;
    throw new Failure("incompatible", "What was signed is no verdict.", { cause });
  }
}
