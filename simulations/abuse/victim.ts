import assert from "node:assert/strict";
import { readdirSync } from "node:fs";

import { status as Status } from "@grpc/grpc-js";

import { issueCaller } from "../../certs/issue.ts";
import { systemClock } from "../../node/base/clock.ts";
import type { TlsFiles } from "../../node/wire/tls-files.ts";
import { percentile } from "../bench/measure.ts";
import { type Ended, METHOD, type RawClient, rawClient } from "../testing/doors-call.ts";
import { type DoorNetwork, type DoorNode, HOLDER, OTHER, PROVIDER, makeDoorNetwork } from "../testing/doors-network.ts";
import { aMarkedPerson } from "../testing/doors-people.ts";
import { peerBytes, peerQuestion } from "../testing/doors-questions.ts";
import { vitalsEnv } from "../testing/doors-vitals.ts";

/** A real node that is being abused, and an honest peer of it that goes on asking. */
export interface Victim {
  readonly network: DoorNetwork;
  readonly node: DoorNode;
  /** The peer's connection, open since before the abuse. */
  readonly peer: RawClient;
  /** Files and connections that the node has open at this moment. */
  openFiles(): number;
  /** Waits until it has no more open than that; gives how many it has. */
  filesDownTo(most: number): Promise<number>;
  /** A caller's certificate, a new one for each name: who has flooded the door is not let in for a while. */
  abuser(name: string): Promise<TlsFiles>;
  stop(): Promise<void>;
}

export async function startVictim(): Promise<Victim> {
  const network = await makeDoorNetwork();
  const node = await network.start(vitalsEnv(network.dir, true));
  const peer = rawClient(node.port, network.nodeTls(OTHER));
  const openFiles = (): number => readdirSync(`/proc/${node.pid}/fd`).length;
  return {
    ...{ network, node, peer, openFiles },
    async filesDownTo(most) {
      for (const startedMs = performance.now(); openFiles() > most;) {
        assert.ok(performance.now() - startedMs < CLOSED_WITHIN_MS, `${openFiles()} open files, not ${most}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return openFiles();
    },
    async abuser(name) {
      const rights = { roles: ["R8000"], settings: ["emergency" as const], organisations: [PROVIDER] };
      const none = { feed: false, operate: false, sandbox: false };
      await issueCaller(network.certsDir, { node: HOLDER, name, rights: { ...rights, ...none }, clock: systemClock });
      return network.callerTls(name);
    },
    async stop() {
      peer.close();
      await node.stop();
      network.remove();
    },
  };
}

/** How an honest peer fared. */
export interface Fared {
  readonly asked: number;
  /** Whatever was not a good answer, and why. */
  readonly failed: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const HELD = aMarkedPerson(0);
/** What is broken off in the middle of a handshake is closed when that runs out of time. */
const CLOSED_WITHIN_MS = 10_000;
const EVERY_MS = 5;

/** Until it has the size and the speed that it has at work. */
export async function warmUp(victim: Victim): Promise<void> {
  const lane = async (): Promise<void> => {
    for (let times = 0; times < 40; times++) await ask(victim);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

async function ask({ network, peer }: Victim): Promise<Ended> {
  return peer.call(METHOD.answerLocate, [peerBytes(await peerQuestion(network, HELD, {}, OTHER))]);
}

/** Asks one question after the other until that is over. */
export async function askUntil(victim: Victim, over: Promise<unknown>): Promise<Fared> {
  let isOver = false;
  const note = (): void => void (isOver = true);
  over.then(note, note);
  const latenciesMs: number[] = [];
  const failed: string[] = [];
  while (!isOver || latenciesMs.length < 2) {
    const askedMs = performance.now();
    const { code, said } = await ask(victim);
    latenciesMs.push(performance.now() - askedMs);
    if (code !== Status.OK) failed.push(said);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  const figures = { p50Ms: percentile(latenciesMs, 50), p99Ms: percentile(latenciesMs, 99) };
  return { asked: latenciesMs.length, failed, ...figures };
}
