import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

import { seededRandom } from "../../node/base/random.ts";
import { catalogueRow } from "../testing/catalogue.ts";
import type { FhirAnswer, FhirRequest } from "../testing/fhir-door.ts";
import { mutate } from "../testing/fhir-mutations.ts";
import { aPointer, FROM_ASH, snomed } from "./producing.ts";
import { about, type Bundle, type Facade, form, recordsIn, startFacade } from "./a-facade.ts";

const FHIR = { "content-type": "application/fhir+json" };
const MATCH = { method: "POST", path: "/fhir/Patient/$match", headers: FHIR } as const;

function matching(patient: object): string {
  const resource = { resourceType: "Patient", ...patient };
  return JSON.stringify({ resourceType: "Parameters", parameter: [{ name: "resource", resource }] });
}
const PRODUCE = { method: "POST", path: "/fhir/DocumentReference", headers: FROM_ASH } as const;
const SUMMARY = { method: "POST", path: "/fhir/Patient/$summary", headers: FHIR } as const;

const ROBIN = matching({ name: [{ family: "Trial", given: ["Robin"] }], birthDate: "1958-02-03" });

/** What is no JSON: each breaks one rule of RFC 8259. */
const NOT_JSON: readonly (string | Uint8Array)[] = [
  ...["", " ", "{", "}", "[", "]", "{]", "[}", "{{}}", "[[]", '{"a"}', '{"a":}', "{:1}", "{a:1}", "{'a':1}", "{1:1}"],
  ...[
    '{"a":1,}',
    "[1,]",
    "[,1]",
    "[1,,2]",
    "{,}",
    '{"a" 1}',
    '{"a":1 "b":2}',
    "[1 2]",
    '{"a":1}}',
    "[] []",
    "{}{}",
    "{}x",
  ],
  ...[
    "nul",
    "NULL",
    "True",
    "undefined",
    "NaN",
    "Infinity",
    "-Infinity",
    "-",
    "+1",
    "01",
    "-01",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x1",
    "1_000",
  ],
  ...['"', '"a', 'a"', '"\\"', '"\\x"', '"\\u12"', '"\\u{1}"', '"\\\'"', '"\t"', '"\n"', '"\u0000"', "'a'", "`a`"],
  ...[
    "// a\n{}",
    "{} // a",
    "/* a */{}",
    "# a\n{}",
    '{"a":/**/1}',
    "<a/>",
    "<!DOCTYPE a>",
    "a=b&c=d",
    "--\n{}",
    "%7B%7D",
  ],
  ...[
    '{"a":tru}',
    '{"a":nulll}',
    '{"a":fals e}',
    "[true false]",
    '{"a":--1}',
    '{"a":1..2}',
    '{"a":1e1.5}',
    '{"a":\u00a01}',
  ],
  ...[
    Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0),
    Uint8Array.of(0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d),
    Uint8Array.of(0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22),
  ],
];

/** What is JSON, however odd: never a fault of the node's. */
const ODD_JSON: readonly string[] = [
  ...[
    "null",
    "true",
    "0",
    "-0",
    "1e400",
    "-1E-400",
    '""',
    '"\\u0000"',
    '"\\ud800"',
    "[]",
    "{}",
    "[[]]",
    "[null]",
    " {} \n",
    '{"":1}',
  ],
  ...[
    '{"a":1,"a":2}',
    '{"__proto__":{"resourceType":"Parameters"}}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"toString":1}',
  ],
  ...[
    '{"resourceType":"Parameters"}',
    '{"resourceType":["Parameters"]}',
    '{"resourceType":"Parameters","parameter":{}}',
  ],
  ...['{"resourceType":"Parameters","parameter":[null,1,"a",[],{"name":1},{"name":"resource"}]}'],
  `${"[".repeat(10_000)}${"]".repeat(10_000)}`,
  `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`,
  matching({ name: Array.from({ length: 10_000 }, () => ({ family: "x" })) }),
  matching({ name: [{ family: "x".repeat(100_000) }], birthDate: "1958-02-03" }),
  matching({ name: [{ family: { toString: 1 } }], birthDate: ["1958-02-03"] }),
  matching({ name: [{ family: "Trial", given: "Robin" }], birthDate: "1958-02-03" }),
  matching({ name: "Trial", birthDate: 1958 }),
  matching({
    text: { div: "<div><script>alert(1)</script></div>" },
    name: [{ family: "<script>" }],
    birthDate: "1958-02-03",
  }),
];

/** Texts that readers have stumbled over, for every field of a search. */
const STRINGS: readonly string[] = [
  ...[
    "",
    " ",
    "0",
    "-1",
    "NaN",
    "null",
    "undefined",
    "true",
    "\u0000",
    "\u0001",
    "\u007f",
    "\ufeff",
    "\ufffd",
    "\ud83d\ude00",
    "\u202eevil",
    "a\u0300".repeat(100),
  ],
  ...[
    "' OR 1=1 --",
    '"; DROP TABLE person; --',
    "%",
    "_",
    "*",
    "?",
    "**",
    "T*",
    "%27",
    "%00",
    "..",
    "../../etc/passwd",
    "C:\\",
    "|",
    "a|b|c",
    "system|",
    "|value",
  ],
  ...[
    "<script>alert(1)</script>",
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "$(id)",
    "`id`",
    ";id",
    "& ping",
    "\r\nX-Evil: 1",
    "\n",
    "=cmd|' /C calc'!A0",
  ],
  ...[
    "9".repeat(10),
    "9".repeat(400),
    "x".repeat(3_000),
    "é".repeat(300),
    "\u{1F468}\u200d\u{1F469}\u200d\u{1F466}",
    "ﬀ",
    "Ⅷ",
    "１２３",
    "٣",
    "1958-02-30",
    "0000-00-00",
    "eq",
    "ge1958",
    "le9999-99-99",
  ],
  ...[
    "urn:uuid:1",
    "http://169.254.169.254/",
    "file:///etc/passwd",
    "https://fhir.nhs.uk/Id/nhs-number|",
    "https://fhir.nhs.uk/Id/nhs-number|900000001",
    "https://fhir.nhs.uk/Id/nhs-number|9000000009",
  ],
];

const FIELDS = [
  ...["patient.identifier", "patient.birthdate", "type", "custodian:identifier", "status", "_summary"],
  ...["_count", "_page", "audit patient.identifier", "audit agent.identifier", "audit date", "audit _count"],
  ...[
    "family",
    "given",
    "birthdate",
    "gender",
    "address-postalcode",
    "phone",
    "_fuzzy-match",
    "_max-results",
    "_history",
  ],
] as const;

/** Nobody listens there, and nobody is to come. */
const NOWHERE = "http://127.0.0.1:1/";

const OFFICER = {
  nhsid_nrbac_roles: [{ person_roleid: "1", org_code: "RRK", role_code: "R0001" }],
  reason: "Trying it",
};

/** Where a field is searched by, what it is called there, and what has to stand beside it. */
function searchFor(field: (typeof FIELDS)[number]) {
  const [kind, name] = field.includes(" ") ? (field.split(" ") as [string, string]) : ["", field];
  const isPatient = FIELDS.indexOf(field) >= FIELDS.indexOf("family");
  if (kind === "audit") return { path: "/fhir/AuditEvent/_search", name, usual: { "agent.identifier": "nobody" } };
  if (isPatient) {
    return { path: "/fhir/Patient/_search", name, usual: { family: "Trial", birthdate: "eq1958-02-03" } };
  }
  return { path: "/fhir/DocumentReference/_search", name, usual: { "patient.birthdate": "1958-02-03" } };
}

function summaryOf(nhsNumber: string, birthDate: string): string {
  const values = { identifier: `https://fhir.nhs.uk/Id/nhs-number|${nhsNumber}`, birthdate: birthDate };
  const parameter = Object.entries(values).map(([name, valueString]) => ({ name, valueString }));
  return JSON.stringify({ resourceType: "Parameters", parameter });
}

describe("hostile words at the door for FHIR", function () {
  this.timeout(120_000);
  let facade: Facade;
  let sink: { readonly base: string; readonly connections: () => number; close(): void };

  before(async () => {
    sink = await startSink();
    const source = { provider: "ASHH", kind: "fhir", base: "https://fhir.ash.example/r4/", server: NOWHERE };
    facade = await startFacade(sink.base, { records: { sources: [source] } });
  });
  after(async () => {
    await facade?.stop();
    sink?.close();
  });

  const officer = (): Promise<string> => facade.tokenOf(OFFICER);

  /** An answer of ours, that repeats nothing, and a node that is still there. */
  async function checked(request: FhirRequest, what: string, token?: string): Promise<FhirAnswer> {
    const isFeed = request.headers?.["nhsd-end-user-organisation-ods"] !== undefined;
    const answer = await (isFeed ? facade.feed(request) : facade.ask(request, token));
    assert.notEqual(answer.status, 500, `${what}: ${answer.text}`);
    assert.match(String(answer.headers["content-type"]), /^application\/fhir\+json/, what);
    const { resourceType } = JSON.parse(answer.text) as { resourceType: string };
    if (answer.status !== 200 || isFeed) assert.equal(resourceType, "OperationOutcome", what);
    assert.ok(!answer.text.includes("1958") || answer.status === 200, `${what} is not repeated`);
    return answer;
  }

  catalogueRow(
    { id: "P5", title: "broken JSON is refused as such, odd JSON is never a fault", quick: 320, full: 3_000 },
    async (trials) => {
      const counts: Record<string, number> = {};
      const { nhsNumber, birthDate } = facade.person;
      const [pointer, summary] = [JSON.stringify(aPointer(nhsNumber)), summaryOf(nhsNumber, birthDate)];
      const doors = [
        [MATCH, ROBIN],
        [PRODUCE, pointer],
        [SUMMARY, summary],
      ] as const;
      for (const trial of trials) {
        const known = [...NOT_JSON, ...ODD_JSON];
        for (const [door, sound] of doors) {
          const body = trial < known.length ? known[trial]! : mutate(sound, seededRandom(trial));
          const { status } = await checked({ ...door, body }, `body ${trial} to ${door.path}`);
          if (trial < NOT_JSON.length)
            assert.equal(status, 400, `${JSON.stringify(String(body).slice(0, 80))} is no JSON`);
          counts[String(status)] = (counts[String(status)] ?? 0) + 1;
        }
      }
      assert.equal((await facade.feed({ ...PRODUCE, body: pointer })).status, 201, "as the next good pointer");
      assert.equal((await facade.ask({ ...MATCH, body: ROBIN })).status, 200, "and the next good one is answered");
      return { counts };
    },
  );

  catalogueRow(
    {
      id: "P6",
      title: "FHIR that is hostile is refused or neutralised, and leads to no connection",
      quick: 90,
      full: 90,
    },
    async (trials) => {
      const before = sink.connections();
      const entity = `<!DOCTYPE p [<!ENTITY x SYSTEM "${sink.base}x"><!ENTITY f SYSTEM "file:///etc/passwd">]>`;
      const hostile: FhirRequest[] = [
        ...["application/fhir+xml", "application/xml", "text/xml", "application/json"].map((type) => ({
          ...{ ...MATCH, headers: { "content-type": type } },
          body: `${entity}<Parameters xmlns="http://hl7.org/fhir"><x>&x;&f;</x></Parameters>`,
        })),
        ...["", "?_format=xml", "?_format=application/fhir+xml"].map((query) => ({
          ...about(facade.person),
          path: `/fhir/DocumentReference/_search${query}`,
        })),
        ...["gzip", "br", "deflate"].map((encoding) => ({
          ...MATCH,
          headers: { ...FHIR, "content-encoding": encoding },
          body: ROBIN,
        })),
        ...["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"].map((method) => ({
          method,
          path: "/fhir/DocumentReference/1",
        })),
        ...["../../etc/passwd", "%2e%2e%2f", "1/$everything", "_history", "1%00", "9".repeat(2_000)].map((id) => ({
          method: "GET",
          path: `/fhir/Binary/${id}`,
        })),
        ...["application/fhir+xml", "text/xml", "application/json"].map((type) => ({
          ...{ ...PRODUCE, headers: { ...FROM_ASH, "content-type": type } },
          body: `${entity}<DocumentReference xmlns="http://hl7.org/fhir"><x>&x;&f;</x></DocumentReference>`,
        })),
        ...[`${sink.base}9000000017`, "file:///etc/passwd", "javascript:alert(1)", "ssp://x/y"].map((url) => ({
          ...PRODUCE,
          body: JSON.stringify(
            aPointer(facade.person.nhsNumber, { content: [{ attachment: { contentType: "text/html", url } }] }),
          ),
        })),
        ...["../../etc/passwd", "%2e%2e%2f", "ASHH-%00", "ASHH-'%20OR%201=1", "9".repeat(2_000)].flatMap((id) => [
          { method: "DELETE", path: `/fhir/DocumentReference/${id}`, headers: FROM_ASH },
          { method: "GET", path: `/fhir/async/${id}` },
          { method: "DELETE", path: `/fhir/async/${id}` },
          { method: "GET", path: `/fhir/DocumentReference?_page=${id}` },
          { method: "GET", path: `/fhir/AuditEvent?_page=${id}` },
        ]),
        ...[sink.base, "file:///etc/passwd", "javascript:alert(1)"].map((url) => ({
          ...MATCH,
          body: matching({
            photo: [{ url }],
            link: [{ other: { reference: url } }],
            name: [{ family: "Trial" }],
            birthDate: "1958-02-03",
          }),
        })),
      ];
      for (const trial of trials) {
        const body = matching({
          contained: [{ resourceType: "Binary", data: "x".repeat(trial * 1_000) }],
          text: { div: `<img src="${sink.base}">` },
        });
        const request: FhirRequest = hostile[trial] ?? { ...MATCH, body };
        const isFeed = request.headers === FROM_ASH || request.path === PRODUCE.path;
        const answer = await (isFeed ? facade.feed(request) : facade.ask(request));
        assert.ok(answer.status < 500 && !/root:/.test(answer.text), `trial ${trial}: ${answer.status}`);
      }
      assert.equal(sink.connections(), before, "nothing was fetched");
      return { counts: { connections: 0 } };
    },
  );

  catalogueRow(
    { id: "P7", title: "whatever a search's fields hold, the answer is one of ours", quick: 200, full: 1_600 },
    async (trials) => {
      const counts: Record<string, number> = {};
      for (const trial of trials) {
        const random = seededRandom(trial);
        const field = FIELDS[trial % FIELDS.length]!;
        const known = STRINGS[Math.floor(trial / FIELDS.length) % STRINGS.length]!;
        const text =
          trial < FIELDS.length * STRINGS.length
            ? known
            : known + STRINGS[Math.floor(random.fraction() * STRINGS.length)]!;
        const { path, name, usual } = searchFor(field);
        const request = { ...form({ ...usual, [name]: text }), path };
        const what = `${field} = ${JSON.stringify(text.slice(0, 60))}`;
        const { status, headers } = await checked(request, what, path.includes("Audit") ? await officer() : undefined);
        assert.equal(headers["x-evil"], undefined);
        counts[String(status)] = (counts[String(status)] ?? 0) + 1;
      }
      return { counts };
    },
  );

  catalogueRow(
    { id: "X9", title: "addresses in data are not followed: a pointer elsewhere is not opened", quick: 10, full: 100 },
    async (trials) => {
      const before = sink.connections();
      const { nhsNumber, birthDate } = facade.person;
      const elsewhere = { contentType: "application/fhir+json", url: `${sink.base}r4/Patient/1/$summary` };
      const kind = { type: snomed("824321000000109"), content: [{ attachment: elsewhere }] };
      const published = await facade.feed({ ...PRODUCE, body: JSON.stringify(aPointer(nhsNumber, kind)) });
      assert.equal(published.status, 201, published.text);
      for (const trial of trials) {
        const summary = await facade.ask({ ...SUMMARY, body: summaryOf(nhsNumber, birthDate) });
        assert.equal(summary.status, 503, `trial ${trial}: ${summary.text}`);
        assert.match(summary.text, /is not connected for opening records/);
        const { text } = await facade.ask(about(facade.person));
        const found = recordsIn(JSON.parse(text) as Bundle).find(({ custodian }) =>
          /ELMH/.test(JSON.stringify(custodian)),
        );
        const [content] = found!["content"] as { attachment: { url: string } }[];
        const opened = await facade.ask({ path: `/fhir/${content!.attachment.url}` });
        assert.equal(opened.status, 503, `trial ${trial}: ${opened.text}`);
        assert.match(opened.text, /is not connected for opening records/);
        assert.ok(!opened.text.includes("127.0.0.1"), "and the address is not told");
      }
      assert.equal(sink.connections(), before, "nobody came to the address in the data");
      return { counts: { connections: 0 } };
    },
  );
});

/** Counts who comes. */
async function startSink() {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on("error", () => {}).destroy();
  });
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { base: `https://127.0.0.1:${port}/`, connections: () => connections, close: () => void server.close() };
}
