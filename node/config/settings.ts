import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

import { z } from "zod";

import { readEntry } from "../../topology/entries.ts";
import { Faults } from "../../topology/faults.ts";
import { readYaml } from "../../topology/yaml-source.ts";
import { check } from "../base/check.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { LOG_LEVELS, type LogLevel } from "../base/log-level.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { recordSourceSchema, type RecordSourceSettings, toRecordSource } from "./record-source.ts";
import { type SmartEhrSettings, smartEhrSchema, toSmartEhr } from "./smart-ehr.ts";
import { type Hl7Feed, hl7FeedSchema, toHl7Feed } from "./hl7-feed.ts";
import { type NodeId, type OrganisationCode, parseNodeId, parseOrganisationCode } from "../base/words.ts";

const path = (what: string) => z.string(`give the path of ${what}`).min(1, `give the path of ${what}`);

const RENEW_AT = "use HOST:PORT of the issuing service, or none";
const FHIR_LISTEN = "use HOST:PORT, for example 127.0.0.1:7444, or none";
const HL7_LISTEN = "use HOST:PORT, for example 127.0.0.1:7445, or none";

const PAGES_LISTEN = "use HOST:PORT, for example 0.0.0.0:7446, or none";
const PAGES_ADDRESS = "use https://HOST or https://HOST:PORT as browsers reach it, or none";

function isPagesAddress(text: string): boolean {
  if (text === "none") return true;
  const url = URL.parse(text);
  return url !== null && url.protocol === "https:" && url.origin === text;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

function parseAddress(text: string): Address | "none" | "wrong" {
  if (text === "none") return "none";
  const [, inBrackets, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+)):(\d{1,5})$/i.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) return "wrong";
  return { host: inBrackets ?? plain ?? "", port: Number(port) };
}

const REDIS_URL = "use redis://[user:password@]host[:port][/database], rediss:// for TLS, or none";

function isRedisUrl(text: string): boolean {
  if (text === "none") return true;
  const url = URL.parse(text);
  if (url === null || url.hostname === "" || url.search !== "" || url.hash !== "") return false;
  return /^rediss?:$/.test(url.protocol) && /^(?:\/\d{0,2})?$/.test(url.pathname);
}

const HTTPS_URL = "use https://host/path, or none";

function isHttpsUrl(text: string): boolean {
  if (text === "none") return true;
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.search !== "" || url.hash !== "") return false;
  // Without TLS only on this machine: a double of the service.
  return url.protocol === "https:" || (url.protocol === "http:" && url.hostname === "127.0.0.1");
}

const ODS_CODE = "give an ODS code: 3 to 10 upper-case letters and digits";

function isOdsCode(text: string): boolean {
  return text === "none" || /^[A-Z0-9]{3,10}$/.test(text);
}

const INVENTED = 'give an invented person\'s NHS number in quotes, from "900 000 0000" on';

function inventedNumber() {
  return z.string(INVENTED).transform((text, context) => {
    const number = NhsNumber.parse(text);
    if (number?.isNeverIssued === true) return number;
    context.addIssue({ code: "custom", message: INVENTED });
    return z.NEVER;
  });
}

/** A message must lead to one feed, and a feed's name to one mapping. */
function areApart(feeds: readonly z.infer<typeof hl7FeedSchema>[]): boolean {
  const whole = feeds.map(toHl7Feed);
  const names = new Set(whole.map(({ name }) => name));
  const senders = new Set(
    whole.map(({ sender, facility, application }) => JSON.stringify([sender, facility, application])),
  );
  return names.size === whole.length && senders.size === whole.length;
}

/** The settings of one node, as its file gives them. `docs/settings.md` is the operator's page; a test keeps them alike. */
export const settingsSchema = z
  .strictObject({
    /** The node's id, as the manifest lists it. */
    id: z
      .string("give the node's id, as the manifest lists it")
      .refine((text) => parseNodeId(text) !== undefined, "use 2 to 40 lower-case letters, digits and inner hyphens"),
    /** Folder of index.db and audit.db; made at the first start, readable by its owner alone. */
    dataDir: path("the data folder"),
    listen: z.strictObject({
      /** Address to listen on. */
      host: z.string("give an address to listen on").default("127.0.0.1"),
      /** Port of the gRPC door, 1 to 65535; 0 = any free one. */
      port: z.int("give a whole number").min(0, "use 0 to 65535").max(65_535, "use 0 to 65535"),
    }),
    certs: z.strictObject({
      /** Folder with node.crt.pem, node.key.pem, assertion.key.pem, trust.crt.pem and manifest.pub.pem. */
      dir: path("the folder of the node's certificate"),
      /** The collaborative's issuing service, `corridor certs serve`; `none` = people renew the certificate. */
      renewAt: z
        .string(RENEW_AT)
        .refine((text) => parseAddress(text) !== "wrong", RENEW_AT)
        .default("none"),
    }),
    /** The signed manifest; looked at each second. */
    manifest: path("the signed manifest"),
    /** The topology file: which providers feed this node. */
    topology: path("the topology file"),
    fhir: z
      .strictObject({
        /** Address of the HTTPS door for FHIR; `none` = no such door. */
        listen: z
          .string(FHIR_LISTEN)
          .refine((text) => parseAddress(text) !== "wrong", FHIR_LISTEN)
          .default("none"),
        /** Whose tokens say who asks; `docs/integrate.md` explains the keys of each. */
        tokens: z
          .array(
            z.strictObject({
              caller: z
                .string("give the name of the caller's certificate")
                .min(1, "give the name of the caller's certificate"),
              issuer: z.string("give the issuer as its tokens have it").min(1, "give the issuer as its tokens have it"),
              jwks: path("its public keys, a JWKS file"),
            }),
          )
          .default([]),
      })
      .prefault({}),
    pages: z
      .strictObject({
        /** `HOST:PORT` of the pages for clinicians' browsers; `none` = there are none. */
        listen: z
          .string(PAGES_LISTEN)
          .refine((text) => parseAddress(text) !== "wrong", PAGES_LISTEN)
          .default("none"),
        /** How browsers reach them: links begin with it. */
        address: z.string(PAGES_ADDRESS).refine(isPagesAddress, PAGES_ADDRESS).default("none"),
        /** PEM of the certificate that browsers are shown, its issuers after it. */
        certificate: path("the certificate for browsers").default("none"),
        /** Its key, readable by its owner alone. */
        key: path("the certificate's key").default("none"),
        /** EPRs that open pages by SMART on FHIR; `docs/pages.md` explains the keys of each. */
        smart: z.array(smartEhrSchema).default([]),
      })
      .refine(
        (pages) => Object.values(pages).filter((value) => value === "none").length % 4 === 0,
        "give all of it, or none",
      )
      .prefault({}),
    hl7: z
      .strictObject({
        /** Address of the door for HL7 v2 over MLLP with TLS; `none` = no such door. */
        listen: z
          .string(HL7_LISTEN)
          .refine((text) => parseAddress(text) !== "wrong", HL7_LISTEN)
          .default("none"),
        /** Who sends what; `docs/hl7.md` explains the keys of each. */
        feeds: z
          .array(hl7FeedSchema)
          .refine(areApart, "give each feed a name of its own, and no two the same sender, application and facility")
          .default([]),
      })
      .prefault({}),
    pds: z
      .strictObject({
        /** The national demographics service's FHIR API; `none` = it is not asked. The others are then `none` too. */
        url: z.string(HTTPS_URL).refine(isHttpsUrl, HTTPS_URL).default("none"),
        /** Where its access tokens come from. */
        tokenUrl: z.string(HTTPS_URL).refine(isHttpsUrl, HTTPS_URL).default("none"),
        /** ODS code of the organisation for which this node asks. */
        organisation: z
          .string("give an organisation's code")
          .refine((text) => text === "none" || parseOrganisationCode(text) !== undefined, "give an organisation's code")
          .default("none"),
        /** The platform's id of the application's public key. */
        keyId: path("the key's id, as the platform knows it").default("none"),
        /** File with the application's API key, readable by its owner alone. */
        apiKey: path("the file with the API key").default("none"),
        /** RSA private key of the application, PEM, readable by its owner alone. */
        privateKey: path("the application's private key").default("none"),
      })
      .refine(
        (pds) => Object.values(pds).filter((value) => value === "none").length % 6 === 0,
        "give all of it, or none",
      )
      .prefault({}),
    nrl: z
      .strictObject({
        /** The National Record Locator's FHIR APIs; `none` = nothing is said there and nothing asked. Needs `pds`. */
        url: z.string(HTTPS_URL).refine(isHttpsUrl, HTTPS_URL).default("none"),
        /** ODS code of this shared care record's provider, in whose name pointers are kept. */
        organisation: z.string(ODS_CODE).refine(isOdsCode, ODS_CODE).default("none"),
        /** Page that says how to ask for the record; the same for every patient. */
        contactUrl: z.string(HTTPS_URL).refine(isHttpsUrl, HTTPS_URL).default("none"),
        /** Whether it is said there whom this node knows; where not, what was said is taken back. */
        publish: z.boolean("write true or false").default(false),
        /** Whether a locate asks it too. */
        read: z.boolean("write true or false").default(false),
      })
      .refine(
        ({ url, organisation, contactUrl, publish, read }) =>
          [url, organisation, contactUrl].filter((value) => value === "none").length % 3 === 0 &&
          (url !== "none" || !(publish || read)),
        "give url, organisation and contactUrl, or none of nrl",
      )
      .prefault({}),
    access: z
      .strictObject({
        /** CSV file of what this node and its custodians show less of than the access table; `none` = nothing. */
        narrowing: path("the file of the narrowing").default("none"),
        /** What organisations call jobs whose holders have no smartcard; `docs/access.md` explains the keys of each. */
        localRoles: z
          .array(
            z.strictObject({
              organisation: z
                .string("give an organisation's code")
                .refine((text) => parseOrganisationCode(text) !== undefined, "give an organisation's code"),
              name: z.string("give the name as it is claimed").trim().min(1).max(40, "use at most 40 characters"),
              role: z
                .string("give a national job role")
                .regex(/^R\d{4}$/, "give a national job role, for example R9725"),
            }),
          )
          .default([]),
      })
      .prefault({}),
    records: z
      .strictObject({
        /** Custodians' systems, from which records are opened live; `docs/records.md` explains the keys of each. */
        sources: z.array(recordSourceSchema).default([]),
      })
      .prefault({}),
    quota: z
      .strictObject({
        /** Patients an hour that another node may ask about here, for each million people whom it serves. */
        patientsPerMillion: z
          .int("give a whole number")
          .min(1_000, "use 1000 or more: fewer would stop care")
          .default(6_000),
        /** Searches an hour that one user may make; one that shows several people counts for each of them. */
        searchesPerUser: z.int("give a whole number").min(100, "use 100 or more: fewer would stop care").default(600),
      })
      .prefault({}),
    emergency: z
      .strictObject({
        /** Where the privacy officer is told of emergency access, by the ids of cases alone; `none` = the log and the queue do. */
        webhook: z.string(HTTPS_URL).refine(isHttpsUrl, HTTPS_URL).default("none"),
      })
      .prefault({}),
    audit: z
      .strictObject({
        /** Years for which entries of the audit are kept; 0 = for ever. Their leaves stay, so the rest can still be verified. */
        keepYears: z
          .int("give a whole number")
          .min(0, "use 0 (for ever) or more")
          .max(100, "use at most 100")
          .default(0),
      })
      .prefault({}),
    redis: z
      .strictObject({
        /** A Redis that hands out the node's background jobs; `none` = the node does them itself. May hold a password. */
        url: z.string(REDIS_URL).refine(isRedisUrl, REDIS_URL).default("none"),
      })
      .prefault({}),
    /** True lets callers claim any role, setting and organisation. Never with real people. */
    sandbox: z.boolean("write true or false").default(false),
    /** Invented people about whom this node of a sandbox answers too late. */
    sandboxSlowAbout: z.array(inventedNumber()).default([]),
    /** True serves gRPC reflection to callers with the right to operate. */
    reflection: z.boolean("write true or false").default(false),
    /** How much is logged. */
    logLevel: z.enum(LOG_LEVELS, `use one of ${LOG_LEVELS.join(", ")}`).default("info"),
  })
  .refine(({ nrl, pds }) => nrl.url === "none" || pds.url !== "none", {
    path: ["nrl", "url"],
    message: "set pds up too: it tells of deaths and of who is protected, and its application asks the locator",
  });

/** How the national demographics service is asked. */
export interface PdsSettings {
  readonly url: URL;
  readonly tokenUrl: URL;
  readonly organisation: OrganisationCode;
  readonly keyId: string;
  readonly apiKeyPath: string;
  readonly privateKeyPath: string;
}

/** How the National Record Locator is spoken to. */
export interface NrlSettings {
  readonly url: URL;
  readonly organisation: OrganisationCode;
  readonly contactUrl: URL;
  readonly publish: boolean;
  readonly read: boolean;
}

/** Pages for clinicians' browsers. */
export interface PagesSettings {
  readonly listen: Address;
  /** Origin, without a slash at its end. */
  readonly address: string;
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly smart: readonly SmartEhrSettings[];
}

/** Settings, parsed once and frozen; every path absolute. */
export interface Settings {
  readonly id: NodeId;
  readonly dataDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** Absent where there is no door for FHIR. */
  readonly fhirListen?: Address;
  /** Whose tokens are believed at the door for FHIR. */
  readonly fhirTokens: readonly { readonly caller: string; readonly issuer: string; readonly jwksPath: string }[];
  /** Absent where there are no pages. */
  readonly pages?: PagesSettings;
  /** Absent where there is no door for HL7 v2. */
  readonly hl7?: { readonly listen: Address; readonly feeds: readonly Hl7Feed[] };
  readonly certsDir: string;
  /** Absent where people renew the certificate. */
  readonly renewAt?: Address;
  readonly manifestPath: string;
  readonly topologyPath: string;
  /** Absent where there is no Redis. May hold a password, so it cannot be printed. */
  readonly redisUrl?: Concealed<URL>;
  /** Absent where the national demographics service is not asked. */
  readonly pds?: PdsSettings;
  /** Absent where the National Record Locator is not spoken to. */
  readonly nrl?: NrlSettings;
  readonly access: {
    /** Absent where nothing is narrowed. */
    readonly narrowingPath?: string;
    readonly localRoles: readonly { readonly organisation: string; readonly name: string; readonly role: string }[];
  };
  /** Absent where no address is told of emergency access. May hold a secret, so it cannot be printed. */
  readonly emergencyWebhook?: Concealed<URL>;
  readonly audit: { readonly keepYears: number };
  readonly recordSources: readonly RecordSourceSettings[];
  readonly quota: { readonly patientsPerMillion: number; readonly searchesPerUser: number };
  readonly sandbox: boolean;
  readonly sandboxSlowAbout: readonly NhsNumber[];
  readonly reflection: boolean;
  readonly logLevel: LogLevel;
}

/**
 * Reads a node's settings. Paths in the file are relative to the file.
 *
 * @throws {Failure} `configuration`: it cannot be read, or has faults, all of which the message lists by line.
 */
export function readSettings(file: string): Settings {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const message = `The settings file ${file} cannot be read: check its name and permissions.`;
    throw new Failure("configuration", message, { where: file, cause });
  }
  return parseSettings(text, file);
}

/** The same from text. @param file where the text stands: its folder is the start of relative paths. */
export function parseSettings(text: string, file: string): Settings {
  const source = readYaml(text, basename(file), "settings file");
  const faults = new Faults(source);
  const entry = readEntry(settingsSchema, source.value ?? {}, [], faults);
  faults.throwIfAny("settings file");
  const {
    id,
    dataDir,
    listen,
    certs,
    manifest,
    topology,
    redis,
    fhir,
    pages,
    hl7,
    pds,
    nrl,
    records,
    emergency,
    ...rest
  } = entry!.value;
  const fhirListen = parseAddress(fhir.listen);
  const renewAt = parseAddress(certs.renewAt);
  const hl7Listen = parseAddress(hl7.listen);
  const pagesListen = parseAddress(pages.listen);
  const { narrowing, localRoles } = entry!.value.access;
  const from = (target: string): string => resolve(dirname(resolve(file)), target);
  return Object.freeze({
    ...rest,
    id: id as NodeId,
    listen,
    dataDir: from(dataDir),
    certsDir: from(certs.dir),
    ...(typeof renewAt === "object" && { renewAt }),
    manifestPath: from(manifest),
    access: { localRoles, ...(narrowing !== "none" && { narrowingPath: from(narrowing) }) },
    topologyPath: from(topology),
    fhirTokens: fhir.tokens.map(({ caller, issuer, jwks }) => ({ caller, issuer, jwksPath: from(jwks) })),
    recordSources: records.sources.map((each) => toRecordSource(each, from)),
    ...(typeof fhirListen === "object" && { fhirListen }),
    ...(typeof pagesListen === "object" && {
      pages: {
        ...{ listen: pagesListen, address: pages.address },
        ...{ certificatePath: from(pages.certificate), keyPath: from(pages.key) },
        smart: pages.smart.map((each) => toSmartEhr(each, from)),
      },
    }),
    ...(typeof hl7Listen === "object" && { hl7: { listen: hl7Listen, feeds: hl7.feeds.map(toHl7Feed) } }),
    ...(pds.url !== "none" && { pds: toPds(pds, from) }),
    ...(nrl.url !== "none" && { nrl: toNrl(nrl) }),
    ...(emergency.webhook !== "none" && { emergencyWebhook: new Concealed(new URL(emergency.webhook)) }),
    ...(redis.url !== "none" && { redisUrl: new Concealed(new URL(redis.url)) }),
  });
}

function toPds(pds: z.infer<typeof settingsSchema>["pds"], from: (target: string) => string): PdsSettings {
  const organisation = parseOrganisationCode(pds.organisation);
  check(organisation !== undefined, "an organisation that was given was parsed");
  return {
    url: new URL(pds.url),
    tokenUrl: new URL(pds.tokenUrl),
    ...{ organisation, keyId: pds.keyId, apiKeyPath: from(pds.apiKey), privateKeyPath: from(pds.privateKey) },
  };
}

function toNrl({ url, organisation: code, contactUrl, ...does }: z.infer<typeof settingsSchema>["nrl"]): NrlSettings {
  const organisation = parseOrganisationCode(code);
  check(organisation !== undefined, "an organisation that was given was parsed");
  return { url: new URL(url), contactUrl: new URL(contactUrl), organisation, ...does };
}
