import { type ServerHttp2Session, type ServerHttp2Stream, type ServerOptions, constants } from "node:http2";

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

/**
 * Asks whoever is connected to take another connection for what comes next. Nothing is refused: what is on its way already
 * is still served, until the server finishes.
 */
export function sayGoodbye(server: Server): void {
  const { http2Servers } = server as unknown as { readonly http2Servers?: ReadonlyMap<unknown, Http2Sessions> };
  check(http2Servers !== undefined, "gRPC's server has its HTTP/2 servers");
  for (const { sessions } of http2Servers.values()) {
    for (const session of sessions) if (!session.closed) session.goaway(constants.NGHTTP2_NO_ERROR, STREAM_ID_MAX);
  }
}

interface Http2Sessions {
  readonly sessions: ReadonlySet<ServerHttp2Session>;
}

const STREAM_ID_MAX = 2 ** 31 - 1;
