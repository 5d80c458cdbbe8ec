import { X509Certificate } from "node:crypto";

import { Command } from "commander";

import { prepareAuthority, readRegister, stepAuthorities } from "../../certs/authority-register.ts";
import { inspectCertificate } from "../../certs/inspect.ts";
import type { Clock } from "../base/clock.ts";
import { reporting } from "./exit.ts";

const STEPS = [
  ["activate", "active", "what was prepared issues from now on; what it follows is still believed"],
  ["taint", "tainted", "what was followed is to be left: nodes renew at once what it issued"],
  ["revoke", "revoked", "what was tainted is believed no more; needs a second person's approval"],
] as const;

/** `corridor certs authority`: exchanges a network's root, or a collaborative's issuing authority, without a dropped call. */
export function authorityCommand(clock: Clock): Command {
  const command = new Command("authority")
    .description(
      "exchange the root or an issuing authority: prepare, activate, taint, revoke, a signed manifest after each",
    )
    .addCommand(listCommand(clock))
    .addCommand(prepareCommand(clock));
  for (const [name, to, description] of STEPS) {
    command.addCommand(
      new Command(name)
        .description(description)
        .argument("<dir>", "the folder of 'corridor certs init'")
        .action((dir: string) =>
          reporting(() => {
            stepAuthorities(dir, to);
            sayWhatIsNext(dir);
          }),
        ),
    );
  }
  return command;
}

function prepareCommand(clock: Clock): Command {
  return new Command("prepare")
    .description("make the authority that is to follow; nothing issues under it yet")
    .argument("<dir>", "the folder of 'corridor certs init'")
    .argument("<which>", "'root', or the id of a collaborative")
    .action((dir: string, which: string) =>
      reporting(async () => {
        await prepareAuthority(dir, which, clock);
        sayWhatIsNext(dir);
      }),
    );
}

function listCommand(clock: Clock): Command {
  return new Command("list")
    .description("the network's authorities, oldest first, and how far each exchange is")
    .argument("<dir>", "the folder of 'corridor certs init'")
    .option("--json", "print a JSON list")
    .action((dir: string, { json }: { json?: true }) =>
      reporting(() => {
        const rows = readRegister(dir).map(({ certificate, collaborative, state }) => {
          const read = new X509Certificate(Buffer.from(certificate, "base64"));
          const { serial, daysLeft, keySha256 } = inspectCertificate(read, clock.wallMs());
          return { authority: collaborative ?? "root", state, serial, daysLeft, keySha256 };
        });
        if (json === true) return console.log(JSON.stringify(rows, undefined, 2));
        for (const { authority, state, serial, daysLeft } of rows) {
          console.log(`${authority.padEnd(20)} ${state.padEnd(9)} ${daysLeft} days left  serial ${serial}`);
        }
      }),
    );
}

function sayWhatIsNext(dir: string): void {
  const counts = new Map<string, number>();
  for (const { state } of readRegister(dir)) counts.set(state, (counts.get(state) ?? 0) + 1);
  console.log(`Authorities: ${[...counts].map(([state, count]) => `${count} ${state}`).join(", ")}.`);
  console.log(
    "In force once a manifest is: 'corridor manifest sign --authorities', then 'approve'. Let every node take it " +
      "('corridor peer list' says who has) before the next step.",
  );
}
