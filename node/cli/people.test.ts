import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { parse } from "csv-parse/sync";

import { readTopology } from "../../topology/topology.ts";
import type { AdmittedFeed } from "../feeds/items.ts";
import { readFeedFile } from "../feeds/read-feed-file.ts";
import { CAST_DAY } from "../../topology/people/characters.ts";

const CORRIDOR = fileURLToPath(new URL("../../bin/corridor", import.meta.url));
const TOPOLOGY = fileURLToPath(new URL("../../topology/west-midlands.yaml", import.meta.url));
const topology = readTopology(TOPOLOGY);
const PEOPLE = "3000";

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function corridor(...args: string[]): Promise<Ran> {
  const child = spawn(CORRIDOR, ["people", TOPOLOGY, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

const hashOf = (dir: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dir)
      .sort()
      .map((name) => [
        name,
        createHash("sha256")
          .update(readFileSync(join(dir, name)))
          .digest("hex"),
      ]),
  );

/** What a node admits, by the topology: the rules of its own door. */
function feedsOf(node: string): ReadonlyMap<string, AdmittedFeed> {
  return new Map(
    topology.providers.flatMap(({ code, feeds }) =>
      feeds
        .filter((feed) => feed.node === node)
        .map(({ state, recordTypes }) => [
          code as string,
          { state, recordTypes: recordTypes === "all" ? "all" : new Set(recordTypes) } as const,
        ]),
    ),
  );
}

describe("corridor people", () => {
  let dir: string;
  let csv: string;
  let first: Ran;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "corridor-people-"));
    csv = join(dir, "csv");
    first = await corridor("--out", csv, "--people", PEOPLE);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("writes two files a node, the truth, and what they are; and says so", () => {
    assert.equal(first.code, 0, first.err);
    const nodes = topology.nodes.flatMap(({ id }) => [`${id}.identities.csv`, `${id}.pointers.csv`]);
    assert.deepEqual(readdirSync(csv).sort(), [...nodes, "population.json", "truth.csv"].sort());
    assert.match(first.out, /^\d+ people with \d+ identity records and \d+ pointers \(/);
  });

  it("lets nobody but the owner read them", () => {
    assert.equal(statSync(csv).mode & 0o777, 0o700);
    for (const name of readdirSync(csv)) assert.equal(statSync(join(csv, name)).mode & 0o777, 0o600, name);
  });

  it("says in population.json how they were made, and counts what is there", () => {
    const summary = JSON.parse(readFileSync(join(csv, "population.json"), "utf8")) as {
      seed: number;
      people: number;
      nodes: { id: string; identities: number; pointers: number }[];
      files: { name: string; bytes: number }[];
    };
    assert.deepEqual([summary.seed, summary.people], [1, Number(PEOPLE)]);
    const rows = (name: string): number => readFileSync(join(csv, name), "utf8").split("\n").length - 2;
    for (const { id, identities, pointers } of summary.nodes) {
      assert.deepEqual([rows(`${id}.identities.csv`), rows(`${id}.pointers.csv`)], [identities, pointers]);
    }
    for (const { name, bytes } of summary.files) assert.equal(statSync(join(csv, name)).size, bytes, name);
  });

  it("makes the same bytes from the same seed, and others from another", async () => {
    const [again, other] = [join(dir, "again"), join(dir, "other")];
    await corridor("--out", again, "--people", PEOPLE, "--seed", "1");
    await corridor("--out", other, "--people", PEOPLE, "--seed", "2");
    assert.deepEqual(hashOf(again), hashOf(csv));
    assert.notEqual(hashOf(other)["truth.csv"], hashOf(csv)["truth.csv"]);
  });

  it("writes nothing that its node would not take: every line of every file is admitted", async () => {
    await corridor("--out", join(dir, "ndjson"), "--people", PEOPLE, "--format", "ndjson");
    for (const { id } of topology.nodes) {
      const rules = { today: CAST_DAY, feeds: feedsOf(id) };
      for (const path of [
        join(csv, `${id}.identities.csv`),
        join(csv, `${id}.pointers.csv`),
        join(dir, "ndjson", `${id}.ndjson`),
      ]) {
        let lines = 0;
        for await (const { line, parsed } of readFeedFile(path, rules)) {
          assert.ok(!("rejected" in parsed), `${path}:${line}: ${JSON.stringify(parsed)}`);
          lines++;
        }
        assert.ok(lines > 100, path);
      }
    }
  });

  it("tells the truth about every identity record of the files, and about nothing else", () => {
    const truth: { provider: string; local_id: string; person: string }[] = parse(
      readFileSync(join(csv, "truth.csv"), "utf8"),
      { columns: true },
    );
    const told = new Set(truth.map((row) => `${row.provider} ${row.local_id}`));
    assert.equal(told.size, truth.length);
    const sent = new Set(
      topology.nodes.flatMap(({ id }) => {
        const rows: { provider: string; local_id: string }[] = parse(
          readFileSync(join(csv, `${id}.identities.csv`), "utf8"),
          { columns: true },
        );
        return rows.map((row) => `${row.provider} ${row.local_id}`);
      }),
    );
    assert.deepEqual(told, sent);
    assert.ok(new Set(truth.map(({ person }) => person)).size < truth.length);
    assert.ok(truth.every(({ person }) => /^wm-[a-z]+\.\d+$/.test(person)));
  });

  it("replaces nothing that is there, unless it is told to", async () => {
    const refused = await corridor("--out", csv, "--people", "10");
    assert.equal(refused.code, 2);
    assert.match(
      refused.err,
      /holds wm-bsol\.identities\.csv and 13 more already: name another folder, or add --force/,
    );
    const own = join(dir, "own");
    await corridor("--out", own, "--people", "100");
    const before = hashOf(own);
    writeFileSync(join(own, "truth.csv"), "x", { mode: 0o644 });
    assert.equal((await corridor("--out", own, "--people", "100", "--force")).code, 0);
    assert.deepEqual(hashOf(own), before);
    assert.equal(statSync(join(own, "truth.csv")).mode & 0o777, 0o600);
  });

  it("leaves no population.json where it was killed, not even the one of what was there before", async () => {
    const broken = join(dir, "broken");
    await corridor("--out", broken, "--people", "100");
    const args = ["people", TOPOLOGY, "--out", broken, "--people", "1000000", "--force"];
    const child = spawn(CORRIDOR, args, { stdio: ["ignore", "ignore", "pipe"] });
    await once(child.stderr, "data"); // it says how far it is
    child.kill("SIGKILL");
    await once(child, "close");
    assert.ok(existsSync(join(broken, "truth.csv")));
    assert.ok(!existsSync(join(broken, "population.json")));
  });

  it("writes one node's to standard output, the same as to its file, and at the pace of whoever reads", async () => {
    const options = ["--people", PEOPLE, "--node", "wm-cw", "--format", "ndjson"];
    const { code, out, err } = await corridor("--out", "-", ...options);
    assert.equal(code, 0, err);
    assert.equal(out, readFileSync(join(dir, "ndjson", "wm-cw.ndjson"), "utf8"));
    assert.match(err, /people with \d+ identity records/);
    const only = join(dir, "only");
    await corridor("--out", only, ...options);
    assert.deepEqual(readdirSync(only).sort(), ["population.json", "truth.csv", "wm-cw.ndjson"]);
  });

  it("stops when nobody reads on", async () => {
    const args = ["people", TOPOLOGY, "--out", "-", "--people", "100000", "--node", "wm-cw", "--format", "fhir"];
    const child = spawn(CORRIDOR, args, { stdio: ["ignore", "pipe", "pipe"] });
    let err = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code] = (await once(child, "close")) as [number | null];
    assert.equal(code, 1);
    assert.match(err, /standard output cannot be written: EPIPE/);
  });

  const misused: readonly (readonly [what: string, args: readonly string[], says: RegExp])[] = [
    ["a form that is none", ["--format", "xml"], /--format must be one of csv, ndjson, fhir/],
    ["a node of another network", ["--node", "elsewhere"], /--node names none of this topology's nodes: wm-bsol/],
    ["a scale of nothing", ["--scale", "0"], /--scale must be a number above 0/],
    ["no number of people", ["--people", "many"], /--people must be a whole number/],
    ["part of a person", ["--people", "1.5"], /--people must be a whole number/],
    ["a seed that is too large", ["--seed", "4294967296"], /--seed must be a whole number from 0 to 4294967295/],
    ["more people than numbers", ["--scale", "3"], /There are NHS numbers for 3666666 people of each of 6 areas/],
    ["two files on one output", ["--out", "-", "--node", "wm-cw"], /--out - writes one file/],
    ["six nodes on one output", ["--out", "-", "--format", "fhir"], /--out - writes one file/],
  ];
  it("says what is wrong with a command, and leaves no file", async () => {
    for (const [what, args, says] of misused) {
      const out = join(dir, "none");
      const { code, err } = await corridor("--out", out, ...args);
      assert.equal(code, 2, `${what}: ${err}`);
      assert.match(err, says, what);
      assert.ok(!existsSync(join(out, "truth.csv")), what);
    }
  });
});
