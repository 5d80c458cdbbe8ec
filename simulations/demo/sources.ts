import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { CAST_DIR } from "../../topology/people/generate.ts";

/** Custodians' systems of the demonstration: doubles of a FHIR server, a document server and a council's on this machine, and a folder. */
export interface DemoSources {
  /** Settings of the nodes that fetch from them, by node id. */
  readonly settings: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

/** Which records are opened, and what must be in them. */
export const OPENED = [
  { custodian: "RRE", recordType: "encounters", shows: /"resourceType":"Bundle"/ },
  { custodian: "RYA", recordType: "ambulance", shows: /Found at the roadside/ },
  { custodian: "RXW", recordType: "clinical-letter", shows: /^%PDF-1\.4/ },
] as const;

const AREA = "wm-stw";

/** What the home council has of her, which its own social worker opens. */
export const COUNCIL = {
  area: "wm-bsol",
  custodian: "X-NO-ODS-BIRMINGHAM-CITY-COUNCIL",
  recordType: "social-care-involvement",
  shows: /Allocated case worker.*Invented Worker/,
} as const;

const SOCIAL_CARE = {
  asOf: "2026-11-16T07:30:00Z",
  fields: {
    "allocated-case-worker": "Invented Worker, 0121 496 0105",
    "risk-type": ["Falls"],
    "case-details": "Visits twice a day",
  },
};

const ENCOUNTER = {
  resourceType: "Bundle",
  type: "document",
  entry: [
    { resource: { resourceType: "Composition", status: "final", title: "Seen in the emergency department" } },
    { resource: { resourceType: "AllergyIntolerance", code: { text: "Penicillin" }, criticality: "high" } },
  ],
};

const AMBULANCE_SHEET = `<html><head><script>alert("from the record")</script></head><body>
  <h1>Ambulance record</h1><p onclick="alert(1)">Found at the roadside, drowsy, talking.</p>
  <table><tr><th>Time</th><th>NEWS2</th></tr><tr><td>09:12</td><td>5</td></tr></table>
  <img src="http://elsewhere.example/seen.png"></body></html>`;

/** The least that is a PDF: one empty page. */
const LETTER = `%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj
trailer<</Root 1 0 R>>
%%EOF
`;

/** @param folder of the files, made here. */
export async function startDemoSources(folder: string): Promise<DemoSources> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, `${nameOfLetter()}.pdf`), LETTER);
  const fhir = await serve("application/fhir+json", JSON.stringify(ENCOUNTER));
  const documents = await serve("text/html; charset=utf-8", AMBULANCE_SHEET);
  const council = await serve("application/json", JSON.stringify(SOCIAL_CARE));
  const social = {
    ...{ provider: COUNCIL.custodian, kind: "dataset", base: "https://records.birmingham-city-council.example/d/" },
    server: council.url,
  };
  const sources = [
    { provider: "RRE", kind: "fhir", base: "https://records.rre.example/r4/", server: fhir.url },
    { provider: "RYA", kind: "documents", base: "https://records.rya.example/d/", server: documents.url },
    { provider: "RXW", kind: "files", base: "https://records.rxw.example/d/", folder },
  ];
  return {
    settings: new Map([
      [AREA, { records: { sources } }],
      [COUNCIL.area, { records: { sources: [social] } }],
    ]),
    async close() {
      await Promise.all([fhir.close(), documents.close(), council.close()]);
    },
  };
}

/** The last part of the letter's address, as the cast has it. */
function nameOfLetter(): string {
  const rows = readFileSync(join(CAST_DIR, `${AREA}.pointers.csv`), "utf8").split("\n");
  const row = rows.find((line) => /^RXW,XW7162667,[^,]*,clinical-letter,/.test(line));
  return /\/([^/,]+),[^,]*$/.exec(row ?? "")?.[1] ?? "";
}

async function serve(type: string, text: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server: Server = createServer((_, response) => response.writeHead(200, { "content-type": type }).end(text));
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
