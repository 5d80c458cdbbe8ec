import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

/** A network of its own that only what is started in it can see: a loopback interface, and a packet filter to spoil it. */
export interface OwnNetwork {
  /** Goes before a command line that is to run in it. */
  readonly enter: readonly string[];
  /** From now on packets from and to these ports are dropped, and nobody is told; those to and from all others pass. */
  drop(ports: readonly number[]): Promise<void>;
  /** Ends the connections from and to these ports, each side told by a reset; then drops their packets. */
  resetAndDrop(ports: readonly number[]): Promise<void>;
  /** Drops so many packets in a hundred, drawn at random, from and to these ports. */
  lose(ports: readonly number[], percent: number): Promise<void>;
  /** Drops what is sent towards these ports, or from them; the other way passes. */
  dropOneWay(ports: readonly number[], which: "towards" | "from"): Promise<void>;
  /** Every packet passes. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

const LOAD_WITHIN_MS = 2_000;
/** Long enough for a ping of either side, or a retransmission, to meet the reset. */
const RESET_FOR_MS = 700;

/** Why this machine cannot make one, in words that follow "since"; `undefined` where it can. */
export function whyNoOwnNetwork(): string | undefined {
  const tried = spawnSync("unshare", ["--net", "sh", "-c", "ip link set lo up && nft list ruleset"], {
    encoding: "utf8",
    timeout: LOAD_WITHIN_MS,
  });
  if (tried.status === 0) return undefined;
  return "a network namespace with nftables needs root, unshare, ip and nft";
}

/**
 * Makes one, as a network namespace that is held by one process and is gone with it, so that nothing is left behind whatever
 * happens to this one.
 */
export async function makeOwnNetwork(): Promise<OwnNetwork> {
  const holder = spawn("unshare", ["--net", "sh", "-c", "ip link set lo up && echo up && exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "exit");
  await once(holder.stdout, "data");
  const enter = ["nsenter", `--net=/proc/${holder.pid}/ns/net`];

  /** Replaces all rules in one step. */
  async function load(...rules: readonly string[]): Promise<void> {
    const [program, ...args] = enter;
    const nft = spawn(program!, [...args, "nft", "-f", "-"], {
      stdio: ["pipe", "inherit", "inherit"],
      timeout: LOAD_WITHIN_MS,
    });
    const exited = once(nft, "exit");
    nft.stdin.end(
      [
        "table inet faults",
        "delete table inet faults",
        "table inet faults {",
        "chain arriving {",
        "type filter hook input priority 0; policy accept;",
        ...rules,
        "}",
        "}\n",
      ].join("\n"),
    );
    const [code] = (await exited) as [number | null];
    if (code !== 0) throw new Error(`nft did not take the rules: ${rules.join("; ")}`);
  }
  const setOf = (ports: readonly number[]): string => `{ ${ports.join(", ")} }`;
  const both = (ports: readonly number[], verdict: string): readonly string[] =>
    ports.length === 0 ? [] : ["sport", "dport"].map((side) => `tcp ${side} ${setOf(ports)} ${verdict}`);
  const drop = (ports: readonly number[]): Promise<void> => load(...both(ports, "drop"));

  return {
    enter,
    drop,
    async resetAndDrop(ports) {
      await load(...both(ports, "reject with tcp reset"));
      await new Promise((resolve) => setTimeout(resolve, RESET_FOR_MS));
      await drop(ports);
    },
    lose: (ports, percent) => load(...both(ports, `numgen random mod 100 < ${percent} drop`)),
    dropOneWay: (ports, which) => load(`tcp ${which === "towards" ? "dport" : "sport"} ${setOf(ports)} drop`),
    restore: () => load(),
    async close() {
      holder.stdin.end();
      await ended;
    },
  };
}
