import assert from "node:assert/strict";

import { ACCESS_LEVELS } from "../base/answer.ts";
import { Failure } from "../base/failure.ts";
import { RECORD_TYPE_KEYS } from "../base/record-types.ts";
import { ROLE_GROUPS } from "../base/role-groups.ts";
import { type OrganisationCode, SETTINGS } from "../base/words.ts";
import { isLess, parseNarrowing } from "./narrowing.ts";
import { loadAccessTable } from "./table.ts";
import { ruleOn, workOutTerms } from "./terms.ts";

const HEADER = "custodian,setting,role_group,record_type,at_most,why";
const narrowing = (...lines: string[]) => parseNarrowing([HEADER, ...lines, ""].join("\n"), "narrowing.csv");
const table = loadAccessTable();
const RJE = "RJE" as OrganisationCode;
const OTHER = "RRK" as OrganisationCode;
const emergencyDoctor = { table, setting: "emergency", group: "doctor" } as const;

describe("a narrowing", () => {
  it("takes away, of all custodians or of one, and says which line did", () => {
    const of = {
      ...emergencyDoctor,
      narrowing: narrowing(
        "all,all,doctor,maternity,summary,Board 2026-03",
        "RJE,emergency,all,discharge-letter,none,Trust's own",
      ),
    };
    assert.deepEqual(ruleOn("maternity", of), {
      ...{ level: "summary", by: "narrowing", where: "narrowing.csv line 2", why: "Board 2026-03" },
    });
    assert.equal(ruleOn("discharge-letter", of).level, "full");
    assert.equal(ruleOn("discharge-letter", of, RJE).where, "narrowing.csv line 3");
    const terms = workOutTerms(of);
    assert.deepEqual(
      [
        terms.levelOf("discharge-letter"),
        terms.levelOf("discharge-letter", RJE),
        terms.levelOf("discharge-letter", OTHER),
      ],
      ["full", "none", "full"],
    );
    assert.equal(terms.levelOf("maternity", RJE), "summary");
  });

  it("of one custodian is in everybody's notice, so that the notice does not tell whose patient it is", () => {
    const terms = workOutTerms({ ...emergencyDoctor, narrowing: narrowing("RJE,all,all,discharge-letter,none,x") });
    assert.ok(terms.sealed.includes("discharge-letter"));
    assert.ok(!terms.notOffered.includes("discharge-letter"), "others still show theirs");
  });

  it("never widens, whatever it says: every line against every cell", () => {
    for (const atMost of ["summary", "sealed", "none"]) {
      const lines = narrowing(`all,all,all,all,${atMost},x`, `RJE,all,all,all,${atMost},x`);
      for (const setting of SETTINGS) {
        for (const group of ROLE_GROUPS) {
          const terms = workOutTerms({ table, setting, group, narrowing: lines });
          for (const key of RECORD_TYPE_KEYS) {
            for (const level of [terms.levelOf(key), terms.levelOf(key, RJE)]) {
              assert.ok(!isLess(table.levelOf(setting, group, key), level), `${setting}, ${group}, ${key}`);
              assert.ok(
                !isLess(
                  ACCESS_LEVELS.find((each) => each === atMost)!,
                  level,
                ),
              );
            }
          }
        }
      }
    }
  });

  it("that is wrong stops the start with every fault and its line", () => {
    const faultsOf = (text: string): string => {
      try {
        parseNarrowing(text, "narrowing.csv");
      } catch (thrown) {
        assert.ok(thrown instanceof Failure && thrown.code === "configuration");
        return thrown.message;
      }
      return "";
    };
    const faults = faultsOf(`${HEADER}\nrje,pub,wizard,letters,full,\nall,all,all,all,none,why,more\n`);
    for (const fault of [
      /line 2: "rje" is no organisation code/,
      /line 2: no such setting "pub"/,
      /line 2: no such role group "wizard"/,
      /line 2: no such record type "letters"/,
      /line 2: at_most must be summary, sealed or none: a narrowing only takes away/,
      /line 2: why must say/,
      /line 3: has 7 fields, not 6/,
    ]) {
      assert.match(faults, fault);
    }
    assert.match(faultsOf("custodian,setting\n"), /line 1: the columns must be custodian,setting,role_group/);
    assert.match(faultsOf('a"b\n"'), /is not CSV/);
    assert.equal(faultsOf(`${HEADER}\n`), "", "nothing narrowed is a narrowing too");
  });
});
