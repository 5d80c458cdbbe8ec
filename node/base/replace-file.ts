import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Puts contents in a file's place, whole or not at all, and durable when it resolves: written beside it, then renamed. The
 * folder is made where it is missing; file and folder are their owner's alone.
 */
export async function replaceFile(path: string, text: string | Uint8Array): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const beside = await open(`${path}.new`, "w", 0o600);
  try {
    await beside.writeFile(text);
    await beside.sync();
  } finally {
    await beside.close();
  }
  await rename(`${path}.new`, path);
  const holding = await open(folder);
  try {
    await holding.sync();
  } finally {
    await holding.close();
  }
}
