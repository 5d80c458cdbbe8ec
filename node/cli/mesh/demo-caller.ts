import { SETTINGS } from "../../base/words.ts";

/**
 * The caller whose certificate a mesh on this machine makes at every node, so that `corridor locate` works as printed. Its
 * certificate lists what it may claim like any other's. The roles are those that the demonstration shows.
 */
export const DEMO_CALLER = {
  name: "demo",
  user: "demo.clinician",
  organisation: "RRK",
  reference: "demo-attendance-1",
  rights: {
    roles: [
      "R8000", // clinical practitioner
      "R8001", // nurse
      "R0260", // general medical practitioner
      "R1070", // paramedic
      "R1290", // pharmacist
      "R8014", // social worker
      "R1340", // approved mental health professional
      "R9725", // care home staff
      "R8008", // administrator
      "R0001", // privacy officer
    ],
    settings: [...SETTINGS],
    organisations: ["RRK", "RYA", "RXT", "X-NO-ODS-BIRMINGHAM-CITY-COUNCIL"],
    feed: false,
    operate: false,
    sandbox: false,
  },
} as const;

/** The caller that loads data into a node of a mesh on this machine. */
export const FEED_CALLER = {
  name: "feed",
  rights: { roles: [], settings: [], organisations: [], feed: true, operate: true, sandbox: false },
} as const;
