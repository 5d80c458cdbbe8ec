import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { nodeFiles } from "../../certs/layout.ts";
import { systemClock } from "../../node/base/clock.ts";
import { accessCommand } from "../../node/cli/access.ts";
import { issueCertificates, meshPaths, writeManifest, writeNodeConfig } from "../../node/cli/mesh/network-files.ts";
import { parseTopology } from "../../topology/topology.ts";
import { type TopologyOrder, topologyText } from "../testing/a-topology.ts";

const TABLE = fileURLToPath(new URL("../../node/access/table/", import.meta.url));
const ORDER: TopologyOrder = {
  areas: [
    { id: "ash", name: "Ash", collaborative: "trees", region: "Woods" },
    { id: "elm", name: "Elm", collaborative: "trees", region: "Woods" },
  ],
  agreements: [{ between: ["ash", "elm"], roleGroups: ["doctor", "nurse"], adultsOnly: true }],
};
/** Signed a second later than the first, so that its sequence is higher. */
const WIDER: TopologyOrder = { ...ORDER, agreements: [{ between: ["ash", "elm"], adultsOnly: true }] };

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command in this process and catches what it prints and the exit code that it sets. */
async function access(...args: readonly string[]): Promise<Ran> {
  const { log, error } = console;
  const { exitCode } = process;
  const [out, err]: [string[], string[]] = [[], []];
  console.log = (...words: unknown[]) => void out.push(words.join(" "));
  console.error = (...words: unknown[]) => void err.push(words.join(" "));
  process.exitCode = 0;
  try {
    await accessCommand(systemClock).parseAsync(args, { from: "user" });
    return { code: process.exitCode, out: out.join("\n"), err: err.join("\n") };
  } finally {
    [console.log, console.error, process.exitCode] = [log, error, exitCode];
  }
}

describe("corridor access", () => {
  let dir: string;
  let config: string;
  let manifests: { readonly old: string; readonly wider: string };

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "corridor-access-"));
    const topologyPath = join(dir, "topology.yaml");
    writeFileSync(topologyPath, topologyText(ORDER));
    const topology = parseTopology(topologyText(ORDER), "topology.yaml");
    const paths = meshPaths(dir);
    const endpoints = new Map(topology.nodes.map(({ id }) => [id as string, ["127.0.0.1:1"]]));
    await issueCertificates(topology, paths.certs, systemClock);
    manifests = { old: paths.manifest, wider: join(dir, "wider.jws") };
    await writeManifest(topology, paths, endpoints, systemClock);
    const wider = parseTopology(topologyText(WIDER), "topology.yaml");
    await writeManifest(wider, { ...paths, manifest: manifests.wider }, endpoints, systemClock);
    writeNodeConfig(paths, { id: "ash", port: 1 }, topologyPath);
    config = paths.config("ash");
    writeFileSync(
      join(config, "..", "narrowing.csv"),
      "custodian,setting,role_group,record_type,at_most,why\nASHH,all,nurse,maternity,sealed,Trust board\n",
    );
    appendFileSync(
      config,
      "access:\n  narrowing: narrowing.csv\n  localRoles:\n    - { organisation: X-NO-ODS-ELMS, name: Senior carer, role: R9725 }\n",
    );
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("explains which line of which file decides", async () => {
    const table = await access("explain", "--role", "R1070", "--setting", "ambulance", "--type", "safeguarding");
    assert.equal(table.code, 0);
    assert.match(table.out, /permitted as paramedic.*\nsafeguarding  summary  access table: ambulance\.csv line 39/);

    const nurse = ["explain", "--role", "nurse", "--config", config, "--asker", "elm", "--type", "maternity"];
    assert.match((await access(...nurse)).out, /under agreement-0\.\nmaternity  full {5}access table: emergency\.csv/);
    assert.match(
      (await access(...nurse)).out,
      /\n {2}of ASHH {2}sealed {3}narrowed: narrowing\.csv line 2 \(Trust board\)/,
    );
    const narrowed = await access(...nurse, "--custodian", "ASHH");
    assert.match(narrowed.out, /maternity  sealed   narrowed: narrowing\.csv line 2 \(Trust board\)/);
    const sensitive = await access("explain", "--role", "R1290", "--type", "allergies", "--sensitivity", "R");
    assert.equal(sensitive.code, 3);
    assert.match(sensitive.out, /none {5}custodian or service too sensitive for this role: .*pharmacist .* up to N/);
  });

  it("explains refusals: role, age, purpose, agreement", async () => {
    const asked = ["explain", "--config", config, "--asker", "elm"];
    const refused: readonly (readonly [string[], RegExp])[] = [
      [["--role", "gp"], /does not name this role group \(role-refused\): agreement agreement-0: roleGroups/],
      [
        ["--role", "R8000", "--age", "17"],
        /does not cover under-18s \(not-covered\): agreement agreement-0: adultsOnly/,
      ],
      [["--role", "R8000", "--without-number"], /with an NHS number only .*: demographicQuestions/],
      [["--role", "R8000", "--purpose", "HRESCH"], /one person at a time; no other purpose \(purpose-refused\)/],
      [["--role", "R1860"], /no such role in the access table \(role-refused\)/],
    ];
    for (const [args, says] of refused) {
      const { code, out } = await access(...asked, ...args);
      assert.equal(code, 3, out);
      assert.match(out, says);
    }
  });

  it("maps a local role for its organisation alone", async () => {
    const carer = ["explain", "--role", "Senior carer", "--setting", "care-home", "--config", config];
    assert.match((await access(...carer, "--organisation", "X-NO-ODS-ELMS")).out, /permitted as care-home-staff/);
    const other = await access(...carer, "--organisation", "RRK");
    assert.equal(other.code, 3);
    assert.match(other.out, /no such role/);
  });

  it("gives the same as JSON", async () => {
    const { out } = await access("explain", "--role", "R8000", "--type", "ecg", "--json");
    const { kind, group, levels, asker } = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual([kind, group, asker], ["permitted", "doctor", null]);
    assert.deepEqual(levels, {
      ecg: { level: "full", by: "table", where: "emergency.csv line 11, column doctor", why: "" },
    });
    const refused = JSON.parse((await access("explain", "--role", "R1860", "--json")).out) as Record<string, unknown>;
    assert.deepEqual([refused["kind"], refused["reason"]], ["refused", "role-unknown"]);
  });

  it("says who gains and who loses what between two tables", async () => {
    const edited = join(dir, "table");
    cpSync(TABLE, edited, { recursive: true });
    assert.deepEqual(await access("diff", TABLE, edited), { code: 0, out: "Nobody gains or loses anything.", err: "" });
    const acute = join(edited, "acute.csv");
    const text = readFileSync(acute, "utf8");
    writeFileSync(
      acute,
      text.replace("mental-health-record,full,full,summary", "mental-health-record,summary,full,full"),
    );
    const { code, out } = await access("diff", TABLE, edited);
    assert.equal(code, 1);
    assert.deepEqual(out.split("\n"), [
      "gains: nurse; in acute; for TREAT, ETREAT, CAREMGT; summary → full of mental-health-record",
      "loses: doctor; in acute; for TREAT, ETREAT, CAREMGT; full → summary of mental-health-record",
    ]);
    const shown = await access("preview", "--setting", "acute", "--since", TABLE, "--table", edited);
    assert.match(shown.out, /\nmental-health-record +F>S {2}F {2}S>F {2}S /);
  });

  it("says who gains and who loses what between two manifests, in both directions", async () => {
    const wider = await access("diff", manifests.old, manifests.wider, "--json");
    assert.equal(wider.code, 1);
    const { changes } = JSON.parse(wider.out) as { changes: { kind: string; groups: string[]; between: string[] }[] };
    assert.ok(changes.every(({ kind, groups }) => kind === "gains" && !groups.includes("doctor")));
    assert.ok(changes.some(({ groups }) => groups.includes("gp")));
    assert.deepEqual([...new Set(changes.flatMap(({ between }) => between))].sort(), ["ash asks elm", "elm asks ash"]);
    const key = nodeFiles(join(dir, "certs"), "ash").manifestPublic;
    assert.equal((await access("diff", manifests.old, manifests.old, "--key", key)).code, 0);
    assert.match((await access("diff", manifests.wider, manifests.old)).out, /^loses: .*adults by number/m);

    const preview = ["preview", "--setting", "general-practice", "--config", config, "--asker", "elm"];
    const shown = await access(...preview, "--since", manifests.wider);
    assert.match(
      shown.out,
      /\nallergies +F {2}F>· {2}F {2}F>· /,
      "general practitioners and midwives have lost theirs",
    );
  });

  it("says what is wrong with wrong usage", async () => {
    const wrong: readonly (readonly [string[], RegExp])[] = [
      [["explain", "--role", "R8000", "--asker", "elm"], /--asker needs --config/],
      [["explain", "--role", "R8000", "--type", "letters"], /--type must be one of clinical-summary/],
      [["explain", "--role", "R8000", "--config", config, "--asker", "oak"], /--asker must be one of ash, elm/],
      [
        ["explain", "--role", "R8000", "--config", config, "--agreement", "x"],
        /--agreement: the manifest has agreement-0/,
      ],
      [["diff", TABLE, manifests.old], /two folders with access tables, or two manifests/],
      [["diff", TABLE, join(dir, "nowhere")], /nowhere cannot be read: ENOENT/],
      [["preview", "--since", manifests.old], /needs --config and --asker/],
    ];
    for (const [args, says] of wrong) {
      const { code, err } = await access(...args);
      assert.equal(code, 2, err);
      assert.match(err, says);
    }
  });
});
