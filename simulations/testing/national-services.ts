import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { type NrlDouble, startNrlDouble } from "../nrl-double.ts";
import type { Json } from "../nrl-rules.ts";
import { type PdsDouble, startPdsDouble } from "../pds-double.ts";

const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";
const ODS = "https://fhir.nhs.uk/Id/ods-organization-code";

/** The organisation in whose name a node keeps its pointers. */
export const OWN_CODE = "QHL";

/** Doubles of the demographics service and of the record locator, which takes its tokens. */
export interface NationalServices {
  readonly pds: PdsDouble;
  readonly nrl: NrlDouble;
  /** Both, as a node's settings have them; the files of an application are put into the folder. */
  settingsIn(folder: string, does: { readonly publish?: boolean; readonly read?: boolean }): object;
  close(): Promise<void>;
}

export async function startNationalServices(): Promise<NationalServices> {
  const key = { apiKey: "an-application", keyId: "key-1" };
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pds = await startPdsDouble({ ...key, publicKey });
  const nrl = await startNrlDouble({ takesToken: (token) => pds.takes(token) });
  return {
    ...{ pds, nrl },
    settingsIn(folder, does) {
      const [apiKey, pem] = [join(folder, "api.key"), join(folder, "rsa.pem")];
      writeFileSync(apiKey, key.apiKey, { mode: 0o600 });
      writeFileSync(pem, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
      return {
        pds: {
          ...{ url: pds.baseUrl.href, tokenUrl: pds.tokenUrl.href, organisation: "RRK" },
          ...{ keyId: key.keyId, apiKey, privateKey: pem },
        },
        nrl: {
          ...{ url: nrl.baseUrl.href, organisation: OWN_CODE, contactUrl: "https://record.example/how-to-ask" },
          ...does,
        },
      };
    },
    async close() {
      await nrl.close();
      await pds.close();
    },
  };
}

/** A pointer of some producer's, whose organisation its id begins with. */
export function nationalPointer(
  id: string,
  { nhsNumber }: { readonly nhsNumber: string },
  code: string,
  category: string,
  label = "N",
): Json {
  const [organisation = ""] = id.split("-");
  const coding = (of: string): Json => ({ coding: [{ system: "http://snomed.info/sct", code: of }] });
  return {
    ...{ resourceType: "DocumentReference", id, status: "current", type: coding(code), category: [coding(category)] },
    subject: { identifier: { system: NHS_NUMBER, value: nhsNumber } },
    custodian: { identifier: { system: ODS, value: organisation }, display: `Trust ${organisation}` },
    meta: { lastUpdated: "2026-03-04T05:06:07Z" },
    securityLabel: [{ coding: [{ code: label }] }],
  };
}
