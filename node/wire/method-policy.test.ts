import assert from "node:assert/strict";

import type { ServiceDefinition } from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";

import { silentLog } from "../telemetry/log.ts";
import { FederationServiceService } from "./generated/corridor/v1/federation_service.ts";
import { FeedServiceService } from "./generated/corridor/v1/feed_service.ts";
import { LocatorServiceService } from "./generated/corridor/v1/locator_service.ts";
import { SearchServiceService } from "./generated/corridor/v1/search_service.ts";
import { MpiServiceService } from "./generated/corridor/v1/mpi_service.ts";
import { PeerServiceService } from "./generated/corridor/v1/peer_service.ts";
import { WitnessServiceService } from "./generated/corridor/v1/witness_service.ts";
import { MembershipServiceService } from "./generated/corridor/v1/membership_service.ts";
import { methodsWithPolicy, policyOf } from "./method-policy.ts";
import { reflectionServices } from "./reflection.ts";

const definitions: readonly ServiceDefinition[] = [
  LocatorServiceService,
  FederationServiceService,
  FeedServiceService,
  MpiServiceService,
  PeerServiceService,
  SearchServiceService,
  WitnessServiceService,
  MembershipServiceService,
  healthDefinition,
  ...reflectionServices([], silentLog).map(({ definition }) => definition),
];
const served = definitions.flatMap((definition) => Object.values(definition).map(({ path }) => path));

describe("the table of methods", () => {
  it("has a row for every method that is served, and no other", () => {
    assert.deepEqual([...methodsWithPolicy()].toSorted(), [...served].toSorted());
    assert.ok(served.length >= 9, "the walk saw the services");
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
