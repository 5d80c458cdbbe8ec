import assert from "node:assert/strict";
import { join } from "node:path";

import { findSourceFaults, findTextFaults } from "../scripts/architecture/bans.ts";
import { importsOf } from "../scripts/architecture/imports.ts";
import { findImportFaults } from "../scripts/architecture/ladder.ts";
import { readProject } from "../scripts/architecture/tree.ts";

const project = readProject(join(import.meta.dirname, ".."));

describe("the architecture of the real tree", () => {
  it("has been seen: sources in every top folder, and imports in them", () => {
    const paths = [...project.sources.keys()];
    for (const folder of ["node/base/", "node/requests/", "node/wire/", "certs/", "topology/", "simulations/"]) {
      assert.ok(
        paths.some((path) => path.startsWith(folder)),
        `no sources seen in ${folder}`,
      );
    }
    const imports = [...project.sources.values()].flatMap((text) => importsOf(text));
    assert.ok(imports.length > paths.length, "fewer imports than files: the scanner is blind");
  });

  it("imports down the ladder only", () => {
    assert.deepEqual(findImportFaults(project), []);
  });

  it("reaches for no clock, randomness, timer or console, and silences no check without a reason", () => {
    assert.deepEqual(findSourceFaults(project.sources), []);
  });

  it("names nothing outside the project, and nowhere says that there is nothing else", () => {
    assert.deepEqual(findTextFaults(project.texts), []);
  });
});

describe("the import rules", () => {
  /** A small tree in which everything is allowed, with what a test adds. */
  const faultsWith = (planted: Record<string, string>): string[] => {
    const sound: Record<string, string> = {
      "node/base/clock.ts": "",
      "node/base/permit-maker.ts": "",
      "node/storage/executor.ts": 'import type { Clock } from "../base/clock.ts";',
      "node/config/settings.ts": 'import { parseTopology } from "../../topology/topology.ts";',
      "node/mpi/mpi.ts": 'import { run } from "../storage/executor.ts";\nimport Database from "better-sqlite3";',
      "node/access/decide.ts":
        'import { makePermit } from "../base/permit-maker.ts";\nimport table from "./table.json" with { type: "json" };',
      "node/requests/locate.ts": 'export { mpi } from "../mpi/mpi.ts";',
      "node/wire/server.ts": 'import * as locate from "../requests/locate.ts";\nimport "./generated/a.ts";',
      "node/wire/generated/a.ts": "",
      "node/web/http.ts": "",
      "node/writer.ts": 'import "./mpi/mpi.ts";',
      "node/node.ts": 'import "./wire/server.ts";\nimport "./writer.ts";',
      "node/storage/thread-executor.ts": 'new Worker(new URL("../writer.ts", import.meta.url));',
      "node/testing/fake-clock.ts": 'import type { Clock } from "../base/clock.ts";',
      "node/mpi/mpi.test.ts":
        'import fc from "fast-check";\nimport "../testing/fake-clock.ts";\nimport "../wire/server.ts";',
      "topology/topology.ts": 'import { parse } from "../node/base/clock.ts";',
      "certs/issue.ts": 'import { X509Certificate } from "node:crypto";',
      "simulations/run.ts": 'import "../node/node.ts";',
    };
    return findImportFaults({
      sources: new Map(Object.entries({ ...sound, ...planted })),
      exists: (path) => path === "node/access/table.json",
      dependencies: new Set(["better-sqlite3", "@grpc/grpc-js"]),
      devDependencies: new Set(["fast-check"]),
    });
  };

  it("let a sound tree pass", () => {
    assert.deepEqual(faultsWith({}), []);
  });

  const planted: [what: string, path: string, text: string, fault: RegExp][] = [
    ["up the ladder", "node/mpi/a.ts", 'import { x } from "../requests/locate.ts";', /up the ladder: mpi .* requests/],
    ["up, by type only", "node/base/a.ts", 'import type { X } from "../mpi/mpi.ts";', /base imports nothing but base/],
    ["an ability beside it", "node/mpi/a.ts", 'import { x } from "../access/decide.ts";', /sideways: mpi .* access/],
    ["an edge beside it", "node/web/a.ts", 'import { x } from "../wire/server.ts";', /sideways: web .* wire/],
    ["ground beside it", "node/config/a.ts", 'import "../storage/executor.ts";', /sideways: config .* storage/],
    ["a composition root", "node/wire/a.ts", 'import { x } from "../node.ts";', /composition roots/],
    ["a root, started elsewhere", "node/mpi/a.ts", 'new Worker(new URL("../writer.ts", import.meta.url))', /roots/],
    ["a root through a path", "node/mpi/a.ts", 'fork(join(import.meta.dirname, "../writer.ts"))', /roots/],
    ["node from a library", "certs/a.ts", 'import "../node/mpi/mpi.ts";', /certs imports nothing of node but base/],
    ["one library from the other", "certs/a.ts", 'import "../topology/topology.ts";', /do not import each other/],
    ["a library from base", "node/base/a.ts", 'import "../../certs/issue.ts";', /base imports nothing but base/],
    ["generated code", "node/requests/a.ts", 'import "../wire/generated/a.ts";', /only wire imports wire\/generated/],
    ["the maker of permits", "node/mpi/a.ts", 'import "../base/permit-maker.ts";', /only access makes permits/],
    ["the maker, from a root", "node/main.ts", 'import "./base/permit-maker.ts";', /only access makes permits/],
    ["a simulation", "node/cli/a.ts", 'await import("../../simulations/run.ts");', /only simulations/],
    ["a simulation from a test", "node/cli/a.test.ts", 'import "../../simulations/run.ts";', /only simulations/],
    ["a fake", "node/mpi/a.ts", 'import "../testing/fake-clock.ts";', /fakes are for tests only/],
    ["a test", "node/mpi/a.ts", 'import "./mpi.test.ts";', /a test is imported by nobody/],
    ["a file that is not there", "node/mpi/a.ts", 'import "./b.ts";', /'\.\/b\.ts' does not exist/],
    ["data that is not there", "node/access/a.ts", 'import x from "./x.json";', /'\.\/x\.json' does not exist/],
    [
      "a package that is not ours",
      "node/mpi/a.ts",
      'import lodash from "lodash/fp";',
      /'lodash' is not in package\.json/,
    ],
    ["a module of Node without node:", "node/mpi/a.ts", 'import fs from "fs";', /'fs' is not in package\.json/],
    ["a development dependency", "node/mpi/a.ts", 'import fc from "fast-check";', /development dependency/],
    ["an import worked out at run time", "node/mpi/a.ts", "await import(name);", /cannot be resolved/],
    ["an import from a template", "node/mpi/a.ts", "await import(`./${name}.ts`);", /cannot be resolved/],
    ["an import from a sum", "node/mpi/a.ts", 'await import("./" + name);', /cannot be resolved/],
    ["a worker from nowhere", "node/mpi/a.ts", "new Worker(file);", /cannot be resolved/],
    ["a room nobody knows", "node/utils/a.ts", "", /a room that is not on the ladder/],
    ["a loose file in node", "node/loose.ts", "", /a room that is not on the ladder/],
  ];
  for (const [what, path, text, fault] of planted) {
    it(`catch ${what}`, () => {
      const faults = faultsWith({ [path]: text });
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", fault);
      assert.ok(faults[0]?.startsWith(path));
    });
  }

  it("find every form of import, and none in comments, strings, templates or regular expressions", () => {
    const text = [
      'import a, { type B } from "./1.ts";',
      'import {\n  c,\n  // from "./no.ts"\n  d,\n} from "./2.ts";',
      'export * from "./3.ts";',
      'const e = await import("./4.ts"); const f: import("./5.ts").F = e;',
      'new Worker(new URL("./6.ts", import.meta.url)); read("./6.csv");',
      '// import "./no.ts"',
      '/* import "./no.ts" */ const g = `import "./no.ts" ${await import("./7.ts")} ${`import "./no.ts"`}`;',
      String.raw`const h = /import "no"/.test("import './no'"); const i = 'it\'s import "./no"';`,
      'export const from = "./not-imported";',
      'declare module "./8.ts" {}',
    ].join("\n");
    assert.deepEqual(
      importsOf(text).map(({ specifier }) => specifier),
      ["./1.ts", "./2.ts", "./3.ts", "./4.ts", "./5.ts", "./6.ts", "./7.ts", "./8.ts"],
    );
  });

  it("tell the line", () => {
    assert.deepEqual(importsOf('\n\nimport a from "./a.ts";'), [{ specifier: "./a.ts", line: 3 }]);
  });
});

describe("the bans on sources", () => {
  const faultsOf = (path: string, text: string): string[] => findSourceFaults(new Map([[path, text]]));

  const caught: [text: string, fault: RegExp][] = [
    ["const t = Date.now();", /clock/],
    ["const t = new Date();", /clock/],
    ["const t = new Date;", /clock/],
    ["const t = performance.now();", /clock/],
    ["const n = Math.random();", /randomness/],
    ['import { randomUUID } from "node:crypto";', /randomness/],
    ["setTimeout(f, 1);", /timers/],
    ["setInterval(f, 1);", /timers/],
    ["await new Promise(setImmediate);", /timers/],
    ['import { setTimeout as sleep } from "node:timers/promises";', /timers/],
    ["const signal = AbortSignal.timeout(5);", /timers/],
    ['console.log("x");', /only commands print/],
    ['const sentence = "There are no other records.";', /nothing else/],
    ["const sentence = `No  other\nrecord for ${x}`;", /nothing else/],
    ["// oxlint-disable-next-line no-empty\nf();", /gives no reason/],
    ["// @ts-expect-error\nf();", /gives no reason/],
  ];
  for (const [text, fault] of caught) {
    it(`catch ${JSON.stringify(text)}`, () => {
      const faults = faultsOf("node/mpi/a.ts", text);
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", fault);
    });
  }

  const passed: [path: string, text: string][] = [
    ["node/mpi/a.ts", "const t = new Date(clock.wallMs()); // not Date.now()"],
    ["node/mpi/a.ts", 'const text = "Date.now() and console.log";'],
    ["node/mpi/a.ts", "/** Never says that there are no other records. */"],
    ["node/mpi/a.ts", "// oxlint-disable-next-line no-empty -- nothing to do here\nf();"],
    ["node/base/clock.ts", "const t = Date.now(); setTimeout(f, 1);"],
    ["node/mpi/a.test.ts", 'await sleep(Date.now()); assert.doesNotMatch(text, "no other records");'],
    ["simulations/a.ts", "console.log(Date.now());"],
    ["node/cli/a.ts", "console.log(1);"],
  ];
  for (const [path, text] of passed) {
    it(`let ${JSON.stringify(text)} pass in ${path}`, () => {
      assert.deepEqual(faultsOf(path, text), []);
    });
  }
});

describe("the bans on every text", () => {
  const faultsOf = (path: string, text: string): string[] => findTextFaults(new Map([[path, text]]));

  const caught: [path: string, text: string][] = [
    ["docs/a.md", "see /home/somebody/corridor"],
    ["Makefile", "cp /tmp/x ."],
    [".npmrc", "registry=https://packages.example/"],
    ["node/mpi/DESIGN.md", "as design section 4 says"],
    ["proto/a.proto", "// There are no other records."],
    ["topology/a.yaml", "note: No other record"],
  ];
  for (const [path, text] of caught) {
    it(`catch ${JSON.stringify(text)} in ${path}`, () => {
      assert.equal(faultsOf(path, text).length, 1);
    });
  }

  const passed: [path: string, text: string][] = [
    ["scripts/a.sh", "#!/usr/bin/env node\nexec </dev/null"],
    ["docs/a.md", 'Nothing ever prints "no other records".'],
    ["node/mpi/DESIGN.md", "see ARCHITECTURE.md and node/audit/DESIGN.md; ${root}/data/x"],
  ];
  for (const [path, text] of passed) {
    it(`let ${JSON.stringify(text)} pass in ${path}`, () => {
      assert.deepEqual(faultsOf(path, text), []);
    });
  }
});
