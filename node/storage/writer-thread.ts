import { isMainThread, parentPort, workerData } from "node:worker_threads";

import { check } from "../base/check.ts";
import { giveBackSpareMemory } from "../base/spare-memory.ts";
import type { Clock } from "../base/clock.ts";
import type { CommandHandlers, HandlersMaker, StoreName } from "./executor.ts";
import { type Command, describeFault, type GroupReply, makeGroupRunner } from "./group-runner.ts";
import { type SentFailure, sendFailure } from "./sent-failure.ts";
import { keepStore, type KeptStore, type StoreAlarm } from "./store-keeper.ts";

/** What a writer thread is started with. */
export interface WriterStart {
  readonly file: string;
  readonly store: StoreName;
}

export type ToWriter = { readonly kind: "group"; readonly commands: readonly Command[] } | { readonly kind: "close" };

export type FromWriter =
  | { readonly kind: "ready" }
  | { readonly kind: "refused"; readonly failure: SentFailure }
  | { readonly kind: "done"; readonly reply: GroupReply }
  | { readonly kind: "alarm"; readonly event: StoreAlarm["event"]; readonly failure: SentFailure }
  /** The file must be given up. */
  | { readonly kind: "broken"; readonly failure: SentFailure };

/** For each store, what loads the makers of its commands' handlers. */
export type WriterMakers = Readonly<Record<StoreName, () => Promise<readonly HandlersMaker[]>>>;

/**
 * The life of a writer thread: opens its file, then runs group after group, and tends the file between them, until it is
 * told to close.
 */
export async function serveWriter(makersOf: WriterMakers, clock: Clock): Promise<void> {
  const port = parentPort;
  check(!isMainThread && port !== null, "the writer runs in a thread of its own");
  const { file, store } = workerData as WriterStart;
  const send = (message: FromWriter): void => port.postMessage(message);
  const alarm = ({ event, failure }: StoreAlarm): void => send({ kind: "alarm", event, failure: sendFailure(failure) });
  try {
    const makers = await makersOf[store]();
    const kept = keepStore(file, store, clock, alarm);
    const handlers = mergeHandlers(makers.map((make) => make(kept.db)));
    const runGroup = makeGroupRunner(kept.db, handlers, kept);
    const tending = tend(kept, clock, (failure) => send({ kind: "broken", failure }));
    port.on("message", (message: ToWriter) => {
      if (message.kind === "group") {
        send({ kind: "done", reply: runGroup(message.commands) });
        tending.afterGroup();
        return;
      }
      tending.stop();
      port.close();
    });
    giveBackSpareMemory();
    send({ kind: "ready" });
  } catch (thrown) {
    send({ kind: "refused", failure: sendFailure(thrown) });
    port.close();
  }
}

/** What a writer does for its file between groups, until the file is found at fault. */
function tend(kept: KeptStore, clock: Clock, giveUp: (failure: SentFailure) => void) {
  let over = false;
  const carefully = (work: () => void): void => {
    if (over) return;
    try {
      work();
    } catch (thrown) {
      over = true;
      giveUp(sendFailure(describeFault(thrown, kept.db.name)));
    }
  };
  const verify = (): void => carefully(() => void (timer = clock.after(kept.verifyStretch(), verify)));
  let timer = clock.after(0, verify);
  return {
    afterGroup: () => carefully(() => kept.foldIfDue()),
    stop() {
      timer.cancel();
      try {
        kept.close();
      } catch {
        // What was acknowledged is in the log; the next start folds it in.
      }
    },
  };
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
