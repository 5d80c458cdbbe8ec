import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { type AskerName, ASKERS, HOLDER, type OneHolder } from "./one-holder.ts";

const CROWD = fileURLToPath(new URL("./crowd.ts", import.meta.url));

/** How one member asks. */
export interface Manner {
  readonly asker: AskerName;
  /** How many questions a second, whatever becomes of them; or how many at a time, each answer setting off the next. */
  readonly pace: { readonly perSecond: number } | { readonly atATime: number };
  readonly answerByMs: number;
  readonly connections: number;
  /** As nodes ask: through all that stands between a question and a member. Otherwise straight, whatever was answered. */
  readonly isWellBehaved: boolean;
}

/** How it fared. */
export interface Fared {
  readonly asked: number;
  readonly answered: number;
  readonly shed: number;
  /** By the code of what they ended with. */
  readonly otherwise: Readonly<Record<string, number>>;
  readonly answeredMs: { readonly p50: number; readonly p99: number };
  readonly shedMs: { readonly p50: number; readonly p99: number };
}

export interface CrowdOrder {
  readonly domain: string;
  readonly port: number;
  readonly holder: string;
  readonly members: readonly { readonly id: AskerName; readonly certsDir: string; readonly assertionKey: string }[];
}

export interface Together {
  readonly manners: readonly Manner[];
  readonly forMs: number;
}

/** The holder's peers, in a process of their own. */
export interface Crowd {
  /** Lets these ask together for so long; gives how each of them fared. */
  ask(manners: readonly Manner[], forMs: number): Promise<readonly Fared[]>;
  close(): Promise<void>;
}

export function startCrowd({ domain, port, certsDir, assertionKey }: OneHolder): Crowd {
  const members = ASKERS.map((id) => ({ id, certsDir: certsDir(id), assertionKey: assertionKey(id) }));
  const order: CrowdOrder = { domain, port, holder: HOLDER, members };
  const child = spawn(process.execPath, [CROWD, JSON.stringify(order)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const exited = once(child, "exit");
  return {
    async ask(manners, forMs) {
      const together: Together = { manners, forMs };
      child.send(together);
      const [said] = (await Promise.race([once(child, "message"), exited.then(() => ["it has ended"])])) as [unknown];
      if (!Array.isArray(said)) throw new Error(`the crowd: ${String(said)}`);
      return said as Fared[];
    },
    async close() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
