import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "node:https";
import type { IncomingHttpHeaders } from "node:http";

import { stringify } from "yaml";

import { signForLocalhost } from "../../certs/localhost.ts";
import { systemClock } from "../../node/base/clock.ts";
import { DEMO_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { readCallerTls } from "../../node/wire/tls-files.ts";
import { type SourceDouble, startSourceDouble } from "../records/source-double.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { agentOf, type FhirAnswer, send } from "../testing/fhir-door.ts";
import { type FhirTokens, makeFhirTokens } from "../testing/fhir-tokens.ts";
import { findFreePorts } from "../testing/free-ports.ts";
import { aPerson, type TrialPerson } from "../testing/people.ts";

const AREAS = ["ash", "elm", "oak", "fir"] as const;
/** Names come from other areas, and may say anything. */
export const HOSTILE_AREA = "fir <img src=x onerror=ran()> area";
export const PDF = Buffer.from("%PDF-1.4 a discharge letter of nobody\n");

/** A network whose node `ash` has pages; `elm` keeps a PDF, `oak` pages of HTML, `fir` FHIR resources. */
export interface Pages {
  readonly network: TestNetwork;
  readonly person: TrialPerson;
  /** Marked restricted at ash. */
  readonly restricted: TrialPerson;
  readonly documents: SourceDouble;
  readonly fhir: SourceDouble;
  /** `https://localhost:PORT`. */
  readonly address: string;
  readonly tokenOf: FhirTokens["tokenOf"];
  /** As the application: asks for a link for the person. */
  askLink(parameters?: Record<string, string>, token?: string): Promise<FhirAnswer>;
  /** The link itself. */
  link(parameters?: Record<string, string>): Promise<string>;
  /** As the application, anything. */
  application(order: Parameters<typeof send>[2]): Promise<FhirAnswer>;
  stop(): Promise<void>;
}

/** @param pagesToo more settings of the pages, made for their address. */
export async function startPagesNetwork(
  pagesToo: (address: string, folder: string) => Promise<object> = () => Promise.resolve({}),
): Promise<Pages> {
  const [documents, fhir] = await Promise.all([startSourceDouble(), startSourceDouble()]);
  const person = aPerson(1, "1958-02-03", [
    { area: "ash", records: ["clinical-letter"] },
    { area: "elm", records: ["discharge-letter"] },
    {
      ...{ area: "oak", records: ["clinical-letter"] },
      fetch: { base: "https://records.oak.example/", format: "text/html" },
    },
    {
      ...{ area: "fir", records: ["medications"] },
      fetch: { base: "https://fhir.fir.example/r4/MedicationStatement/", format: "application/fhir+json" },
    },
  ]);
  const restricted = aPerson(2, "1960-01-01", [{ area: "ash", records: ["allergies"], restricted: true }]);
  const network = await startNetwork({
    areas: AREAS.map((id) => ({
      ...{ id, name: id === "fir" ? HOSTILE_AREA : `${id} area` },
      ...{ collaborative: "north", region: "North" },
    })),
    agreements: [{ between: AREAS }],
    people: [person, restricted],
  });
  try {
    return await withPages(network, { person, restricted, documents, fhir }, pagesToo);
  } catch (thrown) {
    await network.stop();
    await Promise.all([documents.close(), fhir.close()]);
    throw thrown;
  }
}

async function withPages(
  network: TestNetwork,
  { person, restricted, documents, fhir }: Pick<Pages, "person" | "restricted" | "documents" | "fhir">,
  pagesToo: (address: string, folder: string) => Promise<object>,
): Promise<Pages> {
  const folder = join(network.folder, "elm-records");
  mkdirSync(folder);
  writeFileSync(join(folder, "P0-0.pdf"), PDF);
  const { settings: tokens, tokenOf } = makeFhirTokens(join(network.folder, "epr.jwks.json"), "ash");
  const port = await findFreePorts(2);
  const address = `https://localhost:${port + 1}`;
  const more = await pagesToo(address, network.folder);
  await restartWith(network, "ash", {
    fhir: { listen: `127.0.0.1:${port}`, tokens },
    pages: { listen: `127.0.0.1:${port + 1}`, address, ...(await writeCertificate(network.folder)), ...more },
  });
  const sources = {
    elm: { kind: "files", base: "https://records.elm.example/", folder },
    oak: { kind: "documents", base: "https://records.oak.example/", server: documents.base },
    fir: { kind: "fhir", base: "https://fhir.fir.example/r4/", server: fhir.base },
  };
  for (const [area, source] of Object.entries(sources)) {
    await restartWith(network, area, { records: { sources: [{ provider: `${area.toUpperCase()}H`, ...source }] } });
  }
  const agent = agentOf(readCallerTls(network.mesh.node("ash").callerDir(DEMO_CALLER.name)));
  const askLink: Pages["askLink"] = async (parameters = {}, token) => {
    const given = { identifier: `https://fhir.nhs.uk/Id/nhs-number|${person.nhsNumber}`, birthdate: person.birthDate };
    const parameter = Object.entries({ ...given, ...parameters }).map(([name, valueString]) => ({ name, valueString }));
    return send(port, agent, {
      ...{ method: "POST", path: "/fhir/Patient/$context-link" },
      headers: { authorization: `Bearer ${token ?? (await tokenOf())}`, "content-type": "application/fhir+json" },
      body: JSON.stringify({ resourceType: "Parameters", parameter }),
    });
  };
  return {
    ...{ network, person, restricted, documents, fhir, address, tokenOf, askLink },
    application: (order) => send(port, agent, order),
    async link(parameters) {
      const { parameter } = JSON.parse((await askLink(parameters)).text) as { parameter: { valueUrl?: string }[] };
      return parameter.find(({ valueUrl }) => valueUrl !== undefined)!.valueUrl!;
    },
    async stop() {
      agent.destroy();
      await network.stop();
      await Promise.all([documents.close(), fhir.close()]);
    },
  };
}

async function restartWith(network: TestNetwork, area: string, settings: object): Promise<void> {
  const node = network.mesh.node(area);
  appendFileSync(node.configPath, stringify(settings));
  await node.process.stop();
  await node.restart();
}

async function writeCertificate(folder: string): Promise<object> {
  const files = { certificate: join(folder, "pages.crt.pem"), key: join(folder, "pages.key.pem") };
  const { certificate, key } = await signForLocalhost(systemClock);
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}

export interface PageAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** A browser without eyes: keeps the cookie that it is given, follows nothing. */
export class PlainBrowser {
  readonly #agent = new Agent({ rejectUnauthorized: false, keepAlive: true });
  readonly #jar = new Map<string, string>();

  get cookie(): string {
    return [...this.#jar].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  set cookie(text: string) {
    this.#jar.clear();
    for (const pair of text.split("; ")) this.#keep(pair);
  }

  #keep(pair: string): void {
    const [, name, value] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
    if (name === undefined) return;
    if (value === "") this.#jar.delete(name);
    else this.#jar.set(name, value!);
  }

  go(url: string, method = "GET", headers: Record<string, string> = {}): Promise<PageAnswer> {
    return new Promise((resolve, reject) => {
      const call = request(url, { agent: this.#agent, method, headers: { cookie: this.cookie, ...headers } });
      call.once("response", (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.once("error", reject);
        response.once("end", () => {
          for (const set of response.headers["set-cookie"] ?? []) this.#keep(set.split(";")[0]!);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
        });
      });
      call.once("error", reject);
      call.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
