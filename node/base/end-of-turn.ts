/**
 * Calls back once the event loop is done with what it has in hand: what came in together has been looked at by then. Costs a
 * lone caller nothing that could be felt.
 */
export function atEndOfTurn(callback: () => void): void {
  setImmediate(callback);
}
