import type { Clock, Timer } from "./clock.ts";
import type { Deadline } from "./deadline.ts";

/** What is awaited, or at the deadline that it was too late; what then still comes of it is nobody's. */
export async function inTime<T>(awaited: Promise<T>, deadline: Deadline, clock: Clock): Promise<T | "too-late"> {
  let timer: Timer | undefined;
  const tooLate = new Promise<"too-late">((resolve) => {
    timer = clock.after(deadline.remainingMs(), () => resolve("too-late"));
  });
  try {
    return await Promise.race([awaited, tooLate]);
  } finally {
    timer?.cancel();
  }
}
