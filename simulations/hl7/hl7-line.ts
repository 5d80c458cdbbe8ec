import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

import { firstOf, parseMessage } from "../../node/feeds/hl7/message.ts";
import { frame, makeUnframer } from "../../node/feeds/hl7/mllp.ts";
import type { TlsFiles } from "../../node/wire/tls-files.ts";

/** What a message was answered with. */
export interface Hl7Answer {
  /** MSA-1. */
  readonly code: string;
  /** MSA-2. */
  readonly controlId: string;
  /** The fault (HL7 table 0357), and the segment and field at fault; empty with AA. */
  readonly fault: string;
  readonly where: string;
  readonly text: string;
}

/** A connection of a sender to a node's door for HL7 v2. */
export interface Hl7Line {
  readonly socket: TLSSocket;
  /** Sends a message and waits for its answer; rejects where the connection ends first. */
  send(message: string | Uint8Array): Promise<Hl7Answer>;
  /** Sends bytes as they are. */
  write(bytes: Uint8Array): void;
  /** The next answer; rejects where the connection ends first. */
  answer(): Promise<Hl7Answer>;
  /** Resolves when the connection has ended. */
  readonly ended: Promise<unknown>;
  close(): void;
}

/** Rejects where the door does not let it in. */
export async function openLine(port: number, { certificate, key, trust }: TlsFiles): Promise<Hl7Line> {
  const socket = connect({
    ...{ host: "127.0.0.1", port, cert: certificate, key, ca: trust, minVersion: "TLSv1.3", noDelay: true },
    checkServerIdentity: () => undefined, // the name in its certificate is not that of this machine's address
  });
  await once(socket, "secureConnect");
  const ended = new Promise<void>((resolve) => socket.once("close", resolve));
  const answers: Hl7Answer[] = [];
  const waiting: { resolve(answer: Hl7Answer): void; reject(cause: Error): void }[] = [];
  const unframer = makeUnframer();
  socket.on("data", (chunk: Buffer) => {
    for (const found of unframer.add(chunk)) {
      if (found.kind !== "message") throw new Error("the door answered with something that is no message");
      const read = readAnswer(found.bytes);
      const next = waiting.shift();
      if (next === undefined) answers.push(read);
      else next.resolve(read);
    }
  });
  socket.on("error", () => {});
  socket.once("close", () => waiting.splice(0).forEach(({ reject }) => reject(new Error("the connection ended"))));

  function answer(): Promise<Hl7Answer> {
    const next = answers.shift();
    if (next !== undefined) return Promise.resolve(next);
    if (socket.destroyed) return Promise.reject(new Error("the connection has ended"));
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  }

  return {
    ...{ socket, answer, ended },
    write: (bytes) => void socket.write(bytes),
    send(message) {
      socket.write(frame(Buffer.from(message)));
      return answer();
    },
    close: () => socket.destroy(),
  };
}

function readAnswer(bytes: Buffer): Hl7Answer {
  const [, msa, err] = parseMessage(bytes).segments;
  const fault = err?.field(1)[0];
  const where = [fault?.[0]?.[0], fault?.[2]?.[0]].filter(Boolean).join("-");
  const text = (field: number): string => (msa && firstOf(msa, field)) ?? "";
  return { code: text(1), controlId: text(2), fault: fault?.[3]?.[0] ?? "", where, text: text(3) };
}
