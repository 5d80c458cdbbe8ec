import type { Route } from "./routes.ts";

const FHIR_JSON = "application/fhir+json";
const FORM = "application/x-www-form-urlencoded";
const OUTCOME = { content: { [FHIR_JSON]: { schema: { $ref: "#/components/schemas/OperationOutcome" } } } };
const RESOURCE = { content: { [FHIR_JSON]: { schema: { $ref: "#/components/schemas/Resource" } } } };

const WHO = {
  anyone: "Any application of this node; records and people need a bearer token too.",
  feeder: "An application whose certificate gives the right to feed.",
  system: "The node's own machinery: rights to feed and to operate.",
} as const;

/** What success is, by method. */
const DONE = {
  GET: {
    "200": { description: "What was asked for.", ...RESOURCE },
    "202": { description: "Later: ask again at `Content-Location`." },
  },
  POST: {
    "200": { description: "What was asked for.", ...RESOURCE },
    "201": { description: "Kept: its place is in `Location`." },
  },
  PUT: {
    "200": { description: "Kept: the same was there.", ...RESOURCE },
    "201": { description: "Kept: it is new.", ...RESOURCE },
  },
  DELETE: { "204": { description: "It is gone." } },
} as const;

/**
 * What this door serves, as OpenAPI 3.1, made of the routes that there are: for tools that speak no FHIR.
 *
 * @param base under which the routes lie, for example `/fhir`.
 */
export function openApi(routes: readonly Route[], base: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operationOf(route, routes);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Corridor: records and people by FHIR",
      version: "0.1.0",
      description:
        "FHIR R4 over HTTPS. No patient's details in a path or a log: searches may be sent as forms. An answer that is not whole " +
        "says so twice, and has no total: read its OperationOutcome and its first entry.",
    },
    servers: [{ url: base }],
    security: [{ certificate: [], bearer: [] }, { certificate: [] }],
    paths,
    components: {
      securitySchemes: {
        certificate: {
          type: "mutualTLS",
          description: "A certificate of this network, issued for this node's application.",
        },
        bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "Who asks, as what, and why." },
      },
      parameters: {
        requestId: {
          ...{ name: "X-Request-ID", in: "header", schema: { type: "string", maxLength: 64 } },
          description: "Comes back in the answer, and is the request's id in the audit. Without patient data.",
        },
      },
      schemas: {
        Resource: { type: "object", required: ["resourceType"], properties: { resourceType: { type: "string" } } },
        OperationOutcome: {
          ...{ type: "object", required: ["resourceType", "issue"] },
          properties: {
            resourceType: { const: "OperationOutcome" },
            issue: { type: "array", items: { type: "object" } },
          },
        },
      },
    },
  };
}

function operationOf(route: Route, routes: readonly Route[]): object {
  const { method, path, who, media, says } = route;
  const isForm = path.endsWith("/_search");
  const searched = says ?? (isForm ? searchOf(path.slice(0, -"/_search".length), routes) : undefined);
  const names =
    searched !== undefined && "search" in searched && typeof searched.search !== "string" ? searched.search : [];
  const profile = searched === undefined ? undefined : "resource" in searched ? searched.profile : searched.definition;
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z]+(\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    tags: [path.split("/")[1]?.replace("$", "") ?? ""],
    summary: summaryOf(route, isForm),
    description: [WHO[who], ...(profile === undefined ? [] : [`Profile or definition: ${profile}`])].join(" "),
    parameters: [
      { $ref: "#/components/parameters/requestId" },
      ...[...path.matchAll(/:(\w+)/g)].map(([, name]) => inPath(name!)),
      ...(isForm
        ? []
        : names.map(({ name, type }) => ({
            name,
            in: "query",
            schema: { type: "string" },
            description: `FHIR search, ${type}`,
          }))),
      ...(typeof (searched as { search?: unknown } | undefined)?.search === "string"
        ? [{ name: (searched as { search: string }).search, in: "query", required: true, schema: { type: "string" } }]
        : []),
    ],
    ...bodyOf(method, isForm, names),
    responses: {
      ...(media === "any"
        ? { "200": { description: "The record as its custodian has it.", content: { "*/*": {} } } }
        : DONE[method]),
      default: { description: "Refused, and why; never more than the caller may know.", ...OUTCOME },
    },
  };
}

type Said = NonNullable<Route["says"]>;

function searchOf(path: string, routes: readonly Route[]): Said | undefined {
  return routes.find((route) => route.method === "GET" && route.path === path)?.says;
}

function summaryOf({ method, path, says }: Route, isForm: boolean): string {
  const [, type = ""] = path.split("/");
  if (says !== undefined && "operation" in says) return `$${says.operation}`;
  if (says !== undefined && "interaction" in says) return `${says.interaction} ${type}`;
  return isForm ? `search-type ${type}, as a form` : `${method} ${path}`;
}

function inPath(name: string): object {
  return { name, in: "path", required: true, schema: { type: "string" } };
}

function bodyOf(method: Route["method"], isForm: boolean, names: readonly { readonly name: string }[]): object {
  if (method === "GET" || method === "DELETE") return {};
  if (!isForm) return { requestBody: { required: true, ...RESOURCE } };
  const properties = Object.fromEntries(names.map(({ name }) => [name, { type: "string" }]));
  return { requestBody: { required: true, content: { [FORM]: { schema: { type: "object", properties } } } } };
}
