import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { Outcome } from "../../node/base/answer.ts";
import type { StandIn } from "./stand-in.ts";

const OTHER_SIDE = fileURLToPath(new URL("./other-side.ts", import.meta.url));

/** How a locate ended for its caller. */
export interface Heard {
  /** By node. */
  readonly outcomes: Readonly<Record<string, Outcome | string>>;
  /** From the question to the verdict. */
  readonly elapsedMs: number;
  readonly sentence: string;
}

export type ToDo = { readonly at: number } & (
  | { readonly what: "ask"; readonly port: number; readonly certsDir: string; readonly answerByMs: number }
  | { readonly what: "stand-in"; readonly port: number; readonly kind: StandIn; readonly certsDir: string }
  | { readonly what: "leave"; readonly port: number }
);

export interface OtherSide {
  /** Asks the node at this port about nobody, in the name of the caller whose folder is given. */
  ask(port: number, certsDir: string, answerByMs: number): Promise<Heard>;
  /** Listens where a node should. */
  standIn(kind: StandIn, port: number, certsDir: string): Promise<void>;
  leave(port: number): Promise<void>;
  close(): Promise<void>;
}

interface Reply {
  readonly at: number;
  readonly heard?: Heard;
  readonly thrown?: string;
}

/** @param enter before its command line: the network that it is to be in. */
export function startOtherSide(enter: readonly string[] = []): OtherSide {
  const [program, ...args] = [...enter, process.execPath, OTHER_SIDE];
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const exited = once(child, "exit");
  const waiting = new Map<number, { resolve(heard: Heard | undefined): void; reject(error: Error): void }>();
  let next = 0;
  child.on("message", ({ at, heard, thrown }: Reply) => {
    if (thrown === undefined) waiting.get(at)?.resolve(heard);
    else waiting.get(at)?.reject(new Error(thrown));
    waiting.delete(at);
  });
  child.on("exit", () => {
    for (const { reject } of waiting.values()) reject(new Error("the other side has ended"));
  });

  type Without<T> = T extends unknown ? Omit<T, "at"> : never;
  const tell = (toDo: Without<ToDo>): Promise<Heard | undefined> =>
    new Promise((resolve, reject) => {
      const at = next++;
      waiting.set(at, { resolve, reject });
      child.send({ ...toDo, at });
    });
  return {
    async ask(port, certsDir, answerByMs) {
      const heard = await tell({ what: "ask", port, certsDir, answerByMs });
      if (heard === undefined) throw new Error("nothing was heard");
      return heard;
    },
    standIn: async (kind, port, certsDir) => void (await tell({ what: "stand-in", port, kind, certsDir })),
    leave: async (port) => void (await tell({ what: "leave", port })),
    async close() {
      child.disconnect();
      await exited;
    },
  };
}
