import { type SecureContext } from "node:tls";

import { Client, type ClientOptions, credentials } from "@grpc/grpc-js";

import type { Clock } from "../base/clock.ts";
import { RECONNECT_MS_MAX, RECONNECT_MS_MIN, SESSION_MEGABYTES_MAX, WINDOW_BYTES } from "./bounds.ts";
import { connectInTime } from "./connect-in-time.ts";

/** Looks at a node's certificate after OpenSSL has accepted it. Gives the reason to break off, if there is one. */
export type CheckServer = NonNullable<Parameters<typeof credentials.createFromSecureContext>[1]>["checkServerIdentity"];

export interface ChannelOrder {
  /** `host:port`. */
  readonly endpoint: string;
  /** The DNS name that the node's certificate must carry, whatever the address is. */
  readonly serverName: string;
  readonly context: SecureContext;
  readonly clock: Clock;
  readonly checkServer: NonNullable<CheckServer>;
  readonly answerBytesMax: number;
  /** Called whenever a connection begins to be made. */
  readonly onTry?: () => void;
  /**
   * Sends again, once, what the other end refused without looking at it because the connection was about to close. False for
   * peers: each attempt at a question has its own id, and whoever asks asks again itself.
   */
  readonly resendsRefused?: boolean;
  /**
   * How often the other end is asked for a sign of life, calls or not, and how long it may take. Not for channels with calls
   * that outlast a connection's age: gRPC's client takes the first ping after the server's goodbye for a lost connection, and
   * ends them (grpc/grpc-node#3068).
   */
  readonly keepalive?: { readonly everyMs: number; readonly withinMs: number };
}

/**
 * A channel of its own: never a connection shared with another identity, no proxy from the environment, nothing resent
 * by itself unless that is asked for, and a node that came back is found again within a second or so.
 */
export function openChannel(order: ChannelOrder): Client {
  const options: ClientOptions = {
    "grpc.ssl_target_name_override": order.serverName,
    "grpc.default_authority": order.serverName,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.enable_retries": order.resendsRefused === true ? 1 : 0,
    "grpc.enable_http_proxy": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_channelz": 0,
    "grpc.initial_reconnect_backoff_ms": RECONNECT_MS_MIN,
    "grpc.max_reconnect_backoff_ms": RECONNECT_MS_MAX,
    "grpc.max_receive_message_length": order.answerBytesMax,
    "grpc-node.max_session_memory": SESSION_MEGABYTES_MAX,
    "grpc-node.flow_control_window": WINDOW_BYTES,
    ...(order.keepalive !== undefined && {
      "grpc.keepalive_time_ms": order.keepalive.everyMs,
      "grpc.keepalive_timeout_ms": order.keepalive.withinMs,
      "grpc.keepalive_permit_without_calls": 1,
    }),
  };
  const secure = credentials.createFromSecureContext(order.context, { checkServerIdentity: order.checkServer });
  return new Client(`dns:///${order.endpoint}`, connectInTime(secure, order.clock, order.onTry ?? (() => {})), options);
}
