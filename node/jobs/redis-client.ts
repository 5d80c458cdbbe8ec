import { Redis, type RedisOptions } from "ioredis";

import { Failure } from "../base/failure.ts";
import type { Random } from "../base/random.ts";

/** A Redis that does not answer a producer within this is away; the job is done in this process instead. */
const COMMAND_MS_MAX = 500;

const CONNECT_MS_MAX = 2_000;

/** A connection on which nothing has come back for so long, while something should have, is dropped and made anew. */
const SILENT_MS_MAX = 5_000;

const RETRY_FIRST_MS = 100;
const RETRY_LONGEST_MS = 2_000;

/** BullMQ's scripts need it. */
const VERSION_FLOOR = [6, 2] as const;

/** The form of replies stays the client's default, which BullMQ expects. */
type ClientOptions = Omit<RedisOptions, "replyMapping">;

/** Where a Redis is, for messages: without user and password. */
export function placeOf(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname.replace(/^\/$/, "")}`;
}

/** For handing jobs in: a command fails at once where Redis is away, and soon where it does not answer. */
export function makeProducerClient(url: URL, random: Random): Redis {
  return makeClient(url, random, {
    enableOfflineQueue: false,
    commandTimeout: COMMAND_MS_MAX,
    socketTimeout: SILENT_MS_MAX,
    maxRetriesPerRequest: 0,
  });
}

/** For taking jobs: its commands wait until Redis is back, for BullMQ's workers count on it. */
export function makeWorkerClient(url: URL, random: Random): Redis {
  return makeClient(url, random, { maxRetriesPerRequest: null });
}

function makeClient(url: URL, random: Random, options: ClientOptions): Redis {
  // Jittered, so that the nodes which share a Redis do not all come back at once.
  const retryStrategy = (times: number): number =>
    Math.min(RETRY_FIRST_MS * 2 ** times, RETRY_LONGEST_MS) * (0.5 + random.fraction() / 2);
  const client = new Redis({ ...addressIn(url), ...options, connectTimeout: CONNECT_MS_MAX, retryStrategy });
  return client.on("error", () => {}); // whoever sends a command is told; without a listener it would be printed
}

function addressIn(url: URL): ClientOptions {
  const { hostname, port, username, password, pathname, protocol } = url;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return {
    host,
    port: port === "" ? 6379 : Number(port),
    db: Number(pathname.slice(1)),
    ...(username !== "" && { username: decodeURIComponent(username) }),
    ...(password !== "" && { password: decodeURIComponent(password) }),
    ...(protocol === "rediss:" && { tls: { servername: host } }),
  };
}

/**
 * Looks whether a Redis may hold jobs.
 *
 * @returns what the operator should hear of a Redis that may be used all the same.
 * @throws {Failure} `configuration`: it may forget jobs, or is too old. `overloaded`: it is full.
 * @throws whatever the client says where Redis does not answer.
 */
export async function checkRedis(client: Redis, place: string): Promise<string | undefined> {
  const facts = factsIn(await client.info());
  const policy = facts.get("maxmemory_policy") ?? "unknown";
  if (policy !== "noeviction") {
    const message = `Redis at ${place} may throw jobs away when its memory is full (maxmemory-policy is ${policy}): set 'maxmemory-policy noeviction' in its configuration.`;
    throw new Failure("configuration", message, { where: "redis.url" });
  }
  const version = facts.get("redis_version") ?? "unknown";
  if (isTooOld(version)) {
    const needed = VERSION_FLOOR.join(".");
    const message = `Redis at ${place} is version ${version}, and ${needed} or newer is needed.`;
    throw new Failure("configuration", message, { where: "redis.url" });
  }
  const memoryMax = Number(facts.get("maxmemory"));
  if (memoryMax > 0 && Number(facts.get("used_memory")) >= memoryMax) {
    throw new Failure("overloaded", `Redis at ${place} is full: give it more maxmemory.`, { where: "redis.url" });
  }
  if (facts.get("aof_enabled") === "1") return undefined;
  return `Redis at ${place} keeps no append-only file: after its restart, jobs are handed to it again from the outbox. Set 'appendonly yes' to spare that.`;
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [majorFloor, minorFloor] = VERSION_FLOOR;
  return !(major > majorFloor || (major === majorFloor && minor >= minorFloor));
}

/** The lines `name:value` of Redis' description of itself. */
function factsIn(info: string): ReadonlyMap<string, string> {
  return new Map(
    info.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(":");
      return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}
