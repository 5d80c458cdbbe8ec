import { inspect } from "node:util";

/**
 * A value about a patient, or a secret, that cannot be printed by accident: string conversion, JSON, `util.inspect` and
 * structured clone all lose it. `expose` is the one way out, and every call of it is a decision that a reviewer can find.
 */
export class Concealed<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  expose(): T {
    return this.#value;
  }

  toString(): string {
    return "[concealed]";
  }

  toJSON(): string {
    return "[concealed]";
  }

  [inspect.custom](): string {
    return "[concealed]";
  }
}
