import { createPrivateKey, webcrypto } from "node:crypto";

import * as oidc from "openid-client";
import { z } from "zod";

import type { CallerRights } from "../../certs/caller-rights.ts";
import { actingRoleOf, signInSchema } from "../access/national-sign-in.ts";
import { BirthDate } from "../base/birth-date.ts";
import { checkClaimHoldsNoNumber } from "../base/claim-numbers.ts";
import { type Clock, today } from "../base/clock.ts";
import { Concealed } from "../base/concealed.ts";
import { Failure } from "../base/failure.ts";
import { NhsNumber } from "../base/nhs-number.ts";
import { isPlainText } from "../base/plain-text.ts";
import type { Claim } from "../base/question.ts";
import type { Setting } from "../base/words.ts";
import { boundedFetch, type Fetch } from "./bounded-fetch.ts";
import type { LaunchContext } from "./contexts.ts";

/** An EPR that launches the page by SMART on FHIR, and what its users may claim here: a certificate's rights, for one that shows none. */
export interface SmartEhr {
  /** Its FHIR address: `iss` of its launches. Nothing else is ever asked on its behalf but what it names itself. */
  readonly issuer: string;
  readonly name: string;
  readonly clientId: string;
  /** Signs this application's requests for tokens (`private_key_jwt`). PEM. */
  readonly key: string;
  readonly setting: Setting;
  readonly rights: CallerRights;
}

export interface SmartNeeds {
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly ehrs: readonly SmartEhr[];
  /** Origin of the pages, as browsers reach it. */
  readonly address: string;
}

/** What is remembered of a launch until the EPR has signed its user in and sent the browser back. */
export interface SmartLaunch {
  readonly ehr: SmartEhr;
  readonly config: oidc.Configuration;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Where the EPR sends the browser back. */
export const SMART_CALLBACK = "/smart/callback";

/** What is asked for: who the user is, and the patient who is open. */
const SCOPE = "launch openid fhirUser patient/Patient.read";
const NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number";
const NAME_CHARACTERS_MAX = 200;
const CONFIG_KEPT_MS = 5 * 60_000;

/** SMART App Launch 2.2, EHR launch, as a confidential client with an asymmetric key: https://hl7.org/fhir/smart-app-launch/ */
export class Smart {
  readonly #needs: SmartNeeds;
  /** How each EPR is spoken to, for a while: whoever launches again and again does not have it asked each time. */
  readonly #known = new Map<SmartEhr, { readonly config: Promise<oidc.Configuration>; readonly untilMs: number }>();

  constructor(needs: SmartNeeds) {
    this.#needs = needs;
  }

  /**
   * Begins a launch.
   *
   * @returns where to send the browser, and what to remember.
   * @throws {Failure} `not-permitted`: the EPR is none that may launch here. `unreachable`: it could not be asked.
   */
  async begin(issuer: string, launch: string): Promise<{ readonly to: URL; readonly remembered: SmartLaunch }> {
    const ehr = this.#needs.ehrs.find((each) => each.issuer === issuer.replace(/\/$/, ""));
    if (ehr === undefined || !/^[\x21-\x7e]{1,2000}$/.test(launch)) {
      throw new Failure("not-permitted", "This page is not opened from there: ask whoever runs this service.");
    }
    const config = await this.#configOf(ehr);
    const [state, nonce, verifier] = [oidc.randomState(), oidc.randomNonce(), oidc.randomPKCECodeVerifier()];
    const to = oidc.buildAuthorizationUrl(config, {
      ...{ response_type: "code", redirect_uri: `${this.#needs.address}${SMART_CALLBACK}`, scope: SCOPE },
      ...{ state, nonce, launch, aud: ehr.issuer },
      ...{ code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" },
    });
    return { to, remembered: { ehr, config, state, nonce, verifier } };
  }

  /**
   * Ends it: the EPR says who its user is and which patient is open.
   *
   * @param query of the address to which the browser came back. The address itself is ours: what a browser calls it decides nothing.
   * @throws {Failure} `not-authenticated`: what came back is not what was begun. `not-permitted`: it lacks what is needed.
   */
  async finish({ ehr, config, state, nonce, verifier }: SmartLaunch, query: string): Promise<LaunchContext> {
    const { clock, address: origin } = this.#needs;
    const callback = new URL(`${origin}${SMART_CALLBACK}${query}`);
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
    const tokens = await asked(oidc.authorizationCodeGrant(config, callback, checks));
    const told = contextSchema.safeParse(tokens);
    if (!told.success) throw lacks("the patient who is open");
    const address = new URL(`${ehr.issuer}/Patient/${encodeURIComponent(told.data.patient)}`);
    const answer = await asked(oidc.fetchProtectedResource(config, tokens.access_token, address, "GET"));
    const patient = patientOf(await answer.json().catch(() => undefined), today(clock));
    const claim = claimOf(tokens.claims(), told.data.encounter, ehr);
    checkClaimHoldsNoNumber(claim);
    return { patient, claim, rights: () => ehr.rights };
  }

  async #configOf(ehr: SmartEhr): Promise<oidc.Configuration> {
    const nowMs = this.#needs.clock.monotonicMs();
    const known = this.#known.get(ehr);
    if (known !== undefined && known.untilMs > nowMs) return known.config;
    const config = this.#discover(ehr);
    this.#known.set(ehr, { config, untilMs: nowMs + CONFIG_KEPT_MS });
    config.catch(() => this.#known.delete(ehr)); // it is asked again at the next launch
    return config;
  }

  async #discover({ issuer, clientId, key }: SmartEhr): Promise<oidc.Configuration> {
    const signer = await importKey(key);
    const address = new URL(`${issuer}/.well-known/smart-configuration`);
    const fetch = boundedFetch(this.#needs.fetch, this.#needs.clock) as oidc.CustomFetch;
    return asked(
      oidc.discovery(address, clientId, undefined, oidc.PrivateKeyJwt(signer), {
        [oidc.customFetch]: fetch,
        // What an id token says is its signer's word, and not that of the way it came.
        execute: [oidc.enableNonRepudiationChecks, ...(issuer.startsWith("http:") ? [withoutTls] : [])],
      }),
    );
  }
}

/**
 * For a double on this machine: the settings take no other address without TLS, and `boundedFetch` asks none. The library looks for
 * its own function by name before it asks anything.
 */
// oxlint-disable-next-line typescript/no-deprecated -- marked so that nobody overlooks what it does
const withoutTls = oidc.allowInsecureRequests;

/** What the library throws may hold addresses and tokens: none of it is told or kept. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    const own = [thrown, thrown instanceof Error ? thrown.cause : undefined].find((each) => each instanceof Failure);
    throw (
      own ?? new Failure("not-authenticated", "Your own system did not confirm who you are: open this again from it.")
    );
  }
}

/** With the tokens comes what is open in the EPR. */
const contextSchema = z.object({
  patient: z.string().regex(/^[A-Za-z0-9\-.]{1,64}$/),
  encounter: z
    .string()
    .regex(/^[A-Za-z0-9\-.]{1,64}$/)
    .optional(),
});

const patientSchema = z.object({
  resourceType: z.literal("Patient"),
  identifier: z.array(z.object({ system: z.string().optional(), value: z.string().optional() })).max(100),
  birthDate: z.string(),
  name: z
    .array(
      z.object({ use: z.string().optional(), family: z.string().optional(), given: z.array(z.string()).optional() }),
    )
    .max(100)
    .default([]),
});

function patientOf(resource: unknown, day: string): LaunchContext["patient"] {
  const parsed = patientSchema.safeParse(resource);
  if (!parsed.success) throw lacks("the patient's NHS number and date of birth");
  const { identifier, birthDate: born, name } = parsed.data;
  const number = identifier.find(({ system }) => system === NHS_NUMBER_SYSTEM)?.value ?? "";
  const [nhsNumber, birthDate] = [NhsNumber.parse(number), BirthDate.parse(born, day)];
  if (nhsNumber === undefined || birthDate === undefined)
    throw lacks("a valid NHS number and date of birth of the patient");
  const used = name.find(({ use }) => use === "official") ?? name[0];
  const familyName = named(used?.family);
  const givenName = named(used?.given?.join(" "));
  return { by: "number", nhsNumber, birthDate, ...(familyName && { familyName }), ...(givenName && { givenName }) };
}

function named(text: string | undefined): Concealed<string> | undefined {
  const name = text?.trim() ?? "";
  return name === "" || name.length > NAME_CHARACTERS_MAX || !isPlainText(name) ? undefined : new Concealed(name);
}

/** The user by the claims of the national sign-in, in the attendance that is open. */
function claimOf(claims: unknown, encounter: string | undefined, { name, setting }: SmartEhr): Claim {
  const parsed = signInSchema.safeParse(claims);
  const said = parsed.data;
  if (said?.nhsid_useruid === undefined) throw lacks("your user id and role, as the national sign-in has them");
  const acting = actingRoleOf(said);
  if ("wrong" in acting) throw lacks("the role in which you act");
  return {
    ...{ userId: said.nhsid_useruid, ...acting, setting },
    ...{ purpose: "TREAT", trigger: "person", reason: `Opened from the patient's record in ${name}` },
    relationship: encounter === undefined ? { kind: "self-claimed" } : { kind: "attendance", reference: encounter },
  };
}

function lacks(what: string): Failure {
  return new Failure("not-permitted", `Your own system did not say ${what}: ask whoever runs it.`);
}

/** The algorithm by the kind of key: SMART names ES384 and RS384; both are registered widely. */
async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const key = createPrivateKey(pem);
  const der = key.export({ format: "der", type: "pkcs8" });
  const algorithm =
    key.asymmetricKeyType === "ec"
      ? ({ name: "ECDSA", namedCurve: "P-384" } as const)
      : ({ name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" } as const);
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}
