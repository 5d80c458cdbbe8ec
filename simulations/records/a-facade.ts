import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Agent } from "node:https";
import { join } from "node:path";

import { parse, stringify } from "yaml";

import { DEMO_CALLER, FEED_CALLER } from "../../node/cli/mesh/demo-caller.ts";
import { readCallerTls } from "../../node/wire/tls-files.ts";
import { startNetwork, type TestNetwork } from "../testing/a-network.ts";
import { agentOf, type FhirAnswer, type FhirRequest, send, systemOf } from "../testing/fhir-door.ts";
import { type FhirTokens, makeFhirTokens } from "../testing/fhir-tokens.ts";
import { findFreePorts } from "../testing/free-ports.ts";
import { aPerson, type TrialPerson } from "../testing/people.ts";

const AREAS = ["ash", "elm", "oak"] as const;
export const NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number";
export const PDF = Buffer.from("%PDF-1.7 a discharge letter of nobody\n");

/** A small network with a door for FHIR at `ash`, an application that may use it, and a file store at `elm`. */
export interface Facade {
  readonly network: TestNetwork;
  readonly person: TrialPerson;
  /** Somebody known at `ash`, of whom `elm` keeps a summary. */
  readonly summarised: TrialPerson;
  /** A token of the application's, with other claims where given. */
  readonly tokenOf: FhirTokens["tokenOf"];
  ask(request: FhirRequest, token?: string): Promise<FhirAnswer>;
  /** As ash's feeding system, which has no token: its certificate says for whom it speaks. */
  feed(request: FhirRequest): Promise<FhirAnswer>;
  stop(): Promise<void>;
}

/**
 * @param fetchBase what the addresses of elm's pointers begin with.
 * @param atAsh more settings of ash.
 */
export async function startFacade(fetchBase = "https://records.elm.example/", atAsh: object = {}): Promise<Facade> {
  const fetch = { base: fetchBase, format: "application/pdf" };
  const person = aPerson(1, "1958-02-03", [
    { area: "ash", records: ["clinical-letter"] },
    { area: "elm", records: ["discharge-letter", "allergies"], fetch },
  ]);
  const ips = { base: `${fetchBase}Bundle/`, format: "application/fhir+json" };
  const summarised = aPerson(3, "1971-04-05", [
    { area: "ash", records: [] },
    { area: "elm", records: ["patient-summary"], fetch: ips },
  ]);
  const network = await startNetwork({
    areas: AREAS.map((id) => ({ id, name: `${id} area`, collaborative: "north", region: "North" })),
    agreements: [{ between: AREAS }],
    people: [person, aPerson(2, "1960-01-01", [{ area: "oak", records: ["allergies"], restricted: true }]), summarised],
  });
  const { settings: tokens, tokenOf } = makeFhirTokens(join(network.folder, "epr.jwks.json"), "ash");
  const folder = join(network.folder, "elm-records");
  mkdirSync(folder);
  writeFileSync(join(folder, "P0-0.pdf"), PDF);
  const port = await findFreePorts(1);
  const restartWith = async (area: string, settings: object): Promise<void> => {
    const node = network.mesh.node(area);
    appendFileSync(node.configPath, stringify(settings));
    await node.process.stop();
    await node.restart();
  };
  nameSystems(join(network.folder, "topology.yaml"));
  await restartWith("ash", { fhir: { listen: `127.0.0.1:${port}`, tokens }, ...atAsh });
  const source = { provider: "ELMH", kind: "files", base: "https://records.elm.example/", folder };
  await restartWith("elm", { records: { sources: [source] } });
  const [agent, feeder] = [DEMO_CALLER, FEED_CALLER].map(({ name }) =>
    agentOf(readCallerTls(network.mesh.node("ash").callerDir(name))),
  ) as [Agent, Agent];

  return {
    ...{ network, person, summarised, tokenOf },
    async ask(request, token) {
      const authorization = `Bearer ${token ?? (await tokenOf())}`;
      return send(port, agent, { method: "GET", ...request, headers: { authorization, ...request.headers } });
    },
    feed: (request) => send(port, feeder, request),
    async stop() {
      for (const each of [agent, feeder]) each.destroy();
      await network.stop();
    },
  };
}

/** Gives each provider a system of its own patient identifiers. */
function nameSystems(path: string): void {
  const topology = parse(readFileSync(path, "utf8")) as { providers: { code: string; feeds: object[] }[] };
  for (const provider of topology.providers) {
    provider.feeds = provider.feeds.map((feed) => ({ ...feed, fhirIdentifierSystem: systemOf(provider.code) }));
  }
  writeFileSync(path, stringify(topology));
}

export function form(parameters: Record<string, string>): FhirRequest {
  return {
    ...{ method: "POST", path: "/fhir/DocumentReference/_search" },
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(parameters).toString(),
  };
}

/** A search for the records of somebody. */
export function about(
  who: Pick<TrialPerson, "nhsNumber" | "birthDate">,
  more: Record<string, string> = {},
): FhirRequest {
  return form({
    "patient.identifier": `${NUMBER_SYSTEM}|${who.nhsNumber}`,
    "patient.birthdate": who.birthDate,
    ...more,
  });
}

export interface Resource {
  readonly resourceType: string;
  readonly id?: string;
  readonly [key: string]: unknown;
}

export interface Bundle {
  readonly total?: number;
  readonly entry: readonly { readonly resource: Resource; readonly search: { readonly mode: string } }[];
}

export function recordsIn({ entry }: Bundle): Resource[] {
  return entry.flatMap(({ resource, search }) => (search.mode === "match" ? [resource] : []));
}
