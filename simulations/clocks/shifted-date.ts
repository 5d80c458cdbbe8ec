/**
 * Loaded before everything else of a process (`node --import`), it puts that process's wall clock wrong, as a machine's may
 * be: by so many milliseconds as the file says that SHIFTED_DATE names, read again and again. The monotonic clock goes on.
 */
import { readFileSync } from "node:fs";

const READ_EVERY_MS = 10;

const TrueDate = Date;
let shiftMs = 0;

function readShift(): void {
  const read = Number(readFileSync(process.env["SHIFTED_DATE"] ?? "", "utf8"));
  if (Number.isFinite(read)) shiftMs = read;
}

class ShiftedDate extends TrueDate {
  constructor(...parts: readonly [] | readonly [number | string | Date]) {
    if (parts[0] === undefined) super(TrueDate.now() + shiftMs);
    else super(parts[0]);
  }

  static override now(): number {
    return TrueDate.now() + shiftMs;
  }
}

readShift();
setInterval(readShift, READ_EVERY_MS).unref();
Object.defineProperty(globalThis, "Date", { value: ShiftedDate, configurable: true, writable: true });
