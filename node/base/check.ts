/** Stops on our own mistakes, early. Failures of the world are {@link Failure}s instead. The text never names a patient. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`check failed: ${what}`);
}

/** Marks a place that the type system says cannot be reached. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${typeof value}`);
}
