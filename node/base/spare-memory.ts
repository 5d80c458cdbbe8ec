/**
 * Gives back what this thread has used so far and needs no more: after a start some 20 MB, which V8 would keep for as long
 * as nothing presses it. Takes up to a tenth of a second, so not while anybody waits. Does nothing where Node.js was
 * started without `--expose-gc`; `bin/corridor` starts it so.
 */
export function giveBackSpareMemory(): void {
  globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
}
