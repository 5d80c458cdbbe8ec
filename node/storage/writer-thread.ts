import { isMainThread, parentPort, workerData } from "node:worker_threads";

import { check } from "../base/check.ts";
import { openStore } from "./database.ts";
import type { CommandHandlers, HandlersMaker, StoreName } from "./executor.ts";
import { type Command, type GroupReply, makeGroupRunner } from "./group-runner.ts";
import { type SentFailure, sendFailure } from "./sent-failure.ts";

/** What a writer thread is started with. */
export interface WriterStart {
  readonly file: string;
  readonly store: StoreName;
}

export type ToWriter = { readonly kind: "group"; readonly commands: readonly Command[] } | { readonly kind: "close" };

export type FromWriter =
  | { readonly kind: "ready" }
  | { readonly kind: "refused"; readonly failure: SentFailure }
  | { readonly kind: "done"; readonly reply: GroupReply };

/**
 * The life of a writer thread: opens its file, then runs group after group until it is told to close.
 *
 * @param makers for each store, what makes the handlers of its commands.
 */
export function serveWriter(makers: Readonly<Record<StoreName, readonly HandlersMaker[]>>): void {
  const port = parentPort;
  check(!isMainThread && port !== null, "the writer runs in a thread of its own");
  const { file, store } = workerData as WriterStart;
  const send = (message: FromWriter): void => port.postMessage(message);

  try {
    const db = openStore(file, store);
    const runGroup = makeGroupRunner(db, mergeHandlers(makers[store].map((make) => make(db))));
    port.on("message", (message: ToWriter) => {
      if (message.kind === "group") return send({ kind: "done", reply: runGroup(message.commands) });
      db.close();
      port.close();
    });
    send({ kind: "ready" });
  } catch (thrown) {
    send({ kind: "refused", failure: sendFailure(thrown) });
    port.close();
  }
}

/** One table of handlers from several; a name that two of them use is a mistake of ours. */
export function mergeHandlers(parts: readonly CommandHandlers[]): CommandHandlers {
  const merged = new Map<string, unknown>();
  for (const [name, handler] of parts.flatMap((part) => Object.entries(part))) {
    check(!merged.has(name), `the command ${name} has one handler`);
    merged.set(name, handler);
  }
  return Object.fromEntries(merged);
}
