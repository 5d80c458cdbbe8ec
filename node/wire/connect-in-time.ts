// oxlint-disable no-underscore-dangle -- gRPC names the methods of its credentials so
import type { Socket } from "node:net";

import { ChannelCredentials } from "@grpc/grpc-js";

import type { Clock } from "../base/clock.ts";
import { CONNECT_WITHIN_MS } from "./bounds.ts";

type CreateConnector = ChannelCredentials["_createSecureConnector"];
type Connector = ReturnType<CreateConnector>;

/**
 * The same credentials, for connections that speak HTTP/2 in time or are broken off: gRPC's client waits without end for
 * whoever accepts a connection and says nothing, and tries no other meanwhile.
 *
 * @param onTry called whenever a connection begins to be made.
 */
export function connectInTime(credentials: ChannelCredentials, clock: Clock, onTry: () => void): ChannelCredentials {
  return new TimedCredentials(credentials, clock, onTry);
}

class TimedCredentials extends ChannelCredentials {
  readonly #inner: ChannelCredentials;
  readonly #clock: Clock;
  readonly #onTry: () => void;

  constructor(inner: ChannelCredentials, clock: Clock, onTry: () => void) {
    super();
    this.#inner = inner;
    this.#clock = clock;
    this.#onTry = onTry;
  }

  override _isSecure(): boolean {
    return this.#inner._isSecure();
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(...args: Parameters<CreateConnector>): Connector {
    const inner = this.#inner._createSecureConnector(...args);
    return {
      connect: (socket) => connect(inner, socket, this.#clock),
      waitForReady: () => {
        this.#onTry();
        return inner.waitForReady();
      },
      getCallCredentials: () => inner.getCallCredentials(),
      destroy: () => inner.destroy(),
    };
  }
}

async function connect(inner: Connector, socket: Socket, clock: Clock): ReturnType<Connector["connect"]> {
  const secured: { socket?: Socket } = {};
  const late = new Promise<never>((_, reject) => {
    const timer = clock.after(CONNECT_WITHIN_MS, () => {
      // What TLS itself said is not counted: whoever speaks HTTP/2 has sent its settings by now.
      if (secured.socket !== undefined && secured.socket.bytesRead > 0) return;
      socket.destroy();
      reject(new Error("no connection was made in time"));
    });
    socket.once("close", () => timer.cancel());
  });
  const connected = await Promise.race([inner.connect(socket), late]);
  secured.socket = connected.socket;
  return connected;
}
