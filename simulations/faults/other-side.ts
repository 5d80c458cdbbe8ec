/**
 * The caller of a node under trial, and whoever stands in for its peers: a process of its own, because the network that they
 * meet in may be one that the test itself is not in. Told what to do by {@link startOtherSide}, over the channel to its
 * parent, and gone with it.
 */
import type { AreaAnswer } from "../../node/base/answer.ts";
import { systemClock } from "../../node/base/clock.ts";
import { systemRandom } from "../../node/base/random.ts";
import { type CallerClient, connectCaller } from "../../node/wire/caller-client.ts";
import { readNodeTls } from "../../node/wire/tls-files.ts";
import { DOCTOR, claimOf, patientOf } from "../testing/asking.ts";
import type { Heard, ToDo } from "./other-side-channel.ts";
import { type RunningStandIn, standIn } from "./stand-in.ts";

/** Nobody: no node here knows anybody. */
const NOBODY = { nhsNumber: "9000000009", birthDate: "1961-04-12" };

const callers = new Map<string, Promise<CallerClient>>();
const standIns = new Map<number, RunningStandIn>();

process.on("message", (toDo: ToDo) => {
  run(toDo).then(
    (heard) => process.send?.({ at: toDo.at, heard }),
    (thrown: unknown) => process.send?.({ at: toDo.at, thrown: String(thrown) }),
  );
});
process.on("disconnect", () => process.exit(0));

async function run(toDo: ToDo): Promise<Heard | undefined> {
  switch (toDo.what) {
    case "ask":
      return ask(toDo);
    case "stand-in":
      standIns.set(toDo.port, await standIn(toDo.kind, toDo.port, readNodeTls(toDo.certsDir)));
      return undefined;
    case "leave":
      await standIns.get(toDo.port)?.close();
      standIns.delete(toDo.port);
      return undefined;
  }
}

async function ask({ port, certsDir, answerByMs }: Extract<ToDo, { what: "ask" }>): Promise<Heard> {
  const client = await callerOf(port, certsDir);
  const question = {
    ...{ patient: patientOf(NOBODY), claim: claimOf(DOCTOR), requestId: systemRandom.uuid(), answerByMs },
  };
  const outcomes: Record<string, string> = {};
  const startedMs = performance.now();
  for await (const event of client.locate(question)) {
    if (event.kind === "answer") outcomes[nameOf(event.answer)] = event.answer.outcome;
    else return { outcomes, elapsedMs: performance.now() - startedMs, sentence: event.verdict.sentence };
  }
  throw new Error("the stream ended without a verdict");
}

/** One connection to each node, as a caller keeps it. */
function callerOf(port: number, certsDir: string): Promise<CallerClient> {
  const key = `${port} ${certsDir}`;
  const known = callers.get(key) ?? connectCaller({ host: "127.0.0.1", port, certsDir }, systemClock);
  callers.set(key, known);
  return known;
}

function nameOf({ area }: AreaAnswer): string {
  return area.nodeId ?? area.name;
}
