import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import tls, { type DetailedPeerCertificate } from "node:tls";

import { Command } from "commander";

import { Authorities } from "../../certs/authorities.ts";
import { keyFingerprint } from "../../certs/fingerprint.ts";
import { oneLine } from "../../certs/inspect.ts";
import { type Pair, readPair, readPrivateKey, readPublicPem } from "../../certs/key-file.ts";
import type { CertificateFiles } from "../../certs/layout.ts";
import { readCertificates } from "../../certs/pem.ts";
import { nodeDns } from "../../certs/profile.ts";
import { type CertificateFault, namedFaultsOfCertificate } from "../../certs/verify.ts";
import { readCrl, verifyCrl } from "../../certs/crl.ts";
import { type Manifest, verifyManifest } from "../../topology/manifest.ts";
import type { Clock } from "../base/clock.ts";
import { Failure, asFailure } from "../base/failure.ts";
import { judgeIssuer } from "../trust/peer-identity.ts";
import { EXIT, reporting } from "./exit.ts";

const WITHIN_MS = 5_000;
const DEFAULT_PORT = 443;

/** One mistake: its name, which scripts may rely on, where it is, and what to do. */
export interface Mistake {
  readonly name: string;
  readonly where: string;
  /** What was seen, and what to do. */
  readonly text: string;
}

export interface ExplainOrder {
  readonly host: string;
  readonly port: number;
  /** The folder of a node's or a caller's certificate, to be shown there. */
  readonly dir: string;
  /** Which node should be there; absent: any of the network. */
  readonly nodeId?: string;
  /** A signed manifest, and its key. */
  readonly manifest?: { readonly path: string; readonly key: string };
  /** A revocation list, in DER or PEM. */
  readonly crl?: Uint8Array;
  readonly clock: Clock;
}

interface ExplainOptions {
  readonly certs: string;
  readonly node?: string;
  readonly manifest?: string;
  readonly crl?: string;
  readonly json?: true;
}

/** `corridor certs explain`: why a connection to a node is not had, by name. */
export function explainCommand(clock: Clock): Command {
  return new Command("explain")
    .description("connect to a node as one would for a question, and name every mistake on either side (exit 3)")
    .argument("<host:port>", "where the node should be")
    .requiredOption("--certs <dir>", "the folder of the certificate to show: a node's or a caller's")
    .option("--node <id>", "which node should be there")
    .option("--manifest <file>", "the signed manifest; its key is manifest.pub.pem in --certs")
    .option("--crl <file>", "its authority's revocation list")
    .option("--json", "print one JSON list")
    .action((address: string, { certs, node, manifest, crl, json }: ExplainOptions) =>
      reporting(async () => {
        const { host, port } = parseAddress(address);
        const key = join(certs, "manifest.pub.pem");
        const mistakes = await explain({
          ...{ host, port, dir: certs, clock },
          ...(node !== undefined && { nodeId: node }),
          ...(crl !== undefined && { crl: readFileSync(crl) }),
          ...(manifest !== undefined && { manifest: { path: manifest, key } }),
        });
        if (json === true) console.log(JSON.stringify(mistakes, undefined, 2));
        else for (const { name, where, text } of mistakes) console.log(`${name.padEnd(24)} ${where}: ${text}`);
        if (mistakes.length === 0 && json !== true) console.log(`${host}:${port}: in order.`);
        process.exitCode = mistakes.length === 0 ? EXIT.done : EXIT.refused;
      }),
    );
}

/** Looks from the own files outwards, and stops where nothing more can be seen. */
export async function explain(order: ExplainOrder): Promise<Mistake[]> {
  const files = filesIn(order.dir);
  const own = explainOwn(order, files);
  if (own.pair === undefined) return [...own.mistakes];
  const seen = await look(order, own.pair);
  const domain = domainOf(own.pair.certificate);
  const shown = seen.chain === undefined ? [] : await explainShown(order, seen.chain, files.trust, domain);
  return [...wrongClock(own.mistakes, shown, order), ...own.mistakes, ...seen.mistakes, ...shown];
}

/** Where both ends seem to be out of date at once, it is the one who looks. */
function wrongClock(own: readonly Mistake[], shown: readonly Mistake[], { clock }: ExplainOrder): Mistake[] {
  const isOutOfDate = ({ name }: Mistake): boolean => /(?:expired|not-yet-valid)$/.test(name);
  if (!own.some(isOutOfDate) || !shown.some(isOutOfDate)) return [];
  const text = `it says ${new Date(clock.wallMs()).toISOString()}, when neither end's certificate is valid: set it by NTP.`;
  return [{ name: "wrong-clock", where: "this machine's clock", text }];
}

function filesIn(dir: string): CertificateFiles & { trust: string } {
  const kind = existsSync(join(dir, "node.crt.pem")) ? "node" : "caller";
  return {
    certificate: join(dir, `${kind}.crt.pem`),
    key: join(dir, `${kind}.key.pem`),
    trust: join(dir, "trust.crt.pem"),
  };
}

interface Own {
  readonly mistakes: readonly Mistake[];
  /** Absent where there is nothing to connect with. */
  readonly pair?: Pair & { readonly trust: string };
}

function explainOwn({ clock }: ExplainOrder, files: ReturnType<typeof filesIn>): Own {
  const keyFault = attempt(() => readPrivateKey(files.key));
  if (keyFault instanceof Failure) {
    const name = keyFault.message.includes("chmod") ? "key-readable-by-others" : "key-missing";
    return { mistakes: [{ name, where: files.key, text: keyFault.message }] };
  }
  const pair = attempt(() => ({ ...readPair(files), trust: readPublicPem(files.trust) }));
  if (pair instanceof Failure) {
    const name = pair.message.includes("is not the key of") ? "key-does-not-match" : "files-missing";
    return { mistakes: [{ name, where: files.certificate, text: pair.message }] };
  }
  const chain = readCertificates(pair.certificate, files.certificate);
  const trusted = readCertificates(pair.trust, files.trust);
  const faults = namedFaultsOfCertificate({ chain, trusted, domain: undefined, nowMs: clock.wallMs() });
  return { mistakes: faults.map((fault) => mistakeOf(fault, files.certificate, "own", clock)), pair };
}

interface Seen {
  readonly mistakes: readonly Mistake[];
  readonly chain?: readonly X509Certificate[];
}

/** Connects as leniently as TLS allows, so that what is wrong can be seen. */
function look(
  { host, port, nodeId, clock }: ExplainOrder,
  { certificate, key, trust }: NonNullable<Own["pair"]>,
): Promise<Seen> {
  const where = `${host}:${port}`;
  const only = (name: string, text: string): Seen => ({ mistakes: [{ name, where, text }] });
  const domain = domainOf(certificate);
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port });
    const timer = clock.after(WITHIN_MS, () =>
      end(only("no-answer", "nothing answers in time: check address, routes and firewalls.")),
    );
    function end(seen: Seen): void {
      timer.cancel();
      socket.destroy();
      resolve(seen);
    }
    socket.once("error", ({ message }) =>
      end(only("nothing-listens", `${oneLine(message)}: is the node running, are address and port right?`)),
    );
    socket.once("connect", () => {
      const secure = tls.connect({
        ...{ socket, cert: certificate, key, ca: trust, rejectUnauthorized: false, ALPNProtocols: ["h2"] },
        ...(nodeId !== undefined && domain !== undefined && { servername: nodeDns(domain, nodeId) }),
        // 1.2 is offered only to be named.
        minVersion: "TLSv1.2",
      });
      let chain: readonly X509Certificate[] | undefined;
      secure.once("error", (error: NodeJS.ErrnoException) => {
        if (chain === undefined)
          end(only("not-tls", `no TLS is spoken there (${error.code ?? "unknown"}): is it the node's port?`));
      });
      secure.once("secureConnect", () => {
        chain = chainOf(secure.getPeerCertificate(true));
        if (secure.getProtocol() !== "TLSv1.3") {
          end({
            chain,
            mistakes: [
              {
                name: "tls-1.2-only",
                where,
                text: "it speaks TLS 1.2 at most: another program, or something between that ends TLS. Nodes speak 1.3 only.",
              },
            ],
          });
        } else if (secure.alpnProtocol !== "h2") {
          end({
            chain,
            mistakes: [
              {
                name: "wrong-port",
                where,
                text: "it speaks TLS, but not HTTP/2: is it another door of the node, or another program?",
              },
            ],
          });
        }
      });
      // A node that lets somebody in speaks first.
      secure.once("data", () => end({ mistakes: [], ...(chain && { chain }) }));
      secure.once("close", () => {
        const text =
          "it ends the connection when it sees the own certificate: its operator's log says why ('connections-refused').";
        end(
          chain === undefined
            ? only("not-tls", "it ends the connection before any TLS: is it the node's port?")
            : { chain, mistakes: [{ name: "own-certificate-refused", where, text }] },
        );
      });
    });
  });
}

/** What is wrong with what the other end shows. */
async function explainShown(
  order: ExplainOrder,
  chain: readonly X509Certificate[],
  trustPath: string,
  domain: string | undefined,
): Promise<Mistake[]> {
  const { host, port, nodeId, clock, crl } = order;
  const where = `${host}:${port}`;
  const trusted = readCertificates(readPublicPem(trustPath), trustPath);
  const leaf = chain[0];
  if (leaf === undefined) return [{ name: "no-certificate", where, text: "it shows no certificate." }];
  const faults = namedFaultsOfCertificate({ chain, trusted, domain, nowMs: clock.wallMs() });
  const mistakes = faults.map((fault) => mistakeOf(fault, where, "other", clock));
  const names = leaf.subjectAltName ?? "";
  if (domain !== undefined && !names.includes(`spiffe://${domain}/`)) {
    mistakes.push({
      name: "wrong-domain",
      where,
      text: `its names (${oneLine(names)}) are not of ${domain}: another network's node.`,
    });
  } else if (
    domain !== undefined &&
    nodeId !== undefined &&
    !names.split(", ").includes(`DNS:${nodeDns(domain, nodeId)}`)
  ) {
    mistakes.push({
      name: "name-not-in-certificate",
      where,
      text: `it is not ${nodeId}: its names are ${oneLine(names)}. Correct the endpoint in the manifest, or the address.`,
    });
  }
  if (crl !== undefined && isRevoked(crl, leaf, chain)) mistakes.push(revoked(leaf, where));
  return [...mistakes, ...(await explainMembership(order, leaf, chain, where))];
}

async function explainMembership(
  { manifest }: ExplainOrder,
  leaf: X509Certificate,
  chain: readonly X509Certificate[],
  where: string,
): Promise<Mistake[]> {
  if (manifest === undefined) return [];
  const read: Manifest | Failure = await verifyManifest(
    readPublicPem(manifest.path).trim(),
    readPublicPem(manifest.key),
  ).catch(asFailure);
  if (read instanceof Failure) return [{ name: "manifest-unusable", where: manifest.path, text: read.message }];
  const id = /URI:spiffe:\/\/[^/]+\/node\/([a-z0-9-]+)/.exec(leaf.subjectAltName ?? "")?.[1];
  const lists = (read.crls ?? []).map((list) => Buffer.from(list, "base64"));
  if (lists.some((list) => isRevoked(list, leaf, chain))) return [revoked(leaf, where)];
  const member = read.members.find((each) => each.id === id);
  if (member === undefined) {
    return [
      {
        name: "not-in-manifest",
        where,
        text: `${id ?? "it"} is no member in manifest ${read.sequence}: is the manifest the newest?`,
      },
    ];
  }
  const issuer = chain[1];
  const listed = read.authorities && new Authorities(read.authorities);
  const issued = issuer && judgeIssuer(member, keyFingerprint(issuer.publicKey), listed);
  if (issued === "revoked") {
    return [
      { name: "revoked", where, text: `${id}'s issuing authority is revoked: its operator enrols the node anew.` },
    ];
  }
  if (issued === "not-listed") {
    return [
      {
        name: "wrong-authority",
        where,
        text: `${id} is issued by another authority than manifest ${read.sequence} names: peers refuse it.`,
      },
    ];
  }
  if (member.status === "live") return [];
  return [{ name: "not-live", where, text: `${id} is ${member.status} in manifest ${read.sequence}.` }];
}

function revoked(leaf: X509Certificate, where: string): Mistake {
  const text = `serial ${leaf.serialNumber.toLowerCase()} is revoked: its operator enrols the node anew.`;
  return { name: "revoked", where, text };
}

function isRevoked(bytes: Uint8Array, leaf: X509Certificate, [, issuer]: readonly X509Certificate[]): boolean {
  const crl = readCrl(bytes);
  const isOfIssuer = issuer !== undefined && verifyCrl(crl, issuer.publicKey);
  return isOfIssuer && crl.revoked.has(leaf.serialNumber.toLowerCase());
}

const TO_DO: Readonly<Record<CertificateFault["name"], string>> = {
  "no-certificate": "it must show one.",
  "self-signed": "a node's certificate comes from its collaborative's authority: corridor certs request.",
  "missing-intermediate": "the certificate file must hold the leaf and then its issuing authority.",
  "wrong-root": "the two ends are of different networks, or trust.crt.pem is not this network's.",
  "not-an-authority": "it must be issued anew, by the collaborative's authority.",
  "not-yet-valid": "check this machine's clock first; then issue it anew.",
  expired: "check this machine's clock first; then renew it: corridor certs request, approve, install.",
  "name-not-permitted": "it must be issued anew, for names within the network.",
  "wrong-identity": "it must be issued anew, for one node of this network.",
};

function mistakeOf({ name, text }: CertificateFault, where: string, whose: "own" | "other", clock: Clock): Mistake {
  const now =
    name === "expired" || name === "not-yet-valid"
      ? ` This machine's clock says ${new Date(clock.wallMs()).toISOString()}.`
      : "";
  return { name: `${whose === "own" ? "own-" : ""}${name}`, where, text: `${text}.${now} What to do: ${TO_DO[name]}` };
}

function chainOf(certificate: Partial<DetailedPeerCertificate>): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let each = certificate; each.raw !== undefined && chain.length < 5; each = each.issuerCertificate ?? {}) {
    chain.push(new X509Certificate(each.raw));
    if (each.issuerCertificate === each) break; // a root is its own issuer
  }
  return chain;
}

function domainOf(certificatePem: string): string | undefined {
  return /URI:spiffe:\/\/([^/]+)\//.exec(new X509Certificate(certificatePem).subjectAltName ?? "")?.[1];
}

function attempt<T>(work: () => T): T | Failure {
  try {
    return work();
  } catch (thrown) {
    return asFailure(thrown);
  }
}

function parseAddress(text: string): { host: string; port: number } {
  const [, host = "", port] = /^\[?([^\]\s]+?)\]?(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (host === "" || Number(port ?? 1) > 65_535) throw new Failure("invalid-input", "Say HOST or HOST:PORT.");
  return { host, port: Number(port ?? DEFAULT_PORT) };
}
