import { Failure } from "../base/failure.ts";

/** Nobody was asked: the member gave the last questions no answer. */
export class Resting extends Failure {
  constructor() {
    super(
      "unreachable",
      "The node gave the last questions no answer: it is asked again once it greets, or in a while.",
    );
  }
}
