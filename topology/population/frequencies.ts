import type { RecordTypeKey } from "../../node/base/record-types.ts";
import type { Provider } from "../topology.ts";

export type ProviderType = Provider["type"];

/** Ages that use care alike: under 18, up to 69, and from 70. */
export type AgeBand = 0 | 1 | 2;

export function bandOf(age: number): AgeBand {
  return age < 18 ? 0 : age < 70 ? 1 : 2;
}

type ByBand = readonly [child: number, adult: number, old: number];

/**
 * How likely a provider of a kind, in one's own area, knows somebody. Hospitals are not here: they know those who had an
 * episode of care there.
 */
export const KNOWN_TO: Readonly<Record<Exclude<ProviderType, "acute" | "specialist">, ByBand>> = {
  "general-practice": [0.98, 0.97, 0.99],
  "mental-health": [0.03, 0.06, 0.06],
  community: [0.15, 0.06, 0.3],
  ambulance: [0.02, 0.05, 0.2],
  hospice: [0, 0.001, 0.02],
  "local-authority": [0.03, 0.02, 0.15],
  "childrens-social-care": [0.03, 0, 0],
  "community-pharmacy": [0.1, 0.2, 0.4],
};

/** Share of people with an episode of hospital care in the years that feeds bring, and how likely each leads to another. */
export const HOSPITAL_EPISODE: ByBand = [0.2, 0.24, 0.5];
export const EPISODE_AGAIN: ByBand = [0.15, 0.25, 0.4];

/** Of acute care, the share outside the patient's home ICS (NHS England, 2023). */
export const OUT_OF_AREA = 0.2;

/** Of ambulance journeys, those in an area that is not one's own. */
export const AMBULANCE_ELSEWHERE = 0.1;

/** Of hospital episodes, those in a specialist hospital, where the area has one. */
export const SPECIALIST = 0.06;

/** How likely a provider that knows somebody, or an episode of hospital care, brings a record of a type. */
export const RECORDS_OF: Readonly<Record<ProviderType, Readonly<Partial<Record<RecordTypeKey, ByBand>>>>> = {
  "general-practice": {
    "clinical-summary": [0.95, 0.95, 0.98],
    "patient-summary": [0.02, 0.04, 0.08],
    allergies: [0.04, 0.1, 0.25],
    medications: [0.07, 0.22, 0.6],
    problems: [0.04, 0.14, 0.35],
    procedures: [0.01, 0.02, 0.04],
    immunisations: [0.3, 0.03, 0.15],
    investigations: [0.02, 0.1, 0.2],
    encounters: [0.15, 0.15, 0.25],
    appointments: [0.02, 0.03, 0.05],
    referrals: [0.02, 0.03, 0.04],
    "clinical-letter": [0.02, 0.05, 0.1],
    "care-plan": [0.002, 0.01, 0.05],
    "emergency-care-plan": [0.0005, 0.001, 0.02],
    "end-of-life-plan": [0, 0.0005, 0.01],
    "special-patient-notes": [0.001, 0.002, 0.01],
    "reasonable-adjustments": [0.005, 0.01, 0.02],
    "personal-contacts": [0.005, 0.01, 0.03],
    "advance-decision": [0, 0.0005, 0.01],
    "lasting-power-of-attorney": [0, 0.0005, 0.02],
  },
  acute: {
    encounters: [1, 1, 1],
    appointments: [0.15, 0.15, 0.15],
    referrals: [0.05, 0.05, 0.05],
    "discharge-letter": [0.25, 0.3, 0.45],
    "clinical-letter": [0.15, 0.2, 0.2],
    investigations: [0.2, 0.3, 0.4],
    "imaging-report": [0.15, 0.2, 0.25],
    ecg: [0.01, 0.07, 0.2],
    "observations-news2": [0.05, 0.15, 0.3],
    allergies: [0.02, 0.04, 0.05],
    medications: [0.02, 0.05, 0.1],
    problems: [0.02, 0.04, 0.05],
    procedures: [0.04, 0.07, 0.07],
    maternity: [0, 0.3, 0],
    "respect-form": [0, 0.003, 0.04],
    "emergency-care-plan": [0, 0.002, 0.02],
    safeguarding: [0.02, 0.005, 0.01],
  },
  specialist: {
    encounters: [1, 1, 1],
    appointments: [0.3, 0.3, 0.3],
    "discharge-letter": [0.2, 0.3, 0.4],
    "clinical-letter": [0.4, 0.4, 0.4],
    "imaging-report": [0.3, 0.4, 0.4],
    investigations: [0.2, 0.25, 0.3],
    procedures: [0.1, 0.2, 0.25],
  },
  "mental-health": {
    "mental-health-record": [0.8, 0.8, 0.8],
    encounters: [0.3, 0.3, 0.3],
    appointments: [0.2, 0.2, 0.1],
    "clinical-letter": [0.3, 0.3, 0.3],
    "care-plan": [0.2, 0.25, 0.2],
    medications: [0.05, 0.2, 0.2],
    allergies: [0.02, 0.05, 0.05],
    "mental-health-crisis-plan": [0.08, 0.15, 0.05],
    "mental-health-act-status": [0.005, 0.03, 0.02],
    "safety-alerts": [0.02, 0.05, 0.03],
  },
  community: {
    encounters: [0.5, 0.5, 0.6],
    appointments: [0.2, 0.2, 0.2],
    referrals: [0.1, 0.1, 0.1],
    "clinical-letter": [0.2, 0.2, 0.2],
    "care-plan": [0.05, 0.1, 0.25],
    "emergency-care-plan": [0.01, 0.01, 0.05],
    "respect-form": [0, 0.01, 0.08],
    "end-of-life-plan": [0, 0.01, 0.06],
    immunisations: [0.4, 0.02, 0.05],
    "about-me": [0.02, 0.02, 0.06],
    "reasonable-adjustments": [0.03, 0.03, 0.05],
  },
  ambulance: {
    ambulance: [1, 1, 1],
    "observations-news2": [0.2, 0.4, 0.5],
    ecg: [0.02, 0.2, 0.3],
    "special-patient-notes": [0.005, 0.01, 0.03],
    "safety-alerts": [0.002, 0.005, 0.002],
  },
  hospice: {
    encounters: [0.6, 0.6, 0.6],
    "clinical-letter": [0.3, 0.3, 0.3],
    medications: [0.4, 0.4, 0.4],
    "care-plan": [0.4, 0.4, 0.4],
    "respect-form": [0.4, 0.5, 0.6],
    "end-of-life-plan": [0.6, 0.7, 0.7],
    "advance-decision": [0, 0.1, 0.15],
  },
  "local-authority": {
    "social-care-involvement": [0, 0.95, 0.95],
    "social-care-assessment": [0, 0.5, 0.6],
    "childrens-social-care": [0.9, 0, 0],
    safeguarding: [0.35, 0.06, 0.05],
    dols: [0, 0.02, 0.06],
    "lasting-power-of-attorney": [0, 0.01, 0.08],
    "personal-contacts": [0, 0.3, 0.4],
    "about-me": [0, 0.05, 0.1],
    "care-plan": [0, 0.3, 0.4],
  },
  "childrens-social-care": {
    "childrens-social-care": [0.95, 0, 0],
    safeguarding: [0.4, 0, 0],
  },
  "community-pharmacy": {
    "community-pharmacy": [0.9, 0.9, 0.95],
    medications: [0.1, 0.2, 0.4],
  },
};

/** Of a kind's contacts, those whose records it marks as more sensitive than their type is. */
export const MARKED_SENSITIVE: Readonly<Partial<Record<ProviderType, number>>> = { "mental-health": 0.15 };
