import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

import { Command, Option } from "commander";

import { type Crl, REVOCATION_REASONS, type RevocationReason, readCrl, verifyCrl } from "../../certs/crl.ts";
import { daysText } from "../../certs/inspect.ts";
import { readPublicPem } from "../../certs/key-file.ts";
import { serialOf, writeNextCrl } from "../../certs/revoke.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { EXIT, reporting } from "./exit.ts";

interface RevokeOptions {
  readonly authority: string;
  readonly reason: RevocationReason;
}

/** `corridor certs revoke`: an authority's next list, with one certificate more. */
export function revokeCommand(clock: Clock): Command {
  return new Command("revoke")
    .description("revoke a certificate: write its authority's next revocation list, for the next manifest")
    .argument("<dir>", "the folder of corridor certs init")
    .argument("<certificate>", "the certificate's file, or its serial in hex")
    .requiredOption("--authority <id>", "the collaborative whose authority issued it; 'root' for an issuing authority")
    .addOption(new Option("--reason <reason>", "why").choices(Object.keys(REVOCATION_REASONS)).default("unspecified"))
    .action((dir: string, certificate: string, { authority, reason }: RevokeOptions) =>
      reporting(async () => {
        const serial = serialOf(certificate);
        const { crl, path } = await writeNextCrl(dir, { authority, serial, reason, clock });
        console.log(`Revoked ${serial} (${reason}). ${path} is list ${crl.number}.`);
        console.log("Nodes act on it once it comes with the manifest.");
      }),
    );
}

/** `corridor certs crl`: an authority's list, shown or signed anew. */
export function crlCommand(clock: Clock): Command {
  return new Command("crl")
    .description("revocation lists")
    .addCommand(
      new Command("show")
        .description("show a revocation list (exit 3: not signed by --issuer)")
        .argument("<file>", "a list in DER or PEM")
        .option("--issuer <certificate>", "the authority's certificate; without it nothing is verified")
        .action((file: string, { issuer }: { issuer?: string }) => reporting(() => show(file, issuer, clock))),
    )
    .addCommand(
      new Command("sign")
        .description("sign an authority's next list without revoking anybody: before the one before ends")
        .argument("<dir>", "the folder of corridor certs init")
        .requiredOption("--authority <id>", "a collaborative, or 'root'")
        .action((dir: string, { authority }: { authority: string }) =>
          reporting(async () => {
            const { crl, path } = await writeNextCrl(dir, { authority, clock });
            console.log(`${path} is list ${crl.number}, ${daysText(crl.nextUpdateMs, clock.wallMs())}.`);
          }),
        ),
    );
}

function show(file: string, issuer: string | undefined, clock: Clock): void {
  const crl = readCrl(read(file));
  const note =
    issuer === undefined ? "NOT VERIFIED: name the authority's certificate with --issuer." : verdict(crl, issuer);
  console.log([note, ...describe(crl, clock)].join("\n"));
}

function verdict(crl: Crl, issuer: string): string {
  if (verifyCrl(crl, new X509Certificate(readPublicPem(issuer)).publicKey)) return "Signature verified.";
  process.exitCode = EXIT.refused;
  return `REFUSED: not signed by ${issuer}.`;
}

function describe({ issuerName, number, thisUpdateMs, nextUpdateMs, entries }: Crl, clock: Clock): string[] {
  const instant = (ms: number): string => new Date(ms).toISOString();
  return [
    `issuer         ${issuerName}`,
    `number         ${number}`,
    `valid          ${instant(thisUpdateMs)} to ${instant(nextUpdateMs)} (${daysText(nextUpdateMs, clock.wallMs())})`,
    `revoked        ${entries.length}`,
    ...entries.map(({ serial, atMs, reason }) => `  ${serial.padEnd(34)} ${instant(atMs)} ${reason}`),
  ];
}

function read(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new Failure("configuration", `${file} cannot be read.`, { where: file, cause });
  }
}
