import type { Server } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";

/** gRPC health, for the node as a whole (the empty name) and for each service. */
export interface Health {
  addTo(server: Server): void;
  /** Says to balancers and peers that nothing new should come here. */
  drain(): void;
}

export function makeHealth(services: readonly string[]): Health {
  const names = ["", ...services];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, "SERVING" as const])));
  return {
    addTo: (server) => health.addToServer(server),
    drain: () => {
      for (const name of names) health.setStatus(name, "NOT_SERVING");
    },
  };
}
