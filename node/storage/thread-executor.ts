import { Worker } from "node:worker_threads";

import { Failure } from "../base/failure.ts";
import type { StoreExecutor, StoreName } from "./executor.ts";
import { makeGroupQueue } from "./group-queue.ts";
import type { GroupReply } from "./group-runner.ts";
import { receiveFailure } from "./sent-failure.ts";
import type { StoreAlarm } from "./store-keeper.ts";
import type { FromWriter, ToWriter, WriterStart } from "./writer-thread.ts";

export interface ThreadExecutorOptions {
  readonly file: string;
  readonly store: StoreName;
  /**
   * Told once where the file failed or the thread died: every command is refused from then on, so the node should stop
   * and be started again.
   */
  readonly onFatal?: (failure: Failure) => void;
  /** Told of what an operator must hear though the store works on. */
  readonly onAlarm?: (alarm: StoreAlarm) => void;
  /** The thread's composition root; `node/writer.ts` unless a test brings its own. */
  readonly writer?: URL;
}

/** The thread runs the same kind of file as this one: TypeScript from the clone, JavaScript from a build. */
const WRITER = new URL(import.meta.url.endsWith(".ts") ? "../writer.ts" : "../writer.js", import.meta.url);

/**
 * Starts the one writer of a store file in a thread of its own; resolves when the file is open, checked and migrated.
 *
 * @throws {Failure} `store-unavailable` or `configuration`: the file cannot be opened; see `openStore`.
 */
export async function startThreadExecutor(options: ThreadExecutorOptions): Promise<StoreExecutor> {
  const { file, store } = options;
  const start: WriterStart = { file, store };
  const worker = new Worker(options.writer ?? WRITER, { workerData: start, name: `${store}-writer` });
  const link = linkTo(worker, file, options.onAlarm ?? (() => undefined));

  const first = await link.reply();
  if (first.kind === "refused") {
    await link.ended;
    throw receiveFailure(first.failure);
  }

  const queue = makeGroupQueue(file, {
    deliver: (commands) => link.ask({ kind: "group", commands }),
    finish: () => link.close(),
    onFatal: options.onFatal ?? (() => undefined),
  });
  link.onLost((failure) => queue.breakDown(failure));
  return queue;
}

/** The wire between the two threads: one message there, one back. */
interface WriterLink {
  /** @throws DataCloneError where a payload is no data; nothing was sent. */
  ask(message: Extract<ToWriter, { kind: "group" }>): Promise<GroupReply>;
  /** The next message of the thread. Rejects where it dies first. */
  reply(): Promise<FromWriter>;
  /** Says once that the thread died, or at once where it already has. */
  onLost(callback: (failure: Failure) => void): void;
  close(): Promise<void>;
  readonly ended: Promise<void>;
}

function linkTo(worker: Worker, file: string, onAlarm: (alarm: StoreAlarm) => void): WriterLink {
  const ended = Promise.withResolvers<void>();
  let expected: PromiseWithResolvers<FromWriter> | undefined;
  let lost: Failure | undefined;
  let endWanted = false;
  let tell: (failure: Failure) => void = () => undefined;

  const giveUp = (failure: Failure): void => {
    if (endWanted || lost !== undefined) return;
    lost = failure;
    expected?.reject(failure);
    tell(failure);
  };
  const lose = (cause: unknown): void => {
    const message = `The writer of ${file} has ended; nothing more can be written: start the node again.`;
    giveUp(new Failure("store-unavailable", message, { where: file, cause }));
  };
  worker.on("message", (message: FromWriter) => {
    if (message.kind === "alarm") return onAlarm({ event: message.event, failure: receiveFailure(message.failure) });
    if (message.kind === "broken") return giveUp(receiveFailure(message.failure));
    endWanted ||= message.kind === "refused";
    expected?.resolve(message);
  });
  worker.on("error", lose);
  worker.on("messageerror", lose);
  worker.on("exit", (code) => {
    lose(new Error(`the thread's exit code is ${code}`));
    ended.resolve();
  });

  const send = (message: ToWriter): void => worker.postMessage(message);
  const reply = (): Promise<FromWriter> => {
    if (lost !== undefined) return Promise.reject(lost);
    expected = Promise.withResolvers();
    return expected.promise;
  };
  return {
    reply,
    ended: ended.promise,
    async ask(message) {
      send(message);
      const answer = await reply();
      if (answer.kind === "done") return answer.reply;
      throw new Failure("internal", "The writer answered out of turn.");
    },
    onLost(callback) {
      tell = callback;
      if (lost !== undefined) callback(lost);
    },
    close() {
      endWanted = true;
      send({ kind: "close" });
      return ended.promise;
    },
  };
}
