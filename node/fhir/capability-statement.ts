import type { Route, Said } from "./routes.ts";

type ResourceSaid = Extract<Said, { readonly resource: string }>;

/** All that is served of one type of resource. */
function resourceSaid(type: string, said: readonly ResourceSaid[]): object {
  const updates = said.some((each) => "conditionalUpdate" in each);
  return {
    type,
    supportedProfile: [...new Set(said.map(({ profile }) => profile))],
    interaction: said.map((each) => ({ code: "interaction" in each ? each.interaction : "update" })),
    ...(updates && { versioning: "versioned-update", readHistory: false, conditionalUpdate: true }),
    ...(updates && { conditionalDelete: "not-supported" }),
    searchParam: said.flatMap(({ search }) =>
      typeof search === "string" ? [{ name: search, type: "token" as const }] : search,
    ),
  };
}

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
    implementation: {
      description: "A node of a record network: what it takes from its feeds, and finds for its users",
    },
    rest: [
      {
        mode: "server",
        security: {
          description: "TLS 1.3 with a client certificate of this network, whose rights say for whom it speaks",
        },
        resource: [...new Set(resources.map(({ resource }) => resource))].map((type) =>
          resourceSaid(
            type,
            resources.filter(({ resource }) => resource === type),
          ),
        ),
        operation: operations.map(({ operation, definition }) => ({ name: operation, definition })),
      },
    ],
  };
}
