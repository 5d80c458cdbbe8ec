import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CORRIDOR = join(import.meta.dirname, "../bin/corridor");

describe("corridor link", function () {
  this.timeout(30_000);

  let folder: string;
  let out: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "corridor-link-"))));
  beforeEach(() => {
    out = join(folder, "out.csv");
    rmSync(out, { force: true });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function link(csv: string, to = out): { exitCode: number | null; stderr: string } {
    const from = join(folder, "in.csv");
    writeFileSync(from, csv);
    const { status, stderr, stdout } = spawnSync(CORRIDOR, ["link", from, to], { encoding: "utf8" });
    assert.equal(stdout, "", "what a machine reads is in the file");
    return { exitCode: status, stderr };
  }

  const HEADER = "record_id,nhs_number,given_name,family_name,date_of_birth,gender,shoe_size\n";
  const AMINA = "9990000018,Amina,Hussain,1984-03-17,female,4";

  it("writes a line for each record, in their order, whatever columns there are", () => {
    const { exitCode, stderr } = link(
      `\ufeff${HEADER}"a,1",${AMINA}\nb,,Tariq,Hussain,1981-06-30,male,9\nc,9990000018,AMINA,Rahman,17/03/1984,F,\n`,
    );
    assert.equal(exitCode, 0);
    assert.equal(readFileSync(out, "utf8"), 'record_id,cluster_id\n"a,1",p1\nb,p2\nc,p1\n');
    assert.match(stderr, /^3 records, 2 people,/m);
    assert.equal(statSync(out).mode & 0o077, 0, "it says who is whom");
  });

  it("takes a file with one column, and one without a row", () => {
    assert.equal(link("record_id\na\nb\n").exitCode, 0);
    assert.equal(readFileSync(out, "utf8"), "record_id,cluster_id\na,p1\nb,p2\n");
    assert.equal(link("record_id,given_name\n").exitCode, 0);
    assert.equal(readFileSync(out, "utf8"), "record_id,cluster_id\n");
  });

  const refused: readonly [string, string, RegExp][] = [
    ["an empty file", "", /is empty/],
    ["a header without record_id", "given_name\nAmina\n", /no column record_id/],
    ["a header with a column twice", "record_id,given_name,Given_Name\n", /given_name twice/],
    ["a row of too many fields", `${HEADER}a,${AMINA},more\n`, /line 2 /],
    ["a quotation mark that never closes", `${HEADER}a,"${AMINA}\n`, /line \d is no line of CSV/],
    ["a row without an id", `${HEADER},${AMINA}\n`, /Row 1 after the header has no record_id/],
    ["an id that stands twice", `${HEADER}a,${AMINA}\na,${AMINA}\n`, /Rows 1 and 2 after the header/],
  ];
  for (const [what, csv, says] of refused) {
    it(`refuses ${what}, by its place, and writes nothing`, () => {
      const { exitCode, stderr } = link(csv);
      assert.equal(exitCode, 2);
      assert.match(stderr, says);
      assert.doesNotMatch(stderr, /Amina|Hussain|9990000018|1984/, "no patient's data");
      assert.ok(!existsSync(out));
    });
  }

  it("survives rows that no person has", () => {
    const rows = ["x".repeat(2_000), "\u0000\u0007", "李小龍", "-".repeat(500), "A\nB"].map(
      (text, at) => `r${at},"${text}","${text}","${text}",2990-13-45,?,`,
    );
    assert.equal(link(`${HEADER}${rows.join("\n")}\n`).exitCode, 0);
    assert.equal(readFileSync(out, "utf8").trim().split("\n").length, 6);
  });

  it("says what cannot be read or written, and leaves what was there", () => {
    assert.match(link(HEADER, join(folder, "nowhere", "out.csv")).stderr, /cannot be written/);
    const missing = spawnSync(CORRIDOR, ["link", join(folder, "none.csv"), out], { encoding: "utf8" });
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /cannot be read/);
    const same = link("record_id\na\n", join(folder, "in.csv"));
    assert.equal(same.exitCode, 2);
    assert.equal(readFileSync(join(folder, "in.csv"), "utf8"), "record_id\na\n");
  });

  it("explains a pair by name of field and level, and never by a value", () => {
    const from = join(folder, "pair.csv");
    writeFileSync(from, `${HEADER}a,${AMINA}\nb,,Samira,Hussain,1984-03-17,female,9\n`);
    const explain = (...args: string[]) =>
      spawnSync(CORRIDOR, ["mpi", "explain", ...args, "--in", from], { encoding: "utf8" });
    const { stdout, status } = explain("a", "b");
    assert.equal(status, 0);
    assert.match(stdout, /given: different/);
    assert.match(stdout, /birth: same/);
    assert.match(stdout, /in all; a pair of this file links from \d/);
    assert.doesNotMatch(stdout, /Amina|Samira|Hussain|1984/);
    const { links, fields } = JSON.parse(explain("a", "b", "--json").stdout) as { links: boolean; fields: unknown[] };
    assert.equal(links, false);
    assert.ok(fields.length >= 3);
    const unknown = explain("a", "z");
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /no two such records/);
  });

  it("links with a model that was trained on one's own records", () => {
    const from = join(folder, "train.csv");
    const names = ["Amina", "Grace", "Nadia", "Poppy", "Farah"];
    const rows = Array.from({ length: 600 }, (_, at) => {
      const person = at % 200;
      const birth = `19${10 + (person % 89)}-0${1 + (person % 9)}-${10 + (person % 18)}`;
      return `r${at},,${names[person % 5]},Hussain${String.fromCharCode(97 + (person % 26))},${birth},female,4`;
    });
    writeFileSync(from, `${HEADER}${rows.join("\n")}\n`);
    const model = join(folder, "model.json");
    const trained = spawnSync(CORRIDOR, ["mpi", "train", from, "--out", model, "--version", "ours-1"], {
      encoding: "utf8",
    });
    assert.equal(trained.status, 0, trained.stderr);
    assert.match(trained.stdout, /600 records/);
    const linked = spawnSync(CORRIDOR, ["link", from, out, "--model", model], { encoding: "utf8" });
    assert.equal(linked.status, 0, linked.stderr);
    assert.match(linked.stderr, /600 records, 1\d\d people/, "three records each, and some who look alike");
    assert.match(linked.stderr, /parameters ours-1/);

    writeFileSync(model, '{"version":"broken"}');
    const broken = spawnSync(CORRIDOR, ["link", from, out, "--model", model], { encoding: "utf8" });
    assert.equal(broken.status, 2);
    assert.match(broken.stderr, /model is not whole: fields/);
  });
});
