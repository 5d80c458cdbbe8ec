import { Command, Option } from "commander";

import { initNetwork } from "../../certs/authority.ts";
import { daysText, describeCertificate, inspectCertificate } from "../../certs/inspect.ts";
import { issueCaller, issueNode } from "../../certs/issue.ts";
import { readPublicPem } from "../../certs/key-file.ts";
import { readCertificates } from "../../certs/pem.ts";
import { LEAF_LIFETIME_MS } from "../../certs/profile.ts";
import { faultsOfCertificate } from "../../certs/verify.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { SETTINGS, type Setting } from "../base/words.ts";
import { authorityCommand } from "./certs-authority.ts";
import { approveCommand, installCommand, requestCommand } from "./certs-enrol.ts";
import { explainCommand } from "./certs-explain.ts";
import { crlCommand, revokeCommand } from "./certs-revoke.ts";
import { EXIT, reporting } from "./exit.ts";

const LEAF_DAYS = LEAF_LIFETIME_MS / 86_400_000;

/** `corridor certs`: makes a network's authorities, issues certificates, and says what is in one and whether it holds. */
export function certsCommand(clock: Clock = systemClock): Command {
  return new Command("certs")
    .description("certificates and membership: authorities, nodes, callers")
    .addCommand(initCommand(clock))
    .addCommand(issueCommand(clock))
    .addCommand(requestCommand())
    .addCommand(approveCommand(clock))
    .addCommand(installCommand(clock))
    .addCommand(revokeCommand(clock))
    .addCommand(crlCommand(clock))
    .addCommand(authorityCommand(clock))
    .addCommand(inspectCommand(clock))
    .addCommand(verifyCommand(clock))
    .addCommand(explainCommand(clock));
}

interface InitOptions {
  readonly domain: string;
  readonly collaborative: string[];
}

function initCommand(clock: Clock): Command {
  return new Command("init")
    .description("make a network's root, an issuing authority for each collaborative, and the manifest's key")
    .argument("<dir>", "a folder that holds no network yet")
    .requiredOption("--domain <domain>", "the network's domain, for example west-midlands.corridor.example")
    .requiredOption("--collaborative <id...>", "ids of the collaboratives")
    .action((dir: string, { domain, collaborative }: InitOptions) =>
      reporting(async () => {
        await initNetwork(dir, { domain, collaboratives: collaborative, clock });
        console.log(`Made the authorities of ${domain} in ${dir}: root, ${collaborative.join(", ")}, manifest key.`);
        console.log("Keep root/root.key.pem and authority/manifest.key.pem offline.");
      }),
    );
}

interface IssueOptions {
  readonly collaborative?: string;
  readonly node?: string;
  readonly role: string[];
  readonly setting: Setting[];
  readonly organisation: string[];
  readonly feed: boolean;
  readonly operate: boolean;
  readonly review?: true;
  readonly sandbox: boolean;
  readonly replace: boolean;
}

function issueCommand(clock: Clock): Command {
  return new Command("issue")
    .description(`issue a certificate for ${LEAF_DAYS} days: corridor certs issue DIR node ID, or … caller NAME`)
    .argument("<dir>", "the folder of corridor certs init")
    .argument("<kind>", "node or caller")
    .argument("<name>", "the node's id, or the caller's name")
    .option("--collaborative <id>", "node: whose authority issues it")
    .option("--node <id>", "caller: the node that it may ask")
    .option("--role <codes...>", "caller: job roles that it may claim (R8000, or S8000:G8000:R8000)", [])
    .addOption(
      new Option("--setting <settings...>", "caller: settings that it may claim").choices(SETTINGS).default([]),
    )
    .option("--organisation <codes...>", "caller: organisations that it may claim", [])
    .option("--feed", "caller: may load identities, pointers and objections", false)
    .option("--operate", "caller: may run the node", false)
    .option("--review", "caller: may decide by hand who is whom, and see whom it is about")
    .option("--sandbox", "caller: may claim anything, at a sandbox node", false)
    .option("--replace", "a new key and certificate take the place of those there", false)
    .action((dir: string, kind: string, name: string, options: IssueOptions) =>
      reporting(() => issue(dir, kind, name, options, clock)),
    );
}

async function issue(dir: string, kind: string, name: string, options: IssueOptions, clock: Clock): Promise<void> {
  if (kind !== "node" && kind !== "caller") throw usage(`'${kind}' cannot be issued: say node or caller.`, "kind");
  const { replace } = options;
  if (kind === "node") {
    if (options.collaborative === undefined) throw usage("A node needs --collaborative: whose authority issues it.");
    const { files } = await issueNode(dir, { id: name, collaborative: options.collaborative, clock, replace });
    console.log(`Issued ${files.certificate}, valid for ${LEAF_DAYS} days; its keys lie beside it.`);
    return;
  }
  if (options.node === undefined) throw usage("A caller needs --node: the node that it may ask.");
  const { role: roles, setting: settings, organisation: organisations, feed, operate, sandbox } = options;
  const { review } = options;
  const rights = { roles, settings, organisations, feed, operate, ...(review && { review }), sandbox };
  const { files } = await issueCaller(dir, { node: options.node, name, rights, clock, replace });
  console.log(`Issued ${files.certificate}, valid for ${LEAF_DAYS} days; its key lies beside it.`);
}

function inspectCommand(clock: Clock): Command {
  return new Command("inspect")
    .description("say what the certificates of a file are; nothing is verified")
    .argument("<file>", "certificates in PEM, the leaf first")
    .option("--json", "print one JSON object")
    .option("--pem", "print the certificates in PEM as well")
    .action((file: string, options: { json?: true; pem?: true }) =>
      reporting(async () => inspect(file, options, clock)),
    );
}

function inspect(file: string, { json, pem }: { json?: true; pem?: true }, clock: Clock): void {
  const certificates = readCertificates(readPublicPem(file), file).map((certificate) => ({
    facts: inspectCertificate(certificate, clock.wallMs()),
    pem: certificate.toString(),
  }));
  if (json === true) {
    const shown = certificates.map((one) => (pem === true ? { ...one.facts, pem: one.pem } : one.facts));
    console.log(JSON.stringify({ certificates: shown }, undefined, 2));
    return;
  }
  const blocks = certificates.map((one) => [...describeCertificate(one.facts), ...(pem === true ? [one.pem] : [])]);
  console.log(blocks.map((lines) => lines.join("\n")).join("\n\n"));
}

function verifyCommand(clock: Clock): Command {
  return new Command("verify")
    .description("say whether a certificate would be accepted, and exactly why not (exit 3)")
    .argument("<file>", "the leaf, then its issuing authority, in PEM")
    .requiredOption("--trust <root>", "the network's root, in PEM")
    .option("--domain <domain>", "the network's domain; left out: that of the issuing authority")
    .action((file: string, options: { trust: string; domain?: string }) =>
      reporting(async () => verify(file, options, clock)),
    );
}

function verify(file: string, { trust, domain }: { trust: string; domain?: string }, clock: Clock): void {
  const chain = readCertificates(readPublicPem(file), file);
  const faults = faultsOfCertificate({
    chain,
    trusted: readCertificates(readPublicPem(trust), trust),
    domain,
    nowMs: clock.wallMs(),
  });
  if (faults.length === 0) {
    const left = daysText(chain[0]!.validToDate.getTime(), clock.wallMs());
    console.log(`${file}: good, ${left}. Whether it is still a member's, the manifest says.`);
    return;
  }
  console.error(`corridor: ${file} would be refused:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
  process.exitCode = EXIT.refused;
}

function usage(message: string, where?: string): Failure {
  return new Failure("invalid-input", message, where === undefined ? {} : { where });
}
