import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { ClientTarget, Connect, FeedFiles } from "./client.ts";
import type { LoadDisplay } from "./load-display.ts";
import { type LoadOrder, type LoadResult, LoadStopped, loadFiles } from "./load-files.ts";
import type { Position } from "./load-position.ts";
import type { LoadProgress } from "./load-progress.ts";
import { tryAgain } from "./load-tries.ts";

/** How often it is written down how far the load is: what is loaded twice after a break is what fits between two times. */
const KEEP_EVERY_MS = 500;

export interface RunOrder {
  readonly order: Pick<LoadOrder, "header" | "files" | "provider" | "rejects">;
  readonly target: ClientTarget;
  readonly progress: LoadProgress;
  readonly display: LoadDisplay;
  readonly connect: Connect;
  readonly feeds: FeedFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly stopSignal: () => AbortSignal;
}

/**
 * Loads from where the progress says, through breaks that pass, and writes down how far it came: now and then, and when it
 * ends for whatever reason.
 *
 * @throws as `loadFiles`; the same load, run again, goes on from there.
 */
export async function runLoad(run: RunOrder): Promise<LoadResult> {
  const { order, progress, display, clock, random } = run;
  const signal = run.stopSignal();
  let reached = progress.start.position;
  let keptMs = clock.monotonicMs();
  const keep = (): void => {
    keptMs = clock.monotonicMs();
    if (reached !== progress.start.position) progress.keep(reached, order.rejects.keep());
  };
  const onReached = (position: Position): void => {
    reached = position;
    if (clock.monotonicMs() - keptMs >= KEEP_EVERY_MS) keep();
    display.reached(position);
  };
  const attempt = async (): Promise<LoadResult> => {
    const client = await run.connect(run.target);
    const onBytes = display.newReading(reached.file);
    try {
      return await loadFiles(
        { ...order, from: reached, stop: { signal, clock }, onReached, onBytes },
        client,
        run.feeds,
      );
    } finally {
      client.close();
    }
  };
  try {
    const result = await tryAgain({
      ...{ attempt, signal, clock, random, stepsSoFar: () => reached.read },
      onPause: ({ message }, pauseMs) =>
        display.say(`${message} Trying again in ${Math.ceil(pauseMs / 1_000)} s; nothing is lost.`),
    });
    progress.remove();
    return result;
  } catch (thrown) {
    keep();
    if (reached.read > 0) display.say(howToGoOn(reached, order.files, thrown instanceof LoadStopped));
    throw thrown;
  } finally {
    display.end();
  }
}

function howToGoOn({ file, line, accepted }: Position, files: readonly string[], stopped: boolean): string {
  const where = `after line ${line} of ${files[file]}`;
  return `${stopped ? "Stopped" : "Broken off"} ${where}; ${accepted} items are durable. Run the same command to go on.`;
}
