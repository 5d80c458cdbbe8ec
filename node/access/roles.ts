import { check } from "../base/check.ts";
import { ROLE_GROUPS, type RoleGroup } from "../base/role-groups.ts";
import type { Sensitivity } from "../base/words.ts";

/**
 * National job roles, each in exactly one role group. Source: the SDS job role names of the national role-based access
 * control database, as published in UK Core (`UKCore-SDSJobRoleName`, codes and names as there).
 *
 * A role whose name covers several kinds of work is in the narrower group: R8003 also covers therapists, and is a
 * pharmacist; R8014, R1330 and R9605 also cover children, and are adults' social workers; R8024 (bank staff) may be
 * anybody, and is an administrator; R8000 also covers general practitioners, and is a doctor. A role that is not listed
 * is unknown here and is refused: students, trainees, assistants, scientists, coders, dentists, optometrists, managers,
 * system staff and researchers have no row in the table.
 */
const ROLES: Readonly<Record<RoleGroup, readonly string[]>> = {
  doctor: [
    "R8000", // Clinical Practitioner Access Role
    "R0050", // Consultant
    "R0070", // Associate Specialist
    "R0080", // Staff Grade
    "R0090", // Hospital Practitioner
    "R0100", // Clinical Assistant
    "R0110", // Specialist Registrar
    "R0120", // Senior Registrar (Closed)
    "R0130", // Registrar (Closed)
    "R0140", // Senior House Officer
    "R0150", // House Officer - Pre Registration
    "R0160", // House Officer - Post Registration
    "R0170", // Trust Grade Doctor - House Officer level
    "R0180", // Trust Grade Doctor - SHO level
    "R0190", // Trust Grade Doctor - Specialist Registrar level
    "R0200", // Trust Grade Doctor - Career Grade level
    "R0220", // Clinical Medical Officer
    "R0230", // Senior Clinical Medical Officer
    "R9102", // A&E Doctor (Temporary)
  ],
  gp: [
    "R0260", // General Medical Practitioner
    "R0270", // Salaried General Practitioner
    "R6200", // GP Registrar
    "R6300", // Sessional GP
  ],
  nurse: [
    "R8001", // Nurse Access Role
    "R8002", // Nurse Manager Access Role
    "R0570", // Nurse Consultant
    "R0580", // Nurse Manager
    "R0590", // Modern Matron
    "R0600", // Specialist Nurse Practitioner
    "R0610", // Sister/Charge Nurse
    "R0620", // Staff Nurse
    "R0630", // Enrolled Nurse
    "R0700", // Community Nurse
    "R1974", // Community Learning Disabilities Nurse
    "R9100", // A&E Staff Nurse (Temporary)
  ],
  midwife: [
    "R8016", // Midwife Access Role
    "R8017", // Midwife Manager Access Role
    "R0640", // Midwife - Consultant
    "R0650", // Midwife - Specialist Practitioner
    "R0660", // Midwife - Manager
    "R0670", // Midwife - Sister/Charge Nurse
    "R0680", // Midwife
  ],
  "allied-health-professional": [
    "R0750", // Chiropodist/Podiatrist
    "R0760", // Chiropodist/Podiatrist Consultant
    "R0780", // Chiropodist/Podiatrist Specialist Practitioner
    "R0790", // Dietitian
    "R0800", // Dietitian Consultant
    "R0820", // Dietitian Specialist Practitioner
    "R0950", // Occupational Therapist
    "R0960", // Occupational Therapist Consultant
    "R0980", // Occupational Therapy Specialist Practitioner
    "R9550", // Occupational Therapist (social services)
    "R0955", // Speech & Language Therapist
    "R0965", // Speech & Language Therapist Consultant
    "R0985", // Speech & Language Therapist Specialist Practitioner
    "R0990", // Orthoptist
    "R1000", // Orthoptist Consultant
    "R1020", // Orthoptist Specialist Practitioner
    "R1110", // Physiotherapist
    "R1120", // Physiotherapist Consultant
    "R1140", // Physiotherapist Specialist Practitioner
    "R0012", // Radiographer
    "R0016", // Reporting Radiographer
    "R1190", // Radiographer - Diagnostic
    "R1200", // Radiographer - Diagnostic, Consultant
    "R1220", // Radiographer - Diagnostic, Specialist Practitioner
    "R1230", // Radiographer - Therapeutic
    "R1240", // Radiographer - Therapeutic, Consultant
    "R1260", // Radiographer - Therapeutic, Specialist Practitioner
  ],
  paramedic: [
    "R1070", // Paramedic
    "R1080", // Paramedic Consultant
    "R1090", // Paramedic Manager
    "R1100", // Paramedic Specialist Practitioner
  ],
  pharmacist: [
    "R1290", // Pharmacist
    "R8003", // Health Professional Access Role
  ],
  "mental-health-professional": [
    "R1981", // Psychiatrist
    "R1975", // Community Mental Health Nurse
    "R1310", // Clinical Psychologist
    "R1300", // Psychotherapist
  ],
  "approved-mental-health-professional": [
    "R1340", // Approved Social Worker, since 2008 the approved mental health professional
  ],
  "social-worker": [
    "R8014", // Social Worker Access Role
    "R1330", // Social Worker
    "R9565", // Social Work Team Manager (Adults)
    "R9570", // Senior Social Worker (Adults)
    "R9575", // Social Services Care Manager (Adults)
    "R9585", // Social Work Team Manager (Mental Health)
    "R9590", // Senior Social Worker (Mental Health)
    "R9595", // Social Services Care Manager (Mental Health)
    "R9605", // Emergency Duty Social Worker
  ],
  "childrens-social-worker": [
    "R9515", // Social Work Team Manager (Children)
    "R9520", // Senior Social Worker (Children)
    "R9525", // Social Services Care Manager (Children)
    "R9535", // Child Protection Worker
  ],
  "care-home-staff": [
    "R9710", // Residential Manager
    "R9715", // Residential Deputy
    "R9720", // Residential Worker
    "R9725", // Residential Care Staff
  ],
  administrator: [
    "R8006", // Medical Secretary Access Role
    "R8008", // Admin/Clinical Support Access Role
    "R8009", // Receptionist Access Role
    "R8010", // Clerical Access Role
    "R8011", // Clerical Manager Access Role
    "R8024", // Bank Access Role
    "R1720", // Clerical Worker
    "R1730", // Receptionist
    "R1740", // Secretary
    "R1760", // Medical Secretary
    "R6010", // Appointments Clerk
    "R6030", // Ward Clerk
    "R6080", // Waiting List Clerk
    "R9104", // A&E Clerk (Temporary)
  ],
  "privacy-officer": [
    "R0001", // Privacy Officer
    "R5105", // Caldicott Guardian
  ],
};

const GROUP_BY_CODE: ReadonlyMap<string, RoleGroup> = groupByCode();

function groupByCode(): ReadonlyMap<string, RoleGroup> {
  const byCode = new Map<string, RoleGroup>();
  for (const group of ROLE_GROUPS) {
    for (const code of ROLES[group]) {
      check(!byCode.has(code), `the job role ${code} is in one group only`);
      byCode.set(code, group);
    }
  }
  return byCode;
}

/**
 * The group of a national job role.
 *
 * @param role `R8000`, or all three parts of a smartcard role, `S8000:G8000:R8000`.
 * @returns `undefined` for a role that is malformed or has no row in the access table: it is refused.
 */
export function roleGroupOf(role: string): RoleGroup | undefined {
  const code = jobRoleOf(role);
  return code === undefined ? undefined : GROUP_BY_CODE.get(code);
}

/** The first job role of a group, for whoever asks about the group as a whole. */
export function aRoleOf(group: RoleGroup): string {
  const [first] = ROLES[group];
  check(first !== undefined, "every role group has a job role");
  return first;
}

/** The job role itself, `R8000`, out of either form. `undefined` where the text has neither form. */
export function jobRoleOf(role: string): string | undefined {
  return /^(?:S\d{4}:G\d{4}:)?(R\d{4})$/.exec(role)?.[1];
}

/**
 * The most sensitive custodian or service whose name a group may be shown. Where a custodian is above it the whole
 * pointer is withheld, because the name alone would tell. Professions that act on safeguarding concerns reach `V`;
 * ambulance crews work with mental health and social care (`R`); the others see ordinary custodians only.
 */
const CUSTODIAN_LEVELS: Readonly<Record<RoleGroup, Sensitivity>> = {
  doctor: "V",
  gp: "V",
  nurse: "V",
  midwife: "V",
  "allied-health-professional": "V",
  paramedic: "R",
  pharmacist: "N",
  "mental-health-professional": "V",
  "approved-mental-health-professional": "V",
  "social-worker": "V",
  "childrens-social-worker": "V",
  "care-home-staff": "N",
  administrator: "N",
  "privacy-officer": "N",
};

const RANK: Readonly<Record<Sensitivity, number>> = { N: 0, R: 1, V: 2 };

/** The most sensitive custodian or service that a group may know of. */
export function custodianLevelOf(group: RoleGroup): Sensitivity {
  return CUSTODIAN_LEVELS[group];
}

/** True where this group may be shown a custodian or service of this sensitivity. */
export function mayKnowCustodian(group: RoleGroup, sensitivity: Sensitivity): boolean {
  return RANK[sensitivity] <= RANK[CUSTODIAN_LEVELS[group]];
}
