import type { Client, MethodDefinition } from "@grpc/grpc-js";

import { Failure } from "../base/failure.ts";
import { failureOf } from "./status.ts";

/**
 * Asks a unary method once.
 *
 * @param deadline milliseconds since the epoch.
 * @throws {Failure} as the node said.
 */
export function askOnce<Request, Response>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<Request, Response>,
  request: Request,
  deadline: number,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, { deadline }, (error, value) => {
      if (error !== null) reject(failureOf(error));
      else if (value === undefined) reject(new Failure("incompatible", "The node ended the call without an answer."));
      else resolve(value);
    });
  });
}
