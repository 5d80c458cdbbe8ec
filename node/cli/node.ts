import { Command } from "commander";

import { reportFailure } from "./exit.ts";

/** What the command needs of a node. */
export interface RunningNode {
  readonly id: string;
  stop(): Promise<void>;
}

export interface NodeCommandNeeds {
  /** Reads and checks one configuration file; throws a Failure that lists everything wrong with it. */
  readonly check: (configPath: string) => Promise<void>;
  readonly start: (configPath: string) => Promise<RunningNode>;
  /** Calls back on the first wish to stop: a signal or, where asked for, the end of standard input. */
  readonly onStop: (untilStdinCloses: boolean, stop: () => void) => void;
}

interface NodeOptions {
  readonly config: readonly string[];
  readonly check?: true;
  readonly untilStdinCloses?: true;
}

/** `corridor node`: runs one node (or, with several `--config`, several) until told to stop. */
export function nodeCommand(needs: NodeCommandNeeds): Command {
  return new Command("node")
    .description("run a federation node")
    .requiredOption("--config <file>", "the node's configuration; may be given several times", collect)
    .option("--check", "only check the configuration and everything it names")
    .option("--until-stdin-closes", "also stop when standard input ends, so that no node outlives its starter")
    .action(async (options: NodeOptions) => {
      try {
        if (options.check === true) await checkAll(options.config, needs);
        else await runUntilStopped(options, needs);
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

async function checkAll(configs: readonly string[], needs: NodeCommandNeeds): Promise<void> {
  for (const config of configs) {
    await needs.check(config);
    console.log(`${config}: in order`);
  }
}

async function runUntilStopped(options: NodeOptions, needs: NodeCommandNeeds): Promise<void> {
  const stopWished = new Promise<void>((resolve) => needs.onStop(options.untilStdinCloses === true, resolve));
  const nodes: RunningNode[] = [];
  try {
    for (const config of options.config) nodes.push(await needs.start(config));
    await stopWished;
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
  }
}

function collect(value: string, soFar: readonly string[] = []): string[] {
  return [...soFar, value];
}
