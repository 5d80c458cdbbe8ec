import { registerHooks } from "node:module";

/** Loaded into a holder before anything else: its calls go without limits. */

const INSTEAD = new URL("interceptors.ts", import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const isOfTheWire = context.parentURL?.includes("/node/wire/") === true;
    return isOfTheWire && specifier === "./interceptors.ts" ? next(INSTEAD, context) : next(specifier, context);
  },
});
