import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";

import { callerFiles } from "../../../certs/layout.ts";
import { signForLocalhost } from "../../../certs/localhost.ts";
import { CHARACTERS } from "../../../topology/people/characters.ts";
import { SCENARIOS, SLOW_AREAS } from "../../../topology/people/scenarios.ts";
import type { Topology } from "../../../topology/topology.ts";
import type { Clock } from "../../base/clock.ts";
import { Failure } from "../../base/failure.ts";
import { DEMO_CALLER } from "./demo-caller.ts";
import { meshPaths } from "./network-files.ts";
import { SANDBOX_FOLDER, writeTokenFile } from "./token-file.ts";

/** Where the application of the integrator asks, and whose letters can be opened. */
const HOME = "wm-bsol";
const LETTERS = { area: "wm-stw", provider: "RXW", base: "https://records.rxw.example/d/" } as const;
const ISSUER = "https://application.sandbox.example";

export interface SandboxOrder {
  readonly topology: Topology;
  readonly dataDir: string;
  /** Folder of the people who are loaded. */
  readonly peopleDir: string;
  /** Of the door for FHIR; the next is that of the pages. */
  readonly port: number;
  readonly clock: Clock;
}

export interface Sandbox {
  /** Settings of its nodes beside the usual ones, by node id. */
  readonly settings: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** What to tell whoever is to use it. */
  readonly lines: readonly string[];
}

/**
 * Prepares the network on this machine for integrators: a door for FHIR and pages in Birmingham, with an application whose
 * tokens it believes (`corridor token`), letters that can be opened, areas that are late about one patient, and what curl must
 * be told in `application/curl.conf`.
 *
 * @throws {Failure} `invalid-input`: it is not the network in which the patients live.
 */
export async function prepareSandbox(order: SandboxOrder): Promise<Sandbox> {
  const { topology, dataDir, peopleDir, port, clock } = order;
  const missing = [HOME, LETTERS.area, ...SLOW_AREAS].filter((id) => !topology.nodes.some((node) => node.id === id));
  if (missing.length > 0) {
    const text = `--sandbox is for topology/west-midlands.yaml, where its patients live: ${missing.join(", ")} is missing.`;
    throw new Failure("invalid-input", text);
  }
  const folder = join(resolve(dataDir), SANDBOX_FOLDER);
  const letters = join(folder, "letters");
  mkdirSync(letters, { recursive: true, mode: 0o700 });
  writeLetters(letters, join(peopleDir, `${LETTERS.area}.pointers.csv`));
  const host = `${HOME}.${topology.network.domain}`;
  const jwks = join(folder, "application.jwks.json");
  writeKeys(folder, jwks, `https://${host}/fhir`);
  const curl = join(folder, "curl.conf");
  const caller = callerFiles(meshPaths(resolve(dataDir)).certs, HOME, DEMO_CALLER.name);
  writeFileSync(curl, curlConfig(caller, host, port), { mode: 0o600 });
  const source = { provider: LETTERS.provider, kind: "files", base: LETTERS.base, folder: letters };
  const tokens = [{ caller: DEMO_CALLER.name, issuer: ISSUER, jwks }];
  return {
    settings: new Map<string, Record<string, unknown>>([
      [HOME, { fhir: { listen: `127.0.0.1:${port}`, tokens }, pages: await makePages(folder, port + 1, clock) }],
      [LETTERS.area, { records: { sources: [source] } }],
      ...SLOW_AREAS.map((id) => [id, { sandbox: true, sandboxSlowAbout: [CHARACTERS.slowAreas.nhsNumber] }] as const),
    ]),
    lines: [
      `The door for FHIR: https://${host}:${port}/fhir (curl finds it by --config ${curl}).`,
      "Patients of the sandbox, and what an emergency clinician in Birmingham is answered:",
      ...SCENARIOS.map(
        ({ title, nhsNumber, birthDate, answer }) => `  ${nhsNumber}  ${birthDate}  ${title.padEnd(30)} ${answer}`,
      ),
      "First answer in five minutes: docs/integrate.md.",
    ],
  };
}

/** A key of the application's own, new at every start; the node is told its public half. */
function writeKeys(folder: string, jwks: string, audience: string): void {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "sandbox" }] }));
  const key = join(folder, "application.key.pem");
  writeFileSync(key, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  writeTokenFile(folder, { issuer: ISSUER, audience, key });
}

/** Settings of the pages, with a certificate of which browsers warn. */
async function makePages(folder: string, port: number, clock: Clock): Promise<object> {
  const files = { certificate: join(folder, "pages.crt.pem"), key: join(folder, "pages.key.pem") };
  const { certificate, key } = await signForLocalhost(clock);
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.key, key, { mode: 0o600 });
  return { listen: `127.0.0.1:${port}`, address: `https://localhost:${port}`, ...files };
}

function curlConfig(caller: { certificate: string; key: string; trust: string }, host: string, port: number): string {
  return [
    `cert = "${caller.certificate}"`,
    `key = "${caller.key}"`,
    `cacert = "${caller.trust}"`,
    `resolve = "${host}:${port}:127.0.0.1"`,
    "silent",
    "show-error",
    "",
  ].join("\n");
}

/** A page for each letter of one trust, named as the letter's address ends. */
function writeLetters(folder: string, pointersCsv: string): void {
  for (const line of readFileSync(pointersCsv, "utf8").split("\n")) {
    const [provider, , , , , format, address = ""] = line.split(",");
    if (provider !== LETTERS.provider || format !== "application/pdf") continue;
    writeFileSync(join(folder, `${basename(address)}.pdf`), LETTER);
  }
}

/** The least that is a PDF: one empty page. */
const LETTER = `%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj
trailer<</Root 1 0 R>>
%%EOF
`;
