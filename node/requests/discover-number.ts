import type { Manifest, Member } from "../../topology/manifest.ts";
import type { Clock } from "../base/clock.ts";
import { Deadline } from "../base/deadline.ts";
import type { Identified } from "../base/identified.ts";
import { inTime } from "../base/in-time.ts";
import type { NhsNumber } from "../base/nhs-number.ts";
import type { Permit } from "../base/permit.ts";
import type { Question } from "../base/question.ts";
import { isTelling } from "../mpi/matching.ts";
import { isPlaceholder } from "../mpi/names.ts";

export interface DiscoverNumberNeeds {
  readonly clock: Clock;
  readonly ownId: string;
  readonly members: () => Manifest["members"];
  /** Whether an agreement lets this question, without a number, be put to that member. */
  readonly mayAsk: (member: Member, question: Question, permit: Permit) => { readonly ok: boolean };
  /** @throws {Failure} the member was not reached, or refused. */
  readonly identify: (
    member: Member,
    question: Question,
    deadline: Deadline,
    signal: AbortSignal,
  ) => Promise<Identified | undefined>;
}

/** Of the time that is left, what may go into finding out who is meant: then all areas are still to be asked. */
const SHARE = 0.5;

/**
 * Asks other nodes for the number of a person of whom nobody here and no national service knows it: only those whose
 * agreement allows it, the nearest first, in waves, and no further than need be.
 *
 * With a postcode the first wave that knows somebody is enough. Without one, namesakes of the same birthday may live
 * anywhere: every one who may be asked must have answered, and they must agree. Whoever is told two numbers knows nobody.
 *
 * Nothing of it is kept: what was learnt ends with the question, so that no later merge or correction can leave it standing.
 */
export async function discoverNumber(
  question: Question,
  permit: Permit,
  deadline: Deadline,
  needs: DiscoverNumberNeeds,
): Promise<NhsNumber | undefined> {
  if (!namesSomebody(question)) return undefined;
  const waves = wavesOf(needs)
    .map((wave) => wave.filter((member) => needs.mayAsk(member, question, permit).ok))
    .filter((wave) => wave.length > 0);
  const until = deadline.keepingBack(deadline.remainingMs() * (1 - SHARE));
  const told = new Map<string, NhsNumber>();
  let isWhole = true;
  for (const [at, wave] of waves.entries()) {
    const share = Deadline.in(needs.clock, until.remainingMs() / (waves.length - at));
    for (const answer of await askWave(wave, question, share, needs)) {
      if (answer === "silent") isWhole = false;
      else if (answer !== undefined) told.set(answer.nhsNumber.expose(), answer.nhsNumber);
    }
    if (told.size > 0 && hasPlace(question)) break;
  }
  const [number, another] = told.values();
  return another === undefined && (isWhole || hasPlace(question)) ? number : undefined;
}

/** Members by how near they are: of the own collaborative; neighbours and the own region; everybody else. */
function wavesOf({ ownId, members }: DiscoverNumberNeeds): readonly (readonly Member[])[] {
  const live = members().filter(({ id, status }) => id !== ownId && status === "live");
  const own = members().find(({ id }) => id === ownId);
  const isOfOwnRecord = ({ collaborative }: Member): boolean => collaborative === own?.collaborative;
  const isNear = ({ id, region }: Member): boolean => region === own?.region || (own?.neighbours ?? []).includes(id);
  const further = live.filter((member) => !isOfOwnRecord(member));
  return [live.filter(isOfOwnRecord), further.filter(isNear), further.filter((member) => !isNear(member))];
}

async function askWave(
  wave: readonly Member[],
  question: Question,
  deadline: Deadline,
  { clock, identify }: DiscoverNumberNeeds,
): Promise<(Identified | "silent" | undefined)[]> {
  const late = new AbortController();
  const asked = wave.map(async (member) => {
    const answer = await inTime(identify(member, question, deadline, late.signal), deadline, clock).catch(
      () => "too-late" as const,
    );
    return answer === "too-late" ? ("silent" as const) : answer;
  });
  try {
    return await Promise.all(asked);
  } finally {
    late.abort();
  }
}

/** Placeholders and default dates name nobody; and no part of a name may stand for any letters. */
function namesSomebody({ patient }: Question): boolean {
  if (patient.by === "number") return false;
  const { familyName, givenName, postcode, birthDate } = patient;
  const texts = [familyName, givenName, postcode].map((text) => text?.expose() ?? "");
  return (
    !isPlaceholder(givenName.expose()) && isTelling(birthDate.expose()) && !texts.some((text) => /[*?%]/.test(text))
  );
}

function hasPlace({ patient }: Question): boolean {
  return patient.by === "demographics" && patient.postcode !== undefined;
}
