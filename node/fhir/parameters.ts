import type { Json } from "./body.ts";
import { wrong } from "./record-search.ts";

/**
 * A `Parameters` as a query; nothing in it but text counts.
 *
 * @param known names that count.
 * @throws {Refusal} 400: it is not one, or holds more than names with one text each.
 */
export function parametersIn(body: Json, known: number): URLSearchParams {
  const list = body["parameter"];
  if (body["resourceType"] !== "Parameters" || !Array.isArray(list) || list.length > known + 2) {
    throw wrong("send Parameters with identifier and birthdate");
  }
  const query = new URLSearchParams();
  for (const each of list as unknown[]) {
    const { name, ...values } = (typeof each === "object" && each !== null ? each : {}) as Json;
    const [value, ...more] = Object.values(values);
    if (typeof name !== "string" || typeof value !== "string" || more.length > 0) {
      throw wrong("a parameter is not a name with one value of text");
    }
    query.append(name, value);
  }
  return query;
}
