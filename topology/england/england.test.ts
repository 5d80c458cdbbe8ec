import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

import { NhsNumber } from "../../node/base/nhs-number.ts";
import { icsOn, parseTopology, readTopology } from "../topology.ts";
import { readIcbs, readSuccessions, SUCCESSION_DAY } from "./facts.ts";
import { englandFiles, englandPath, YEARS } from "./generate.ts";
import { TRAVELLER } from "./people.ts";

const BEFORE = "2026-03-31";
const england2022 = readTopology(englandPath(2022));
const england2026 = readTopology(englandPath(2026));

describe("the facts about England", () => {
  const icbs = readIcbs();

  it("are 42 boards with a code and a node each, in seven regions, of 63 million patients", () => {
    assert.equal(icbs.length, 42);
    assert.equal(new Set(icbs.map(({ code }) => code)).size, 42);
    assert.equal(new Set(icbs.map(({ node }) => node)).size, 42);
    assert.equal(new Set(icbs.map(({ region }) => region)).size, 7);
    const people = icbs.reduce((sum, { population }) => sum + population, 0);
    assert.ok(people > 62_000_000 && people < 64_000_000, String(people));
  });

  it("name neighbours from both sides, and nobody lies alone", () => {
    for (const { code, neighbours } of icbs) {
      assert.ok(neighbours.length > 0 && new Set(neighbours).size === neighbours.length, code);
      for (const neighbour of neighbours) {
        const other = icbs.find((icb) => icb.code === neighbour);
        assert.ok(other?.neighbours.includes(code), `${code} and ${neighbour}`);
      }
    }
  });

  it("reach every board from every other across borders", () => {
    const reached = new Set(["QT6"]);
    for (const code of reached) icbs.find((icb) => icb.code === code)!.neighbours.forEach((each) => reached.add(each));
    assert.equal(reached.size, 42);
  });

  it("leave 36 boards in April 2026: 12 ended, six began, one took part of another", () => {
    const successions = readSuccessions();
    const ended = new Set(successions.map(({ predecessor }) => predecessor));
    const begun = new Set(successions.map(({ successor }) => successor).filter((code) => code !== "QRL"));
    assert.deepEqual([successions.length, ended.size, begun.size, 42 - ended.size + begun.size], [16, 12, 6, 36]);
    for (const { predecessor } of successions) assert.ok(icbs.some(({ code }) => code === predecessor));
  });
});

describe("all England's topologies", () => {
  for (const year of YEARS) {
    it(`of ${year} are what the facts make of them`, () => {
      for (const [path, text] of englandFiles(year)) {
        if (!path.endsWith(".yaml")) assert.equal(readFileSync(path, "utf8"), text, path);
        else if (path === englandPath(year)) assert.deepEqual(readTopology(path), parseTopology(text, basename(path)));
      }
    });
  }

  it("have 42 nodes, or 36, and as many people", () => {
    const people = (nodes: readonly { population: number }[]) => nodes.reduce((sum, each) => sum + each.population, 0);
    assert.deepEqual([england2022.nodes.length, england2026.nodes.length], [42, 36]);
    assert.ok(Math.abs(people(england2022.nodes) - people(england2026.nodes)) <= 100_000);
  });

  it("answer for every code on either side of the change of April 2026", () => {
    for (const { nodes } of [england2022, england2026]) {
      const served = (day: string) => new Set(nodes.flatMap((node) => icsOn(node, day).map(({ code }) => code)));
      assert.deepEqual([served(BEFORE).size, served(SUCCESSION_DAY).size], [42, 36]);
    }
  });

  it("find an area by a code that ended, all that it became part of", () => {
    const nodesOf = (code: string) =>
      england2026.nodes.filter(({ ics }) => ics.some((each) => each.code === code)).map(({ id }) => id as string);
    assert.deepEqual(nodesOf("QHG"), ["ee-ce"]);
    assert.deepEqual(nodesOf("QM7").toSorted(), ["ee-ce", "ee-ess"]);
    assert.deepEqual(nodesOf("QNQ").toSorted(), ["se-hiow", "se-ss", "se-tv"]);
    assert.deepEqual(nodesOf("S1Y5D"), ["ee-ce"]);
  });

  it("let the node of a board that was split answer for all its parts", () => {
    const frimley = england2022.nodes.find(({ id }) => id === "se-fri")!;
    const names = (day: string) => icsOn(frimley, day).map(({ name }) => name);
    assert.deepEqual(names(BEFORE), ["Frimley"]);
    assert.deepEqual(names(SUCCESSION_DAY), ["Thames Valley", "Surrey and Sussex", "Hampshire and Isle of Wight"]);
  });

  it("have tiers: records that several share, seven regions, and borders seen from both sides", () => {
    for (const { nodes, collaboratives } of [england2022, england2026]) {
      const inLondon = nodes.filter(({ collaborative }) => collaborative === "london-care-record");
      assert.equal(inLondon.length, nodes.length === 42 ? 5 : 4);
      assert.ok(inLondon.every(({ region }) => region === "London"));
      assert.ok(collaboratives.every(({ id }) => nodes.some(({ collaborative }) => collaborative === id)));
      assert.equal(new Set(nodes.map(({ region }) => region)).size, 7);
      for (const { id, neighbours = [] } of nodes) {
        for (const neighbour of neighbours) {
          assert.ok(nodes.find((each) => each.id === neighbour)?.neighbours?.includes(id), `${id} and ${neighbour}`);
        }
      }
    }
  });

  it("let people be sought by name within one shared record alone", () => {
    for (const { agreements, nodes } of [england2022, england2026]) {
      const byName = agreements.filter(({ demographicQuestions }) => demographicQuestions);
      assert.ok(byName.length >= 5);
      for (const { members } of byName) {
        const records = members.map((member) => nodes.find(({ id }) => id === member)?.collaborative);
        assert.equal(new Set(records).size, 1);
      }
    }
  });

  it("are lived in by somebody invented", () => {
    assert.ok(NhsNumber.parse(TRAVELLER.nhsNumber)?.expose().startsWith("9"));
  });
});
