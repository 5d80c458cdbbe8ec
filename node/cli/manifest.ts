import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";

import { Command } from "commander";

import { readRegister } from "../../certs/authority-register.ts";
import { readCrl } from "../../certs/crl.ts";
import { assertionPublicKey, caFingerprint } from "../../certs/fingerprint.ts";
import { readPrivateKey, readPublicPem } from "../../certs/key-file.ts";
import { collaborativeFiles, nodeFiles } from "../../certs/layout.ts";
import { decodePem } from "../../certs/pem.ts";
import {
  MANIFEST_BYTES_MAX,
  MANIFEST_FUTURE_MS,
  type Manifest,
  type Member,
  manifestState,
  parseManifest,
  readUnverified,
  signManifest,
  verifyManifest,
} from "../../topology/manifest.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { buildManifest } from "../../topology/build-manifest.ts";
import { readTopology } from "../../topology/topology.ts";
import { approveManifest, splitManifestFile } from "../../topology/manifest-approval.ts";
import { Failure, asFailure } from "../base/failure.ts";
import { everyDifference, whyApprovalIsNeeded } from "../trust/needs-approval.ts";
import { EXIT, reportFailure } from "./exit.ts";

/** `corridor manifest`: signs the list of members, shows one, and says whether one may be relied on. */
export function manifestCommand(clock: Clock = systemClock): Command {
  return new Command("manifest")
    .description("the network's signed list of members and agreements")
    .addCommand(initCommand(clock))
    .addCommand(signCommand())
    .addCommand(showCommand(clock))
    .addCommand(verifyCommand(clock))
    .addCommand(diffCommand())
    .addCommand(approveCommand());
}

function initCommand(clock: Clock): Command {
  return new Command("init")
    .description("write the first manifest of a network as JSON, from its topology and its certificates, to be signed")
    .argument("<topology>", "the topology file")
    .argument("<out>", "where the manifest goes; it must not be there yet")
    .requiredOption("--certs <dir>", "the folder of 'corridor certs init'")
    .requiredOption("--endpoint <id=host:port...>", "where each node is reached, in order of preference")
    .option("--approver <file...>", "public Ed25519 keys, PEM, of those of whom one must approve of large removals")
    .action((from: string, to: string, options: { certs: string; endpoint: string[]; approver?: string[] }) =>
      reporting(() => {
        const topology = readTopology(from);
        const manifest = buildManifest(topology, {
          ...{
            sequence: 1,
            issuedAt: new Date(clock.wallMs()).toISOString(),
            endpoints: endpointsOf(options.endpoint),
          },
          issuingCas: new Map(
            topology.collaboratives.map(({ id }) => [
              id,
              caFingerprint(readPublicPem(collaborativeFiles(options.certs, id).certificate)),
            ]),
          ),
          assertionKeys: new Map(
            topology.nodes.map(({ id }) => [
              id,
              assertionPublicKey(readPublicPem(nodeFiles(options.certs, id).assertionPublic)),
            ]),
          ),
        });
        const approvers = options.approver?.map((path) => assertionPublicKey(readPublicPem(path)));
        const whole = { ...manifest, ...(approvers !== undefined && { approvers }) };
        attempt(to, "written", () => writeFileSync(to, `${JSON.stringify(whole, undefined, 2)}\n`, { flag: "wx" }));
        console.log(`Wrote ${to}: ${manifest.members.length} members. Sign it with 'corridor manifest sign'.`);
      }),
    );
}

function endpointsOf(given: readonly string[]): Map<string, string[]> {
  const endpoints = new Map<string, string[]>();
  for (const each of given) {
    const [, id, endpoint] = /^([^=]+)=(.+:\d{1,5})$/.exec(each) ?? [];
    if (id === undefined || endpoint === undefined) {
      throw new Failure("invalid-input", `--endpoint must be ID=HOST:PORT, not '${each}'.`);
    }
    endpoints.set(id, [...(endpoints.get(id) ?? []), endpoint]);
  }
  return endpoints;
}

function signCommand(): Command {
  return new Command("sign")
    .description("sign a manifest; the file is replaced in one step, so that running nodes may watch it")
    .argument("<in>", "the manifest as JSON")
    .argument("<out>", "where the signed manifest goes")
    .requiredOption("--key <key>", "the authority's private key (manifest.key.pem)")
    .option("--crl <file...>", "revocation lists of the network's authorities, DER or PEM, in place of those in <in>")
    .option(
      "--authorities <dir>",
      "the folder of 'corridor certs init', whose authorities go in place of those in <in>",
    )
    .action((from: string, to: string, options: SignOptions) =>
      reporting(async () => {
        const { key, crl, authorities } = options;
        const read = parseManifest(parseJson(from));
        const manifest = {
          ...(authorities === undefined ? read : withAuthorities(read, authorities)),
          ...(crl !== undefined && { crls: crl.map(readList) }),
        };
        replaceFile(to, await signManifest(manifest, readPrivateKey(key)));
        const lists = `${manifest.crls?.length ?? 0} revocation lists`;
        console.log(`Signed ${to}: sequence ${manifest.sequence}, ${manifest.members.length} members, ${lists}.`);
      }),
    );
}

interface SignOptions {
  readonly key: string;
  readonly crl?: string[];
  readonly authorities?: string;
}

/** The authorities of a folder, and for each member the one that issues now: versions before the list know that alone. */
function withAuthorities(manifest: Manifest, dir: string): Manifest {
  const members = manifest.members.map((member) => {
    const { certificate } = collaborativeFiles(dir, member.collaborative);
    return { ...member, issuingCa: caFingerprint(readPublicPem(certificate)) };
  });
  return { ...manifest, members, authorities: readRegister(dir) };
}

function showCommand(clock: Clock): Command {
  return new Command("show")
    .description("show a signed manifest; without --key it is not verified, and says so")
    .argument("<file>", "a signed manifest")
    .option("--key <key>", "the authority's public key (manifest.pub.pem)")
    .option("--json", "print the manifest as JSON")
    .action((file: string, { key, json }: { key?: string; json?: true }) =>
      reporting(async () => {
        const jws = readText(file);
        const manifest = key === undefined ? readUnverified(jws) : await verifyManifest(jws, readPublicPem(key));
        const note = key === undefined ? "NOT VERIFIED: name the authority's key with --key." : "Signature verified.";
        if (json === true) {
          console.error(note);
          console.log(JSON.stringify(manifest, undefined, 2));
        } else {
          console.log([note, ...describe(manifest, clock)].join("\n"));
        }
      }),
    );
}

function verifyCommand(clock: Clock): Command {
  return new Command("verify")
    .description("say whether a manifest may be relied on now (exit 3: not this authority's, or over 14 days old)")
    .argument("<file>", "a signed manifest")
    .requiredOption("--key <key>", "the authority's public key (manifest.pub.pem)")
    .action((file: string, { key }: { key: string }) =>
      reporting(async () => {
        const [jws, publicKeyPem] = [readText(file), readPublicPem(key)];
        const read = await verifyManifest(jws, publicKeyPem).catch((thrown: unknown) => asFailure(thrown));
        if (read instanceof Failure && read.code === "configuration") throw read;
        const verdict = read instanceof Failure ? { refused: read.message } : judge(read, clock);
        if (verdict.refused !== undefined) {
          console.error(`corridor: ${file} is refused: ${verdict.refused}`);
          process.exitCode = EXIT.refused;
          return;
        }
        if (verdict.warning !== undefined) console.error(`corridor: warning: ${verdict.warning}`);
        console.log(`${file}: good. ${verdict.summary}`);
      }),
    );
}

/** A revocation list as the manifest carries it. */
function readList(path: string): string {
  const bytes = attempt(path, "read", () => readFileSync(path));
  readCrl(bytes);
  const isPem = bytes.toString("latin1").includes("-----BEGIN");
  return Buffer.from(isPem ? decodePem("X509 CRL", bytes.toString("latin1")) : bytes).toString("base64");
}

function diffCommand(): Command {
  return new Command("diff")
    .description(
      "what a newer manifest changes, in words; says whether a second person must approve (exit 0 in any case)",
    )
    .argument("<old>", "the signed manifest in force")
    .argument("<new>", "the one to come")
    .option("--json", "print a JSON list")
    .action((from: string, to: string, { json }: { json?: true }) =>
      reporting(() => {
        const [before, after] = [from, to].map((path) => readUnverified(readText(path))) as [Manifest, Manifest];
        const lines = everyDifference(before, after);
        if (json === true) return console.log(JSON.stringify(lines, undefined, 2));
        console.log(lines.length === 0 ? "Nothing but sequence and time." : lines.join("\n"));
        const step = whyApprovalIsNeeded(before, after);
        if (step !== undefined) console.log(`A second person must approve: it ${step}.`);
      }),
    );
}

function approveCommand(): Command {
  return new Command("approve")
    .description("add a second person's approval to a signed manifest; the file is replaced in one step")
    .argument("<file>", "the signed manifest")
    .requiredOption("--key <key>", "the approver's own Ed25519 private key, PEM")
    .requiredOption("--sequence <n>", "the sequence of what is approved: read it with 'show' and 'diff' first")
    .action((file: string, { key, sequence }: { key: string; sequence: string }) =>
      reporting(async () => {
        const { jws, approvals } = splitManifestFile(readText(file));
        const manifest = readUnverified(jws);
        if (String(manifest.sequence) !== sequence) {
          throw new Failure(
            "invalid-input",
            `${file} has sequence ${manifest.sequence}, not ${sequence}: nothing was approved.`,
          );
        }
        const approval = await approveManifest(jws, readPrivateKey(key));
        replaceFile(file, [jws, ...approvals, approval].join("\n"));
        console.log(`Approved ${file}: sequence ${manifest.sequence}.`);
      }),
    );
}

interface Judgement {
  readonly refused?: string;
  readonly warning?: string;
  readonly summary?: string;
}

function judge(manifest: Manifest, clock: Clock): Judgement {
  const ageMs = clock.wallMs() - Date.parse(manifest.issuedAt);
  const age = `issued at ${manifest.issuedAt}, ${hours(ageMs)} ago`;
  if (ageMs < -MANIFEST_FUTURE_MS)
    return { refused: `issued at ${manifest.issuedAt}, in the future: check both clocks.` };
  const state = manifestState(ageMs);
  if (state === "stale") return { refused: `${age}: over 14 days. The authority must sign a new one.` };
  return {
    summary: `Sequence ${manifest.sequence}, ${manifest.members.length} members, ${age}.`,
    ...(state === "ageing" && { warning: `${age}: over 24 hours. Is the authority still publishing?` }),
  };
}

function describe(manifest: Manifest, clock: Clock): string[] {
  const { network, members, agreements, icsWithoutNode } = manifest;
  const ageMs = clock.wallMs() - Date.parse(manifest.issuedAt);
  return [
    `${network.name} (${network.domain}), run by ${network.authority}`,
    `sequence ${manifest.sequence}, issued at ${manifest.issuedAt}, ${hours(ageMs)} ago: ${manifestState(ageMs)}`,
    "",
    "members",
    ...members.map(describeMember),
    "",
    "agreements",
    ...agreements.map(({ id, title, members: parties }) => `  ${id.padEnd(24)} ${title} (${parties.join(", ")})`),
    ...(icsWithoutNode.length === 0 ? [] : ["", "ICSs without a node"]),
    ...icsWithoutNode.map(({ code, name }) => `  ${code.padEnd(24)} ${name}`),
  ];
}

function describeMember({ id, status, endpoints, ics, collaborative }: Member): string {
  return `  ${id.padEnd(12)} ${status.padEnd(10)} ${endpoints.join(" ").padEnd(24)} ${collaborative}: ${ics.map(({ code }) => code).join(" ")}`;
}

function hours(ms: number): string {
  return `${Math.max(0, Math.floor(ms / 3_600_000))} h`;
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readText(path));
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    const why = thrown instanceof Error ? thrown.message : "";
    throw new Failure("invalid-input", `${path} is not JSON: ${why}`, { where: path, cause: thrown });
  }
}

function readText(path: string): string {
  return attempt(path, "read", () => {
    const { size } = statSync(path);
    if (size > MANIFEST_BYTES_MAX) throw new Failure("invalid-input", `${path} is over ${MANIFEST_BYTES_MAX} bytes.`);
    return readFileSync(path, "utf8");
  });
}

function replaceFile(path: string, text: string): void {
  attempt(path, "written", () => {
    const fresh = `${path}.new`;
    rmSync(fresh, { force: true });
    writeFileSync(fresh, `${text}\n`, { flag: "wx", flush: true });
    renameSync(fresh, path);
  });
}

function attempt<T>(path: string, what: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof Failure) throw thrown;
    const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown reason";
    throw new Failure("configuration", `${path} cannot be ${what}: ${code}.`, { where: path, cause: thrown });
  }
}

async function reporting(work: () => Promise<void> | void): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    reportFailure(thrown);
  }
}
