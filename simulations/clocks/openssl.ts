import { spawnSync } from "node:child_process";

/** Why this machine cannot compare with OpenSSL, in words that follow "since"; `undefined` where it can. */
export function whyNoOpenssl(): string | undefined {
  return spawnSync("openssl", ["version"]).status === 0 ? undefined : "openssl is missing";
}
