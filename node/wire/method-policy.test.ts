import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";

import type { ServiceDefinition } from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";

import { silentLog } from "../telemetry/log.ts";
import { methodsWithPolicy, policyOf } from "./method-policy.ts";
import { reflectionServices } from "./reflection.ts";

/** The methods of every generated file: one that is new in the protos is seen without being named here. */
const GENERATED = new URL("generated/corridor/v1/", import.meta.url);
const generated = readdirSync(GENERATED).flatMap((name) =>
  [...readFileSync(new URL(name, GENERATED), "utf8").matchAll(/^ +path: "(\/corridor[^"]+)"/gm)].map(
    ([, path]) => path!,
  ),
);
const others: readonly ServiceDefinition[] = [
  healthDefinition,
  ...reflectionServices([], silentLog).map(({ definition }) => definition),
];
const served = [...generated, ...others.flatMap((definition) => Object.values(definition).map(({ path }) => path))];

describe("the table of methods", () => {
  it("has a row for every method that is served, and no other", () => {
    assert.deepEqual([...methodsWithPolicy()].toSorted(), [...served].toSorted());
    assert.ok(generated.includes("/corridor.v1.LocatorService/AnswerLocateStream"), "the walk saw the services");
  });

  it("has none for what only looks like a method", () => {
    for (const method of ["", "toString", "__proto__", "constructor", "/corridor.v1.FeedService/load"]) {
      assert.equal(policyOf(method), undefined, method);
    }
  });

  it("opens nothing but health to everybody", () => {
    const open = served.filter((method) => policyOf(method)?.who === "anyone");
    assert.ok(open.length > 0 && open.every((method) => method.startsWith("/grpc.health.v1.Health/")));
  });
});
