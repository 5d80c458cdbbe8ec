import assert from "node:assert/strict";

import { NhsNumber } from "../base/nhs-number.ts";
import { makeLog } from "./log.ts";

const CANARY = "9000000009";

describe("log", () => {
  const lines: string[] = [];
  const log = makeLog("info", (line) => lines.push(line));
  beforeEach(() => lines.splice(0));

  it("writes one JSON object a line with the event's name", () => {
    log.with({ node: "wm-bsol" }).info("listening", { port: 7400 });
    const line: unknown = JSON.parse(lines[0] ?? "");
    assert.ok(typeof line === "object" && line !== null);
    assert.deepEqual({ ...line, time: "" }, { level: 30, time: "", node: "wm-bsol", event: "listening", port: 7400 });
  });

  it("masks a valid NHS number wherever it stands, in every way of writing it", () => {
    const spaced = "900 000 0009";
    log.warn("odd", { text: `seen ${CANARY} and ${spaced} here` });
    log.error("thrown", new Error(`inner ${CANARY}`, { cause: new Error(`cause ${spaced}`) }));
    assert.equal(lines.length, 2);
    for (const line of lines) assert.ok(!line.includes(CANARY) && !line.includes(spaced), line);
  });

  it("leaves other ten-digit numbers, such as times, alone", () => {
    log.info("time", { at: 1764000000, ms: 1764000000123 });
    assert.match(lines[0] ?? "", /1764000000,/);
  });

  it("cannot print a concealed value by accident", () => {
    const number = NhsNumber.parse(CANARY);
    log.info("slip", { text: `${String(number)} ${JSON.stringify({ number })}` });
    assert.match(lines[0] ?? "", /concealed/);
  });
});
