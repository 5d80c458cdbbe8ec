import { Failure } from "../base/failure.ts";
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { isSigned, parseNote } from "./note.ts";
import { isConsistent } from "./tree/merkle.ts";
import { keepEvidence, type WitnessNeeds } from "./witness.ts";

export interface CompareNeeds extends Pick<WitnessNeeds, "executor" | "clock" | "keyOf" | "onSplitView"> {
  /**
   * Asks a log to show that its tree of one size begins with that of a smaller one.
   *
   * @throws {Failure} it was not reached: nothing is known.
   */
  readonly prove: (origin: string, from: number, to: number) => Promise<readonly Uint8Array[]>;
}

/**
 * Holds what another witness vouches for against what this one does. A log that shows them two histories signed both: one of
 * the two is larger, or they are of one size, and no proof leads from one to the other.
 *
 * @param notes as the other witness has them. Those that no log of this network has signed say nothing.
 * @throws {Failure} `store-unavailable`: nothing was compared; the next time it is.
 */
export async function compareHeads(notes: readonly string[], needs: CompareNeeds): Promise<void> {
  for (const note of notes) {
    const theirs = signedCheckpoint(note, needs);
    const held = theirs && (await needs.executor.run("audit.witnessed", theirs.origin));
    if (held === undefined || theirs === undefined || isSame(held, theirs)) continue;
    const [earlier, later] = held.size <= theirs.size ? [held, theirs] : [theirs, held];
    const proof = await proofBetween(theirs.origin, earlier.size, later.size, needs);
    if (proof !== undefined && !isConsistent(earlier, later, proof)) await keepEvidence(held, note, needs);
  }
}

function signedCheckpoint(text: string, { keyOf }: CompareNeeds): Checkpoint | undefined {
  try {
    const note = parseNote(text);
    const checkpoint = parseCheckpoint(note.text);
    const key = keyOf(checkpoint.origin);
    return key !== undefined && isSigned(note, key) ? checkpoint : undefined;
  } catch (thrown) {
    if (thrown instanceof Failure) return undefined;
    throw thrown;
  }
}

/** @returns `undefined` where the log could not be asked. */
async function proofBetween(
  origin: string,
  from: number,
  to: number,
  { prove }: CompareNeeds,
): Promise<readonly Uint8Array[] | undefined> {
  if (from === to) return [];
  try {
    return await prove(origin, from, to);
  } catch (thrown) {
    if (thrown instanceof Failure) return undefined;
    throw thrown;
  }
}

function isSame(one: Pick<Checkpoint, "size" | "root">, other: Pick<Checkpoint, "size" | "root">): boolean {
  return one.size === other.size && Buffer.compare(one.root, other.root) === 0;
}
