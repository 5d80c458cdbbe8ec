import { writeFileSync } from "node:fs";

import { Command } from "commander";

import { approveRequest } from "../../certs/approve.ts";
import {
  type Enrolment,
  installCertificate,
  networkFingerprint,
  readEnrolment,
  requestCertificate,
} from "../../certs/enrol.ts";
import { inspectCertificate } from "../../certs/inspect.ts";
import { readPublicPem } from "../../certs/key-file.ts";
import { authorityFiles, nodeFilesIn, rootFiles } from "../../certs/layout.ts";
import { readCertificates } from "../../certs/pem.ts";
import { LEAF_LIFETIME_MS } from "../../certs/profile.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { EXIT, reporting } from "./exit.ts";

const LEAF_DAYS = LEAF_LIFETIME_MS / 86_400_000;

/** `corridor certs request`: makes a node's key where it will stay, and the request for its certificate. */
export function requestCommand(): Command {
  return new Command("request")
    .description("make a node's key, which never leaves DIR, and write the request for its certificate")
    .argument("<dir>", "the node's own folder of certificates")
    .argument("<kind>", "node")
    .argument("<id>", "the node's id")
    .requiredOption("--domain <domain>", "the network's domain")
    .action((dir: string, kind: string, id: string, { domain }: { domain: string }) =>
      reporting(async () => {
        checkKind(kind);
        const { fingerprint } = await requestCertificate(dir, id, domain);
        console.log(`Send ${nodeFilesIn(dir).request} to the issuing authority. It holds no secret.`);
        console.log(`On the telephone, compare its fingerprint: ${fingerprint}`);
      }),
    );
}

interface ApproveOptions {
  readonly collaborative: string;
  readonly request: string;
  readonly out?: string;
  readonly fingerprint?: string;
  readonly yes?: true;
}

/** `corridor certs approve`: the authority's side. Shows what it would sign, and signs only what people have compared. */
export function approveCommand(clock: Clock): Command {
  return new Command("approve")
    .description("certify the key of a node's request; without --fingerprint or --yes, only show what would be signed")
    .argument("<dir>", "the folder of corridor certs init")
    .argument("<kind>", "node")
    .argument("<id>", "the node's id, as it is to be certified")
    .requiredOption("--collaborative <id>", "whose authority issues it")
    .requiredOption("--request <file>", "what the node has sent")
    .option("--out <file>", "where the approved certificate goes (ID.approved.pem)")
    .option("--fingerprint <hex>", "the request's fingerprint, as the node's people read it out")
    .option("--yes", "sign without comparing: only where the file cannot have been changed on its way")
    .action((dir: string, kind: string, id: string, options: ApproveOptions) =>
      reporting(async () => {
        checkKind(kind);
        const enrolment = readEnrolment(readPublicPem(options.request));
        describe(id, enrolment);
        if (!isCompared(enrolment, options)) return;
        const { collaborative, out = `${id}.approved.pem` } = options;
        const approved = await approveRequest(dir, { id, collaborative, enrolment, clock });
        writeFileSync(out, approved, { flush: true });
        console.log(`Certified for ${LEAF_DAYS} days. Send ${out} to the node: corridor certs install.`);
        console.log(`Its people compare the network's fingerprint: ${fingerprintOf(dir)}`);
      }),
    );
}

/** `corridor certs install`: puts what the authority has approved in use. */
export function installCommand(clock: Clock): Command {
  return new Command("install")
    .description("put an approved certificate in use, with its key; a running node takes it up within seconds")
    .argument("<dir>", "the node's own folder of certificates")
    .argument("<approved>", "what the authority has sent")
    .option("--network <fingerprint>", "the network's fingerprint, as the authority's people read it out")
    .action((dir: string, file: string, { network }: { network?: string }) =>
      reporting(() => {
        const leaf = installCertificate(dir, { approved: readPublicPem(file), network, clock });
        const { serial, daysLeft } = inspectCertificate(leaf, clock.wallMs());
        console.log(`Installed ${nodeFilesIn(dir).certificate}: serial ${serial}, ${daysLeft} days left.`);
      }),
    );
}

function describe(id: string, { request, fingerprint, assertionKey }: Enrolment): void {
  const rows = [
    ["node", request.id === id ? id : `${request.id}: NOT ${id}`],
    ["domain", request.domain],
    ["key", `RSA ${request.publicKey.asymmetricKeyDetails?.modulusLength}`],
    ["assertion key", `${assertionKey} (for the manifest)`],
    ["fingerprint", fingerprint],
  ];
  console.log(rows.map(([label = "", text]) => `${label.padEnd(14)} ${text}`).join("\n"));
}

function isCompared({ fingerprint }: Enrolment, options: ApproveOptions): boolean {
  if (options.yes === true || options.fingerprint?.toLowerCase() === fingerprint) return true;
  console.error(
    options.fingerprint === undefined
      ? "corridor: nothing has been signed. Compare the fingerprint with the node's people, then give it with --fingerprint."
      : "corridor: the fingerprint is another one: the request was changed on its way. Nothing has been signed.",
  );
  process.exitCode = EXIT.refused;
  return false;
}

function fingerprintOf(dir: string): string {
  const root = rootFiles(dir).certificate;
  return networkFingerprint(
    readCertificates(readPublicPem(root), root),
    readPublicPem(authorityFiles(dir).manifestPublic),
  );
}

function checkKind(kind: string): void {
  if (kind === "node") return;
  throw new Failure("invalid-input", `'${kind}' cannot be requested: only a node's certificate.`, { where: "kind" });
}
