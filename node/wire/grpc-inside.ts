import type { ServerHttp2Stream, ServerOptions } from "node:http2";

import type { Server, ServerInterceptor } from "@grpc/grpc-js";

import { check } from "../base/check.ts";

/**
 * What gRPC's server keeps to itself and has no option for: the one place that reaches into it. Another version of the
 * library may call it otherwise; then the node does not start, or its first call fails, instead of going without a limit.
 */

type NextCall = Parameters<ServerInterceptor>[1];

/** The call's own HTTP/2 stream. */
export function streamOf(call: NextCall): ServerHttp2Stream {
  const { stream } = call as unknown as { readonly stream?: ServerHttp2Stream };
  check(stream !== undefined, "gRPC's server call has its stream");
  return stream;
}

/** How the call's messages are compressed. */
export function encodingOf(call: NextCall): string {
  const { incomingEncoding } = call as unknown as { readonly incomingEncoding?: string };
  check(incomingEncoding !== undefined, "gRPC's server call has its encoding");
  return incomingEncoding;
}

/** Adds to what HTTP/2 is told; to be called before the server takes connections. */
export function boundHttp2(server: Server, { settings, ...bounds }: ServerOptions): void {
  const { commonServerOptions: options } = server as unknown as { readonly commonServerOptions?: ServerOptions };
  check(options?.settings !== undefined, "gRPC's server has its HTTP/2 options");
  Object.assign(options, bounds);
  Object.assign(options.settings, settings);
}
