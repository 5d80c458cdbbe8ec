import { readPrivateKey, readPublicPem } from "../../certs/key-file.ts";
import type { Clock } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import type { OrganisationCode } from "../base/words.ts";
import type { RecordSourceSettings } from "../config/record-source.ts";
import { cleanHtml } from "./clean-html.ts";
import { datasetSource } from "./dataset-source.ts";
import { documentSource } from "./document-source.ts";
import { fhirSource } from "./fhir-source.ts";
import { fileSource } from "./file-source.ts";
import { type HttpGet, makeHttpGet } from "./http-get.ts";
import type { ConnectedSource } from "./records.ts";
import type { RecordSource, SourcePlace } from "./source.ts";

/**
 * Makes the sources that the settings name. Nothing is asked yet.
 *
 * @throws {Failure} `configuration`: a file that they name cannot be read, or two sources are one custodian's.
 */
export function connectSources(
  settings: readonly RecordSourceSettings[],
  clock: Clock,
): ReadonlyMap<OrganisationCode, ConnectedSource> {
  const sources = new Map<OrganisationCode, ConnectedSource>();
  for (const each of settings) {
    const custodian = each.provider as OrganisationCode;
    if (sources.has(custodian)) {
      throw new Failure("configuration", `records.sources names ${custodian} twice: give each custodian one source.`);
    }
    sources.set(custodian, { source: connectSource(each, clock), atOnceMax: each.atOnce });
  }
  return sources;
}

function connectSource(settings: RecordSourceSettings, clock: Clock): RecordSource {
  const base = new URL(settings.base);
  const place = { base, server: new URL(settings.server ?? settings.base) };
  switch (settings.kind) {
    case "files":
      return fileSource(place, settings.folder ?? "", cleanHtml);
    case "documents":
      return documentSource(place, httpGetFor(settings, place, clock), cleanHtml);
    case "dataset":
      return datasetSource(place, httpGetFor(settings, place, clock));
    case "fhir":
      return fhirSource(place, httpGetFor(settings, place, clock));
  }
}

function httpGetFor(settings: RecordSourceSettings, { server }: SourcePlace, clock: Clock): HttpGet {
  const { token, authorities, certificate, key, answerWithinMs } = settings;
  const secret = token === undefined ? undefined : readPrivateKey(token).trim();
  return makeHttpGet(
    {
      ...{ protocol: server.protocol === "http:" ? "http:" : "https:", answerWithinMs },
      ...(secret !== undefined && { authorization: () => `Bearer ${secret}` }),
      ...(authorities !== undefined && { authorities: readPublicPem(authorities) }),
      ...(certificate !== undefined &&
        key !== undefined && { identity: { certificate: readPublicPem(certificate), key: readPrivateKey(key) } }),
    },
    clock,
  );
}
