import { closeSync, openSync, rmSync, writeSync } from "node:fs";

import { Command } from "commander";

import { dayOf } from "../base/clock.ts";
import { Failure } from "../base/failure.ts";
import { toPlainText } from "../base/plain-text.ts";
import type { Random } from "../base/random.ts";
import { RECORD_TYPES } from "../base/record-types.ts";
import { type RecordHead, type RecordOrigin, unavailableSentence } from "../base/record.ts";
import { type ClaimOptions, parseClaim, withClaimOptions } from "./claim-options.ts";
import type { Connect, NodeClient, RetrieveCall } from "./client.ts";
import { EXIT, reporting } from "./exit.ts";
import { DEMO_CALLER } from "./mesh/demo-caller.ts";
import { MESH_DIR } from "./mesh/mesh-file.ts";
import { type PatientNeeds, type PatientOptions, parsePatient, withPatientOptions } from "./patient-options.ts";
import { findTarget } from "./target.ts";

export interface RetrieveCommandNeeds extends PatientNeeds {
  readonly connect: Connect;
  readonly random: Random;
}

interface RetrieveOptions extends ClaimOptions, PatientOptions {
  readonly via: string;
  readonly area: string;
  readonly record: string;
  readonly out: string;
  readonly certs?: string;
  readonly mesh: string;
}

/** `corridor retrieve`: opens one record that a locate has named, live from its custodian, into a file of the caller's. */
export function retrieveCommand(needs: RetrieveCommandNeeds): Command {
  const command = new Command("retrieve")
    .description("open one record that a locate has named, live from its custodian's system")
    .requiredOption("--via <url|id>", "the node to ask: its id in a mesh on this machine, or https://HOST:PORT")
    .requiredOption("--area <node>", "the area that named the record: its node's id, as locate --json gives it")
    .requiredOption("--record <id>", "the record: its pointerId, as locate --json gives it")
    .requiredOption("--out <file>", "where the record is written, readable by you alone; - for standard output");
  return withClaimOptions(withPatientOptions(command))
    .option("--certs <dir>", "folder of the caller's certificate (caller.crt.pem, caller.key.pem, trust.crt.pem)")
    .option("--mesh <dir>", "folder of the mesh on this machine", MESH_DIR)
    .action((options: RetrieveOptions) => reporting(() => run(options, needs)));
}

async function run(options: RetrieveOptions, needs: RetrieveCommandNeeds): Promise<void> {
  const call: RetrieveCall = {
    patient: await parsePatient(options, needs),
    claim: parseClaim(options),
    requestId: needs.random.uuid(),
    nodeId: options.area,
    pointerId: options.record,
  };
  const client = await needs.connect(findTarget(options, DEMO_CALLER.name));
  try {
    process.exitCode = await save(client, call, options.out);
  } finally {
    client.close();
  }
}

async function save(client: NodeClient, call: RetrieveCall, out: string): Promise<number> {
  const file = openOut(out);
  let isWhole = false;
  try {
    for await (const event of client.retrieve(call)) {
      switch (event.kind) {
        case "head":
          say(provenanceOf(event.head));
          break;
        case "piece":
          await file.write(event.bytes);
          break;
        case "end":
          isWhole = true;
          say(`Whole: ${event.bytes} bytes, SHA-256 ${Buffer.from(event.sha256).toString("hex")}.`);
          return EXIT.done;
        case "unavailable":
          say(unavailableSentence(event.unavailable));
          return EXIT.failed;
      }
    }
    throw new Failure("unreachable", "The record broke off: what has come is not whole. Try again.");
  } finally {
    file.close(isWhole);
  }
}

const ORIGIN_WORDS = {
  "fhir-server": "FHIR server",
  "document-server": "document server",
  "file-store": "file store",
} as const satisfies Record<RecordOrigin, string>;

/** Whose it is, how old, and how it was come by: for people, on stderr. */
function provenanceOf(head: RecordHead): string {
  const { display } = RECORD_TYPES[head.recordType];
  const updated = head.updatedAtMs === 0 ? "" : `, last updated ${dayOf(head.updatedAtMs)}`;
  const cleaned = head.cleaned ? "; links and active content taken out" : "";
  const { name, code } = head.custodian;
  return `${display} of ${name} (${code})${updated}. Fetched live from its ${ORIGIN_WORDS[head.origin]}, as ${head.contentType}${cleaned}.`;
}

function say(line: string): void {
  console.error(toPlainText(line)); // names come from other areas: none may write elsewhere on the screen
}

interface Out {
  write(bytes: Uint8Array): Promise<void> | void;
  /** What is not whole is taken away again: nobody shall read it as the record. */
  close(isWhole: boolean): void;
}

function openOut(out: string): Out {
  if (out === "-") return { write: writeToStdout, close() {} };
  try {
    const fd = openSync(out, "wx", 0o600);
    return {
      write(bytes) {
        for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
      },
      close(isWhole) {
        closeSync(fd);
        if (!isWhole) rmSync(out, { force: true });
      },
    };
  } catch (cause) {
    const message = `${out} cannot be made: give the name of a file that is not there yet, in a folder that is.`;
    throw new Failure("invalid-input", message, { where: "--out", cause });
  }
}

/** As fast as it is read. */
function writeToStdout(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (thrown) => (thrown ? reject(thrown) : resolve()));
  });
}
