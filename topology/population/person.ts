import type { Address, Area } from "./areas.ts";
import type { Community } from "./communities.ts";

export type Sex = "female" | "male";

/** One invented person, as they truly are. */
export interface Person {
  readonly area: Area;
  /** Counts the people of an area from 0: the same person at every size of the population. */
  readonly sequence: number;
  /** Counts the people of all areas, with gaps; names them in {@link Numbers}. */
  readonly index: number;
  readonly sex: Sex;
  /** A day as `calendar.ts` counts them. */
  readonly birthDay: number;
  /** Whole years on the last day. */
  readonly age: number;
  readonly community: Community;
  readonly givenName: string;
  readonly middleName: string;
  readonly familyName: string;
  /** Another surname that half of the systems still have; empty for most. */
  readonly formerFamilyName: string;
  readonly address: Address;
  /** Where half of the systems still have them live. */
  readonly formerAddress: Address | undefined;
  readonly phone: string;
  /** Marked restricted by every provider. */
  readonly restricted: boolean;
  /** From 0 up to 1, alike for a household: which of several hospitals, practices and councils is theirs. */
  readonly catchment: number;
  /** Born with another. */
  readonly twin: boolean;
  /** Two NHS numbers were given to them; half of the systems have the earlier one. */
  readonly hadAnotherNumber: boolean;
  /** An earlier person of the household, the twin where there is one. */
  readonly relative: number | undefined;
}
