import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

import { type CleanHtml, opened } from "./document-source.ts";
import {
  pathWithin,
  PIECE_BYTES_MAX,
  RECORD_BYTES_MAX,
  type RecordSource,
  SourceFault,
  type SourcePlace,
} from "./source.ts";

const ENDINGS: Readonly<Record<string, string>> = {
  "application/pdf": ".pdf",
  "application/fhir+json": ".json",
  "text/html": ".html",
  "text/plain": ".txt",
  "image/jpeg": ".jpg",
  "image/png": ".png",
};

/** A folder of files, one a record, named by the last part of its address: for demonstrations and small archives. */
export function fileSource(place: SourcePlace, folder: string, cleanHtml: CleanHtml): RecordSource {
  return {
    origin: "file-store",
    async open({ address, format, signal }) {
      const [, name] = /([A-Za-z0-9_-]{1,80})$/.exec(pathWithin(place, address)) ?? [];
      const ending = ENDINGS[format];
      if (name === undefined || ending === undefined) throw new SourceFault("gone", "no such file");
      const file = await openFile(join(folder, `${name}${ending}`));
      try {
        const { size, mtimeMs } = await file.stat();
        if (size > RECORD_BYTES_MAX) throw new SourceFault("too-large", `over ${RECORD_BYTES_MAX} bytes`);
        const bytes = file.createReadStream({ highWaterMark: PIECE_BYTES_MAX, signal }) as AsyncIterable<Uint8Array>;
        return await opened(format, Math.floor(mtimeMs), bytes, cleanHtml);
      } catch (thrown) {
        await file.close().catch(() => {});
        throw thrown instanceof SourceFault ? thrown : new SourceFault("source-error", "the file could not be read");
      }
    },
  };
}

async function openFile(path: string) {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW); // no link leads out of the folder
  } catch (thrown) {
    const isMissing = thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
    throw isMissing
      ? new SourceFault("gone", "no such file")
      : new SourceFault("source-error", "the file cannot be opened");
  }
}
