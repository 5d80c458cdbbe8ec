import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { decideAll, decisionTableText, parseDecisionTable } from "./decision-table.ts";
import { changeLines, changesBetween, merge } from "./difference.ts";
import { loadAccessTable } from "./table.ts";

const COMMITTED = new URL("./decision-table.txt", import.meta.url);

describe("the whole table of decisions", () => {
  it("is the committed one, or a reviewer sees who gains and who loses what", () => {
    const inForce = { table: loadAccessTable() };
    const committed = readFileSync(COMMITTED, "utf8");
    const changes = changeLines(merge(changesBetween(parseDecisionTable(committed), decideAll(inForce))));
    const remedy = "\nIf that is meant: bin/corridor access table > node/access/decision-table.txt";
    assert.deepEqual(changes, [], `${changes.join("\n")}${remedy}`);
    assert.ok(committed === decisionTableText(inForce), `reasons or form have changed.${remedy}`);
  });

  it("is read back as it was written, so that the comparison misses nothing", () => {
    const decided = decideAll({ table: loadAccessTable() });
    const read = parseDecisionTable(decisionTableText({ table: loadAccessTable() }));
    assert.deepEqual(changesBetween(read, decided), []);
    assert.ok(read.some(({ levelOf }) => levelOf("ecg") === "full"));
    const edited = decisionTableText({ table: loadAccessTable() }).replace(/full: clinical-summary /, "full: ");
    assert.deepEqual(changeLines(merge(changesBetween(parseDecisionTable(edited), decided))), [
      "gains: doctor; in emergency; for TREAT, ETREAT, CAREMGT; none → full of clinical-summary",
    ]);
  });
});
