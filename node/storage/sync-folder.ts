import { closeSync, constants, fsyncSync, openSync } from "node:fs";

/** Makes durable which names a folder holds. @throws what the file system says. */
export function syncFolder(path: string): void {
  const folder = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
