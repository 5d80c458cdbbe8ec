import { Failure } from "../base/failure.ts";
import type { StoreExecutor } from "./executor.ts";
import type { Command, GroupReply } from "./group-runner.ts";
import { receiveFailure, sendFailure } from "./sent-failure.ts";

/** Most commands in one transaction: bounds how long the last of a group waits for the first. */
const GROUP_COMMANDS_MAX = 1_024;

/** Most commands that wait; beyond it the store says that it is overloaded. */
const WAITING_COMMANDS_MAX = 32_768;

interface Waiting extends Command {
  readonly resolve: (result: never) => void;
  readonly reject: (failure: Failure) => void;
}

/** Where the groups go: a writer thread, or the same thread. */
export interface GroupTransport {
  /** Runs one group; at most one is under way. Rejects where the other side is gone. */
  readonly deliver: (commands: readonly Command[]) => Promise<GroupReply>;
  /** Closes the file. Called once, with nothing under way. */
  readonly finish: () => Promise<void>;
  /** The file is at fault or the writer is gone: nothing can be written until the node starts again. */
  readonly onFatal: (failure: Failure) => void;
}

export interface GroupQueue extends StoreExecutor {
  /** Gives the store up: everything that waits, and everything later, gets this failure. */
  breakDown(failure: Failure): void;
}

/**
 * Collects commands into groups. The first goes at the end of the running task; those that arrive while a group is
 * being committed make up the next one, so that a store under load commits rarely and an idle one at once.
 */
export function makeGroupQueue(file: string, transport: GroupTransport): GroupQueue {
  let waiting: Waiting[] = [];
  let pumping: Promise<void> | undefined;
  let broken: Failure | undefined;
  let closing: Promise<void> | undefined;

  const breakDown = (failure: Failure): void => {
    if (broken !== undefined) return;
    broken = failure;
    const lost = waiting;
    waiting = [];
    for (const command of lost) command.reject(failure);
    transport.onFatal(failure);
  };

  const pump = async (): Promise<void> => {
    await Promise.resolve(); // lets the running task add the rest of its commands
    while (waiting.length > 0) {
      const group = waiting.slice(0, GROUP_COMMANDS_MAX);
      waiting = waiting.slice(GROUP_COMMANDS_MAX);
      const { replies, broken: fault } = await send(group, transport);
      group.forEach((command, at) => settle(command, replies[at]));
      if (fault !== undefined) breakDown(receiveFailure(fault));
    }
    pumping = undefined;
  };

  const run = (name: string, payload: unknown): Promise<never> => {
    const refusal = broken ?? refuse(file, closing !== undefined, waiting.length);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      waiting.push({ name, payload, resolve, reject });
      pumping ??= pump();
    });
  };

  const finish = async (): Promise<void> => {
    await pumping;
    await transport.finish();
  };

  return { run, breakDown, close: () => (closing ??= finish()) };
}

/** Delivers a group; where one payload is no data, finds it by sending each alone. */
async function send(group: readonly Waiting[], transport: GroupTransport): Promise<GroupReply> {
  try {
    return await transport.deliver(group.map(({ name, payload }) => ({ name, payload })));
  } catch (thrown) {
    const failure = sendFailure(thrown);
    if (!isNotData(thrown)) return { replies: group.map(() => ({ ok: false, failure })), broken: failure };
    if (group.length === 1) return { replies: [{ ok: false, failure }] };
    return sendEachAlone(group, transport);
  }
}

async function sendEachAlone(group: readonly Waiting[], transport: GroupTransport): Promise<GroupReply> {
  const replies = [];
  for (const command of group) {
    const reply = await send([command], transport);
    replies.push(...reply.replies);
    if (reply.broken === undefined) continue;
    const failure = reply.broken;
    while (replies.length < group.length) replies.push({ ok: false, failure } as const);
    return { replies, broken: failure };
  }
  return { replies };
}

function settle(command: Waiting, reply: GroupReply["replies"][number] | undefined): void {
  if (reply?.ok === true) return command.resolve(reply.result as never);
  command.reject(
    reply === undefined ? new Failure("internal", "A command got no reply.") : receiveFailure(reply.failure),
  );
}

function refuse(file: string, closing: boolean, waitingCount: number): Failure | undefined {
  if (closing) {
    return new Failure("store-unavailable", `The store ${file} is closed: the node is stopping.`, { where: file });
  }
  if (waitingCount < WAITING_COMMANDS_MAX) return undefined;
  return new Failure(
    "overloaded",
    `More than ${WAITING_COMMANDS_MAX} writes wait for ${file}: try again later; if it lasts, check the disk.`,
    { where: file },
  );
}

function isNotData(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "DataCloneError";
}
