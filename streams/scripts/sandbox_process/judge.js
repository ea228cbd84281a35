// Runs before every script, in the context of its one call, in strict mode. What it needs later it
// takes now: the script may change any object of its context.
(make, show) => {
  const { parse, stringify } = JSON;
  const { construct } = Reflect;
  const text = String;
  const TheError = Error;
  const TheDate = Date;

  const stop = () => {
    throw new TheError("scripts have no clock and no randomness, so that a replay gives the same answer");
  };
  function ClocklessDate(...parts) {
    if (new.target === undefined || parts.length === 0) stop();
    return construct(TheDate, parts, new.target);
  }
  ClocklessDate.prototype = TheDate.prototype;
  ClocklessDate.UTC = TheDate.UTC;
  ClocklessDate.parse = TheDate.parse;
  ClocklessDate.now = stop;
  TheDate.prototype.constructor = ClocklessDate;
  globalThis.Date = ClocklessDate;
  Math.random = stop;
  for (const name of ["performance", "Atomics", "SharedArrayBuffer"]) delete globalThis[name];

  const shown = (value) => {
    if (typeof value === "string") return stringify(value.slice(0, 80));
    if (typeof value !== "object" || value === null) return text(value);
    return Array.isArray(value) ? `<array of ${value.length}>` : "<object>";
  };
  const run = (script, data, ctx) => {
    const value = script()(data, ctx);
    return typeof value === "function" ? value(data, ctx) : value;
  };
  return (dataText, ctxText) => {
    let data, ctx;
    try {
      data = parse(dataText);
      ctx = parse(ctxText);
    } catch (error) {
      return stringify(["data", text(error.message), ""]);
    }
    try {
      const value = run(make, data, ctx);
      if (show) return shown(value);
      if (value === true) return "1";
      if (value === false) return "0";
      if (value === null || value === undefined) return "n";
      const simple = typeof value === "number" || typeof value === "string";
      return stringify(["other", typeof value, simple ? shown(value) : ""]);
    } catch (error) {
      const isError = error instanceof TheError;
      return stringify(["error", text(error).slice(0, 400), isError ? text(error.stack).slice(0, 400) : ""]);
    }
  };
}
