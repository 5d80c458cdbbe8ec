import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

import { status } from "@grpc/grpc-js";
import { parse } from "yaml";

import { type HazardLog, findHazardFaults, parseHazardLog } from "../scripts/docs/hazards.ts";
import { relativeLinks, rowsUnder, tableRows } from "../scripts/docs/tables.ts";
import { CHARACTERS } from "../topology/people/characters.ts";
import { type AreaAnswer, OUTCOMES, type Verdict } from "./base/answer.ts";
import { FAILURE_CODES, Failure } from "./base/failure.ts";
import { exitCodeOf } from "./cli/exit.ts";
import { hl7FeedSchema } from "./config/hl7-feed.ts";
import { recordSourceSchema } from "./config/record-source.ts";
import { parseSettings, settingsSchema } from "./config/settings.ts";
import { FIXED_LINE } from "./federation/verdict.ts";
import { ADT_EVENTS } from "./feeds/hl7/header.ts";
import { statusOf } from "./wire/status.ts";

const root = join(import.meta.dirname, "..");
const textOf = (path: string): string | undefined =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : undefined;
const read = (path: string): string => textOf(path) ?? assert.fail(`${path} is missing`);

/** `{ a: { b: 1 } }` as `["a.b", 1]`. */
function flatten(value: object, prefix = ""): [string, unknown][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    typeof inner === "object" && inner !== null ? flatten(inner, `${prefix}${key}.`) : [[`${prefix}${key}`, inner]],
  );
}

describe("docs/errors.md", () => {
  const rows = tableRows(read("docs/errors.md"));

  it("explains every failure code, and no other", () => {
    assert.deepEqual(
      rows.map(([code]) => code),
      [...FAILURE_CODES],
    );
  });

  it("gives each code's exit code", () => {
    for (const code of FAILURE_CODES) {
      const row = rows.find(([name]) => name === code);
      assert.equal(row?.[3], String(exitCodeOf(new Failure(code, "x"))), code);
    }
  });

  it("gives each code's gRPC status", () => {
    for (const code of FAILURE_CODES) {
      const row = rows.find(([name]) => name === code);
      assert.equal(row?.[4], status[statusOf(new Failure(code, "x")).code], code);
    }
  });
});

describe("docs/settings.md", () => {
  const rows = tableRows(read("docs/settings.md"));
  const needed = { id: "a1", dataDir: "d", listen: { port: 1 }, certs: { dir: "c" }, manifest: "m", topology: "t" };
  const settings = new Map(flatten(settingsSchema.parse(needed)));
  const given = new Map(flatten(needed));

  it("explains every setting, and no other", () => {
    assert.deepEqual(
      rows.map(([setting]) => setting),
      [...settings.keys()],
    );
  });

  it("gives each setting's default, and says which are needed", () => {
    for (const [setting = "", byDefault] of rows) {
      assert.equal(byDefault, given.has(setting) ? "needed" : String(settings.get(setting)), setting);
    }
  });

  it("shows a whole file that is accepted", () => {
    const example = /```yaml\n([^`]+)```/.exec(read("docs/settings.md"))?.[1] ?? "";
    assert.equal(parseSettings(example, "node.yaml").id, "wm-bsol");
  });
});

describe("docs/records.md", () => {
  const rows = rowsUnder(read("docs/records.md"), "Connecting a custodian's system");

  it("explains every key of a source, and no other", () => {
    assert.deepEqual(
      rows.map(([key]) => key),
      Object.keys(recordSourceSchema.shape),
    );
  });

  it("gives each key's default", () => {
    const source: Record<string, string | number | undefined> = recordSourceSchema.parse({
      provider: "RRK",
      kind: "fhir",
      base: "https://a/",
    });
    for (const [key = "", said] of rows) {
      const isNeeded = key === "provider" || key === "kind" || key === "base";
      assert.equal(said, isNeeded ? "needed" : String(source[key] ?? "none"), key);
    }
  });
});

describe("docs/hl7.md", () => {
  const text = read("docs/hl7.md");
  const rows = rowsUnder(text, "Setting it up");

  it("explains every key of a feed, and no other", () => {
    assert.deepEqual(
      rows.map(([key]) => key),
      Object.keys(hl7FeedSchema.shape),
    );
  });

  it("gives each key's default", () => {
    const byDefault: Record<string, unknown> = hl7FeedSchema.parse({ provider: "RRK", sender: "x" });
    for (const [key = "", said] of rows) {
      const value = byDefault[key];
      if (value === undefined || key === "provider" || key === "sender") continue; // said in words
      const pairs = typeof value === "object" && !Array.isArray(value) ? Object.entries(value as object) : [value];
      const plain = pairs.map((each) =>
        Array.isArray(each)
          ? each.join(pairs.length > 1 ? ": " : ", ")
          : typeof each === "string"
            ? each
            : JSON.stringify(each),
      );
      assert.equal(said, plain.join(", ") || "none", key);
    }
  });

  it("names every event that is taken, and no other", () => {
    const events = rowsUnder(text, "Events").flatMap(([cell = ""]) => cell.split(", "));
    assert.deepEqual(events.sort(), [...ADT_EVENTS]);
  });

  it("shows feeds that are accepted", () => {
    const example = /```yaml\n([^`]+)```/.exec(text)?.[1] ?? "";
    const needed = "id: a1\ndataDir: d\nlisten: { port: 1 }\ncerts: { dir: c }\nmanifest: m\ntopology: t\n";
    assert.equal(parseSettings(needed + example, "node.yaml").hl7?.feeds[0]?.facility, "RRK");
  });
});

describe("docs/cli.md", () => {
  const text = read("docs/cli.md");
  const example = JSON.parse(/```json\n([^`]+)```/.exec(text)?.[1] ?? "") as {
    answers: AreaAnswer[];
    verdict: Verdict;
  };

  it("shows every field of an answer, and no other", () => {
    const fields = {
      area: true,
      outcome: true,
      reason: true,
      pointers: true,
      sealed: true,
      coverage: true,
      elapsedMs: true,
      own: true,
      notOffered: true,
      morePointers: true,
    } satisfies Record<keyof AreaAnswer, true>;
    assert.deepEqual(Object.keys(example.answers[0] ?? {}), Object.keys(fields));
  });

  it("shows every field of a verdict, and no other", () => {
    const fields = {
      requestId: true,
      asker: true,
      givenAtMs: true,
      scopes: true,
      areas: true,
      gaps: true,
      unfed: true,
      sentence: true,
      fixedLine: true,
      directory: true,
    } satisfies Record<keyof Verdict, true>;
    assert.deepEqual(Object.keys(example.verdict), Object.keys(fields));
  });

  it("quotes the fixed line word for word", () => {
    assert.equal(example.verdict.fixedLine, FIXED_LINE);
  });

  it("explains every outcome, and no other", () => {
    assert.deepEqual(
      rowsUnder(text, "Outcomes").map(([outcome]) => outcome),
      [...OUTCOMES],
    );
  });
});

describe("README.md", () => {
  const text = read("README.md");

  it("says that it is not for clinical use", () => {
    assert.ok(text.includes("Not for clinical use until a Clinical Safety Officer has signed."));
  });

  it("quotes the fixed line word for word", () => {
    assert.ok(text.includes(FIXED_LINE));
  });

  it("asks about a person of the cast", () => {
    const { nhsNumber, birthDate } = CHARACTERS.twentyHistories;
    const numbers = [...text.matchAll(/\b\d{10}\b/g)].map(([number]) => number);
    assert.deepEqual(new Set(numbers), new Set([nhsNumber]));
    assert.ok(text.includes(`--birth-date ${birthDate}`));
  });
});

describe("every page", () => {
  const pages = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (path) => path.endsWith(".md") && !/(?:^|\/)(?:node_modules|out|\.mesh)\//.test(path),
  );

  it("links to what is there", () => {
    assert.ok(pages.length > 5);
    const dead = pages.flatMap((page) =>
      relativeLinks(read(page))
        .filter((link) => !existsSync(join(root, dirname(page), link)))
        .map((link) => `${page}: ${link}`),
    );
    assert.deepEqual(dead, []);
  });

  it("names only make targets that make help lists", () => {
    const targets = new Set([...read("Makefile").matchAll(/^([a-z-]+):.*## /gm)].map((match) => match[1]));
    const named = pages.flatMap((page) => [...read(page).matchAll(/(?:`|^)make ([a-z-]+)/gm)].map((match) => match[1]));
    assert.ok(named.length > 5);
    for (const target of named) assert.ok(targets.has(target), `make ${target}`);
  });
});

describe("the Makefile", () => {
  it("lists every target in its help", () => {
    const text = read("Makefile");
    const phony = (/^\.PHONY: (.+)$/m.exec(text)?.[1] ?? "").split(" ");
    assert.deepEqual(
      [...text.matchAll(/^([a-z-]+):.*## /gm)].map((match) => match[1]),
      phony,
    );
  });
});

describe("docs/safety/hazards.yaml", () => {
  const log = (): HazardLog => parseHazardLog(parse(read("docs/safety/hazards.yaml")));

  it("names for each hazard controls that exist and tests that run", () => {
    assert.deepEqual(findHazardFaults(log(), textOf), []);
  });

  it("covers the hazards that the first landing must", () => {
    const all = log()
      .hazards.map(({ hazard }) => hazard.toLowerCase())
      .join("\n");
    for (const word of ["wrong patient", "partial answer", "location", "out of date", "object"]) {
      assert.ok(all.includes(word), word);
    }
  });

  describe("its checker", () => {
    const sound = (): HazardLog["hazards"][number] => ({
      id: "H01",
      hazard: "something bad happens",
      causes: ["somebody did something"],
      effect: "somebody is harmed by it",
      initial: { severity: "major", likelihood: "medium", risk: 3 },
      controls: [{ control: "we look at it first", file: "a.ts" }],
      tests: [{ file: "a.test.ts", title: "looks at it first" }],
      residual: { severity: "major", likelihood: "very low", risk: 2 },
      remains: "somebody may look away",
    });
    const files: Record<string, string> = {
      "a.ts": "",
      "row.test.ts": 'catalogueRow({ ...{ id: "A1", title: "looks often" }, quick: 1, full: 2 }, look);',
      "b.test.ts": "it(`looks at ${what}`, () => {});",
      "a.test.ts": 'it("looks at it first", () => {});\nit.skip("sleeps", () => {});\n// it("dreams", () => {});',
    };
    const faultsOf = (change: Partial<ReturnType<typeof sound>>): string[] =>
      findHazardFaults({ standard: "", status: "", hazards: [{ ...sound(), ...change }] }, (path) => files[path]);

    it("lets a sound hazard pass", () => {
      assert.deepEqual(faultsOf({}), []);
    });

    it("catches a control whose file is gone", () => {
      assert.match(faultsOf({ controls: [{ control: "we look at it", file: "gone.ts" }] })[0] ?? "", /gone\.ts/);
    });

    it("takes a title from a template as it is written", () => {
      assert.deepEqual(faultsOf({ tests: [{ file: "b.test.ts", title: "looks at ${what}" }] }), []);
    });

    it("takes a row of the catalogue for a test", () => {
      assert.deepEqual(faultsOf({ tests: [{ file: "row.test.ts", title: "looks often" }] }), []);
      assert.equal(faultsOf({ tests: [{ file: "row.test.ts", title: "looks" }] }).length, 1);
    });

    for (const title of ["looks", "looks at it", "sleeps", "dreams"]) {
      it(`catches a test that does not run: '${title}'`, () => {
        assert.match(faultsOf({ tests: [{ file: "a.test.ts", title }] })[0] ?? "", /no test/);
      });
    }

    it("catches a residual risk that nobody may accept", () => {
      const residual = { severity: "catastrophic", likelihood: "medium", risk: 4 } as const;
      assert.ok(faultsOf({ residual }).some((fault) => fault.includes("unacceptable")));
    });

    it("catches a risk that is not the matrix's", () => {
      const initial = { severity: "major", likelihood: "medium", risk: 2 };
      assert.throws(() => parseHazardLog({ standard: "x", status: "x", hazards: [{ ...sound(), initial }] }), /matrix/);
    });
  });
});
