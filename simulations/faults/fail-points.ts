/** How a function fails: it throws at once, it rejects, or it never comes to an end. */
export type FailMode = "throw" | "reject" | "hang";

/** One place where a story leans on a function that it was handed, and what happens there. */
export interface FailPoint {
  readonly name: string;
  /** Which of its calls fails, from 1. */
  readonly call: number;
  readonly mode: FailMode;
}

/** What a failing function throws. Nobody outside the node may ever read it. */
export const FAULT_TEXT = "as if a disk had failed under 9000000009";

type Functions = Readonly<Record<string, unknown>>;

/**
 * Stands between the stories and whatever they were handed: every function, each of its calls. First it watches, then it
 * makes one call after another fail, in every way that call can.
 */
export class FailPoints {
  readonly #calls = new Map<string, { count: number; isAsync: boolean }>();
  #armed: FailPoint | undefined;
  #hasFailed = false;

  /** The same needs, each function with a failing twin. @param of whose they are: `locate`. */
  wrap<Needs extends object>(of: string, needs: Needs): Needs {
    const wrapped = Object.entries(needs as Functions).map(([name, need]) => [
      name,
      typeof need === "function" ? this.#twin(`${of}.${name}`, need as (...args: unknown[]) => unknown) : need,
    ]);
    return Object.fromEntries(wrapped) as Needs;
  }

  /** Begins a run in which this call fails; none, where there is none. */
  arm(point?: FailPoint): void {
    this.#calls.clear();
    this.#armed = point;
    this.#hasFailed = false;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Every point that the last run came through. */
  seen(): readonly FailPoint[] {
    return [...this.#calls].flatMap(([name, { count, isAsync }]) =>
      Array.from({ length: count }, (_, at) => at + 1).flatMap((call) =>
        (isAsync ? (["throw", "reject", "hang"] as const) : (["throw"] as const)).map((mode) => ({ name, call, mode })),
      ),
    );
  }

  #twin(name: string, original: (...args: unknown[]) => unknown) {
    return (...args: unknown[]): unknown => {
      const calls = this.#calls.get(name) ?? { count: 0, isAsync: false };
      this.#calls.set(name, { ...calls, count: calls.count + 1 });
      if (this.#armed?.name === name && this.#armed.call === calls.count + 1) {
        this.#hasFailed = true;
        return fail(this.#armed.mode);
      }
      const result = original(...args);
      if (result instanceof Promise) this.#calls.set(name, { count: calls.count + 1, isAsync: true });
      return result;
    };
  }
}

function fail(mode: FailMode): Promise<never> {
  switch (mode) {
    case "throw":
      throw new Error(FAULT_TEXT);
    case "reject":
      return Promise.reject(new Error(FAULT_TEXT));
    case "hang":
      return new Promise(() => {});
  }
}
