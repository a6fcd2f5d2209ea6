// The official TypeScript client against our exchange: the life of an order, and every read it has, by name.
// Called by test_typescript.py with what it needs as JSON: base path, key, and a value for each parameter's name.
const { readFileSync } = require("node:fs");
const given = JSON.parse(readFileSync(0, "utf8"));
const sdk = require(given.module);

const configuration = new sdk.Configuration({
  apiKey: given.key_id, privateKeyPem: given.pem, basePath: given.url,
});
const results = [];
const values = given.values;

async function tried(name, run) {
  try {
    const answer = await run();
    results.push({ name, status: answer.status });
    return answer.data;
  } catch (error) {
    const answer = error.response;
    results.push({ name, status: answer ? answer.status : 0, said: answer ? JSON.stringify(answer.data) : String(error) });
    return undefined;
  }
}

// The parameters of a generated method, from its own text; options come last, and optional ones may be left out.
const parametersOf = (method) =>
  method.toString().match(/\(([^)]*)\)/)[1].split(",").map((name) => name.trim()).filter((name) => name !== "options");

async function main() {
  const orders = new sdk.OrdersApi(configuration);
  const order = {
    ticker: values.ticker, side: "bid", count: "5.00", price: "0.0100", time_in_force: "good_till_canceled",
    self_trade_prevention_type: "taker_at_cross", client_order_id: given.client_order_id,
  };
  const placed = await tried("createOrderV2", () => orders.createOrderV2(order));
  values.orderId = placed && placed.order_id;
  await tried("amendOrderV2", () =>
    orders.amendOrderV2(values.orderId, { ticker: values.ticker, side: "bid", price: "0.0100", count: "4.00" }));
  await tried("decreaseOrderV2", () => orders.decreaseOrderV2(values.orderId, { reduce_to: "3.00" }));
  await tried("getOrder", () => orders.getOrder(values.orderId));
  await tried("getOrderQueuePosition", () => orders.getOrderQueuePosition(values.orderId));
  await tried("cancelOrderV2", () => orders.cancelOrderV2(values.orderId));
  for (const [name, Api] of Object.entries(sdk)) {
    if (!name.endsWith("Api") || name === "FcmApi" || name === "FCMApi") continue;
    const api = new Api(configuration);
    for (const method of Object.getOwnPropertyNames(Object.getPrototypeOf(api)).filter((m) => m.startsWith("get"))) {
      if (results.some((result) => result.name === method)) continue;
      const wanted = parametersOf(api[method]);
      const known = wanted.map((parameter) => values[`${method}.${parameter}`] ?? values[parameter]);
      await tried(method, () => api[method](...known));
    }
  }
  process.stdout.write(JSON.stringify(results));
}

main();
