import { type X509Certificate, createPrivateKey } from "node:crypto";
import { existsSync, statfsSync } from "node:fs";
import { join } from "node:path";

import { Command } from "commander";

import { Authorities } from "../../certs/authorities.ts";
import { assertionPublicKey, keyFingerprint } from "../../certs/fingerprint.ts";
import { inspectCertificate } from "../../certs/inspect.ts";
import { readPrivateKey, readPublicPem } from "../../certs/key-file.ts";
import { nodeFilesIn } from "../../certs/layout.ts";
import { readCertificates } from "../../certs/pem.ts";
import { faultsOfCertificate } from "../../certs/verify.ts";
import { type Manifest, manifestState, verifyManifest } from "../../topology/manifest.ts";
import { feedsInto, readTopology } from "../../topology/topology.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import { readSettings, type Settings } from "../config/settings.ts";
import { behindText, readBehind } from "../storage/behind.ts";
import { openDatabase } from "../storage/database.ts";
import { judgeIssuer } from "../trust/peer-identity.ts";
import { checkLetters } from "./doctor-letters.ts";
import { explain } from "./certs-explain.ts";
import { type GreetAs, checkClock, checkQuarantine } from "./doctor-peers.ts";
import { EXIT, reportFailure } from "./exit.ts";

const DAYS_LEFT_WARN = 10;
const FREE_BYTES_WARN = 2 * 1024 ** 3;

type State = "ok" | "warning" | "fault";

export interface Finding {
  readonly what: string;
  readonly state: State;
  /** What was seen and, unless it is in order, what to do. */
  readonly text: string;
}

/** A check throws a Failure where it finds a fault; a finding of its own where it can say more. */
type Check = () => Promise<Finding | string> | Finding | string;

/** `corridor doctor`: looks at one node's settings, files, stores, directory and peers, and says what to do. */
export function doctorCommand(clock: Clock, greetAs: GreetAs): Command {
  return new Command("doctor")
    .description("look at everything a node needs, and say what is wrong and what to do")
    .requiredOption("--config <file>", "the node's configuration")
    .option("--json", "print one JSON list instead of the table")
    .action(async ({ config, json }: { config: string; json?: true }) => {
      try {
        const findings = await examine(readSettings(config), clock, greetAs);
        if (json === true) console.log(JSON.stringify(findings, undefined, 2));
        else for (const { what, state, text } of findings) console.log(`${state.padEnd(8)} ${what.padEnd(22)} ${text}`);
        process.exitCode = findings.some(({ state }) => state === "fault") ? EXIT.failed : EXIT.done;
      } catch (thrown) {
        reportFailure(thrown);
      }
    });
}

async function examine(settings: Settings, clock: Clock, greetAs: GreetAs): Promise<Finding[]> {
  const manifest = await readManifest(settings).catch(asFailure);
  const checks: readonly (readonly [string, Check])[] = [
    ["settings", () => `node ${settings.id}, door ${settings.listen.host}:${settings.listen.port}`],
    ["certificate", () => checkCertificate(settings, clock)],
    ["assertion key", () => checkAssertionKey(settings, known(manifest))],
    ["manifest", () => checkManifest(settings, known(manifest), clock)],
    ["topology", () => checkTopology(settings)],
    ["data folder", () => checkDataFolder(settings)],
    ["index.db", () => checkStore(settings, "index.db")],
    ["audit.db", () => checkStore(settings, "audit.db")],
    ["clock", () => checkClock(settings, known(manifest), clock, greetAs)],
    ["quarantine", () => checkQuarantine(settings, clock)],
    ["dead letters", () => checkLetters(settings)],
  ];
  const findings = [];
  for (const [what, check] of checks) findings.push(await look(what, check));
  return [...findings, ...(manifest instanceof Failure ? [] : await checkPeers(settings, manifest, clock))];
}

async function look(what: string, check: Check): Promise<Finding> {
  try {
    const found = await check();
    return typeof found === "string" ? { what, state: "ok", text: found } : found;
  } catch (thrown) {
    return { what, state: "fault", text: asFailure(thrown).message };
  }
}

function readManifest(settings: Settings): Promise<Manifest> {
  const { manifestPublic } = nodeFilesIn(settings.certsDir);
  return Promise.resolve().then(() =>
    verifyManifest(readPublicPem(settings.manifestPath).trim(), readPublicPem(manifestPublic)),
  );
}

function certificatesOf(path: string): X509Certificate[] {
  return readCertificates(readPublicPem(path), path);
}

function known(manifest: Manifest | Failure): Manifest {
  if (manifest instanceof Failure) throw manifest;
  return manifest;
}

function checkCertificate(settings: Settings, clock: Clock): Finding | string {
  const what = "certificate";
  const files = nodeFilesIn(settings.certsDir);
  const chain = certificatesOf(files.certificate);
  const leaf = chain[0]!;
  const faults = faultsOfCertificate({
    chain,
    trusted: certificatesOf(files.trust),
    domain: undefined,
    nowMs: clock.wallMs(),
  });
  if (!leaf.checkPrivateKey(createPrivateKey(readPrivateKey(files.key)))) faults.push("its key is not node.key.pem");
  if (faults.length > 0) return { what, state: "fault", text: `${files.certificate}: ${faults.join("; ")}` };
  const { daysLeft, serial } = inspectCertificate(leaf, clock.wallMs());
  const text = `serial ${serial}, ${daysLeft} days left`;
  if (daysLeft > DAYS_LEFT_WARN) return text;
  return { what, state: "warning", text: `${text}: renew it with 'corridor certs request', 'approve' and 'install'` };
}

function checkAssertionKey(settings: Settings, manifest: Manifest): Finding | string {
  const key = assertionPublicKey(readPrivateKey(nodeFilesIn(settings.certsDir).assertionKey));
  const listed = manifest.members.find(({ id }) => id === settings.id)?.assertionKey;
  if (key === listed) return "the one that the manifest lists";
  const text = "not the one that the manifest lists: peers will refuse every question; have a new manifest signed";
  return { what: "assertion key", state: "fault", text };
}

function checkManifest(settings: Settings, manifest: Manifest, clock: Clock): Finding | string {
  const what = "manifest";
  const ageMs = clock.wallMs() - Date.parse(manifest.issuedAt);
  const state = manifestState(ageMs);
  const text = `sequence ${manifest.sequence}, ${manifest.members.length} members, ${(ageMs / 3_600_000).toFixed(1)} hours old`;
  const member = manifest.members.find(({ id }) => id === settings.id);
  if (member === undefined) return { what, state: "fault", text: `${text}: does not list this node` };
  const [, issuer] = certificatesOf(nodeFilesIn(settings.certsDir).certificate);
  const listed = manifest.authorities && new Authorities(manifest.authorities);
  const issued = issuer && judgeIssuer(member, keyFingerprint(issuer.publicKey), listed);
  if (issued === "revoked") {
    return { what, state: "fault", text: `${text}: this node's issuing authority is revoked; enrol it anew` };
  }
  if (issued === undefined || issued === "not-listed") {
    return {
      what,
      state: "fault",
      text: `${text}: names another issuing authority for this node; peers will refuse it`,
    };
  }
  if (issued === "tainted") {
    return {
      what,
      state: "warning",
      text: `${text}: this node's issuing authority is to be left; renew the certificate`,
    };
  }
  if (state === "stale")
    return { what, state: "fault", text: `${text}: over 14 days, peers are refused; fetch a new one` };
  if (state === "ageing") return { what, state: "warning", text: `${text}: over 24 hours; fetch a new one` };
  return text;
}

function checkTopology(settings: Settings): string {
  const feeds = feedsInto(readTopology(settings.topologyPath), settings.id);
  return `${feeds.length} providers, ${feeds.filter(({ feed }) => feed.state === "feeding").length} feeding`;
}

function checkDataFolder({ dataDir }: Settings): Finding | string {
  if (!existsSync(dataDir)) return `${dataDir}: not there yet; made at the first start`;
  const { bavail, bsize } = statfsSync(dataDir);
  const text = `${dataDir}: ${((bavail * bsize) / 1024 ** 3).toFixed(1)} GiB free`;
  if (bavail * bsize > FREE_BYTES_WARN) return text;
  return {
    what: "data folder",
    state: "warning",
    text: `${text}: make room, disclosure stops when the audit cannot grow`,
  };
}

function checkStore({ dataDir }: Settings, file: string): Finding | string {
  const path = join(dataDir, file);
  if (!existsSync(path)) return "not there yet; made at the first start";
  const behind = readBehind(path);
  if (behind !== undefined) return { what: file, state: "fault", text: behindText(path, behind) };
  const db = openDatabase(path, { readonly: true });
  try {
    return `schema ${String(db.pragma("user_version", { simple: true }))}, opens and reads`;
  } finally {
    db.close();
  }
}

async function checkPeers(settings: Settings, manifest: Manifest, clock: Clock): Promise<Finding[]> {
  const peers = manifest.members.filter(({ id, status }) => id !== settings.id && status === "live");
  return Promise.all(
    peers.map(({ id, endpoints }) => look(`peer ${id}`, () => checkPeer(settings, id, endpoints[0] ?? "", clock))),
  );
}

/** Connects as for a question. What is wrong with the own files is said once, elsewhere. */
async function checkPeer(settings: Settings, id: string, endpoint: string, clock: Clock): Promise<Finding | string> {
  const [host = "", port = ""] = endpoint.split(":");
  const { certsDir: dir, manifestPath: path } = settings;
  const manifest = { path, key: nodeFilesIn(dir).manifestPublic };
  const mistakes = await explain({ host, port: Number(port), dir, nodeId: id, manifest, clock });
  if (mistakes.some(({ name }) => /^(?:key|files)-/.test(name))) {
    return { what: `peer ${id}`, state: "warning", text: `${endpoint} not tried: the own certificate cannot be used` };
  }
  const theirs = mistakes.filter(({ where }) => where === endpoint);
  if (theirs.length === 0) return `${endpoint} is ${id}, and lets this node in`;
  const text = `${endpoint} ${theirs.map(({ name, text: said }) => `${name}: ${said}`).join("; ")}`;
  return { what: `peer ${id}`, state: "warning", text };
}
