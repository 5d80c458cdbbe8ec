import type { Route } from "./routes.ts";

const TYPE = "http://hl7.org/fhir/StructureDefinition/CapabilityStatement";

/**
 * What this door serves, made of the routes that there are.
 *
 * @param day of the program's start, `YYYY-MM-DD`.
 */
export function capabilityStatement(routes: readonly Route[], day: string): object {
  const said = routes.flatMap(({ says }) => (says === undefined ? [] : [says]));
  const resources = said.flatMap((each) => ("resource" in each ? [each] : []));
  const operations = said.flatMap((each) => ("operation" in each ? [each] : []));
  return {
    ...{ resourceType: "CapabilityStatement", status: "active", date: day, kind: "instance", fhirVersion: "4.0.1" },
    meta: { profile: [TYPE] },
    format: ["application/fhir+json"],
    software: { name: "Corridor" },
    implementation: { description: "A node of a record network: what it takes from its feeds" },
    rest: [
      {
        mode: "server",
        security: {
          description: "TLS 1.3 with a client certificate of this network, whose rights say for whom it speaks",
        },
        resource: resources.map(({ resource, profile, search }) => ({
          ...{ type: resource, supportedProfile: [profile], interaction: [{ code: "update" }] },
          ...{ versioning: "versioned-update", readHistory: false, conditionalUpdate: true },
          conditionalDelete: "not-supported",
          searchParam: [{ name: search, type: "token" }],
        })),
        operation: operations.map(({ operation, definition }) => ({ name: operation, definition })),
      },
    ],
  };
}
