import { z } from "zod";

import { parseOrganisationCode } from "../base/words.ts";

const CODE = "give an organisation's code";
const BASE = "use https://host/path/, ending with a slash";

function isServer(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return false;
  if (!url.pathname.endsWith("/")) return false;
  // Without TLS only on this machine: a double, or a store behind the node's own wall.
  return url.protocol === "https:" || (url.protocol === "http:" && url.hostname === "127.0.0.1");
}

const path = (what: string) => z.string(`give the path of ${what}`).min(1, `give the path of ${what}`);

/** One custodian's system, from which its records are opened live. */
export const recordSourceSchema = z
  .strictObject({
    /** ODS code of the custodian. */
    provider: z.string(CODE).refine((text) => parseOrganisationCode(text) !== undefined, CODE),
    /** What kind of system it is. */
    kind: z.enum(["fhir", "documents", "dataset", "files"], "use fhir, documents, dataset or files"),
    /** What its pointers' addresses begin with; nothing outside it is ever fetched. */
    base: z.string(BASE).refine(isServer, BASE),
    /** Where they are fetched instead, for example from within the same building; the base where absent. */
    server: z.string(BASE).refine(isServer, BASE).optional(),
    /** Of `files`: the folder that stands for the base. */
    folder: path("the folder of its files").optional(),
    /** File with a bearer token for it, readable by its owner alone. */
    token: path("the file with the token").optional(),
    /** PEM of the authorities that may vouch for it; the machine's own where absent. */
    authorities: path("the authorities' certificates").optional(),
    /** This node's certificate and key for it, where it wants one. */
    certificate: path("the certificate").optional(),
    key: path("the certificate's key").optional(),
    /** Milliseconds until it must have begun to answer. */
    answerWithinMs: z
      .int("give whole milliseconds")
      .min(100, "use 100 or more")
      .max(25_000, "use at most 25000")
      .default(5_000),
    /** Records of it open at once. */
    atOnce: z.int("give a whole number").min(1, "use 1 or more").max(256, "use at most 256").default(16),
  })
  .refine(
    ({ kind, folder }) => (kind === "files") === (folder !== undefined),
    "give a folder for files, and for nothing else",
  )
  .refine(
    ({ certificate, key }) => (certificate === undefined) === (key === undefined),
    "give certificate and key, or neither",
  );

/** As the file has it, its paths absolute. */
export type RecordSourceSettings = Readonly<z.infer<typeof recordSourceSchema>>;

/** @param from makes a path of the file absolute. */
export function toRecordSource(
  source: z.infer<typeof recordSourceSchema>,
  from: (target: string) => string,
): RecordSourceSettings {
  const absolute = Object.fromEntries(
    (["folder", "token", "authorities", "certificate", "key"] as const).flatMap((name) => {
      const target = source[name];
      return target === undefined ? [] : [[name, from(target)]];
    }),
  );
  return { ...source, ...absolute };
}
