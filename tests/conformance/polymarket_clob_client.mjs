// Polymarket's older TypeScript client (@polymarket/clob-client-v2) against our front, by name of method.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { given, report, shown, tried } from "./polymarket_steps.mjs";

const require = createRequire(pathToFileURL(`${given.modules}/`));
const { ClobClient, Chain, OrderType, Side, AssetType } = require("@polymarket/clob-client-v2");
const { createWalletClient, http } = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const { tokenId: token, conditionId: market, position } = given.values;
const signer = createWalletClient({ account: privateKeyToAccount(given.key), transport: http(given.urls.clob) });
const options = { host: given.urls.clob, chain: Chain.POLYGON, signer, throwOnError: true };
const open = new ClobClient(options);
const listed = (page) => page.data.length > 0;
const call = (client, name, args = [], check = undefined) => tried(name, () => client[name](...args), check);

await call(open, "getOk");
await call(open, "getVersion", [], (version) => version === 2);
await call(open, "getServerTime", [], (seconds) => seconds > 1_700_000_000);
for (const name of ["getMarkets", "getSimplifiedMarkets", "getSamplingMarkets", "getSamplingSimplifiedMarkets"])
  await call(open, name, [], listed);
await call(open, "getMarket", [market], (found) => found.condition_id === market);
await call(open, "getClobMarketInfo", [market], (found) => found.t.length === 2);
const book = await call(open, "getOrderBook", [token], (b) => b.bids.length > 0);
await call(open, "getOrderBooks", [[{ token_id: token, side: Side.BUY }]], (books) => books[0].asset_id === token);
await call(open, "getOrderBookHash", [book]);
await call(open, "getTickSize", [token], (tick) => String(tick) === "0.01");
await call(open, "getNegRisk", [token], (answer) => answer === false);
await call(open, "getFeeRateBps", [token], (rate) => rate === 1000);
await call(open, "getFeeExponent", [token]);
await call(open, "getMidpoint", [token], (answer) => Number(answer.mid) > 0);
await call(open, "getMidpoints", [[{ token_id: token, side: Side.BUY }]]);
await call(open, "getPrice", [token, "BUY"], (answer) => answer.price === book.bids.at(-1).price);
await call(open, "getPrices", [[{ token_id: token, side: Side.BUY }]]);
await call(open, "getSpread", [token]);
await call(open, "getSpreads", [[{ token_id: token, side: Side.BUY }]]);
await call(open, "getLastTradePrice", [token]);
await call(open, "getLastTradesPrices", [[{ token_id: token, side: Side.BUY }]], (rows) => rows[0].token_id === token);
await call(open, "getPricesHistory", [{ market: token, interval: "1d" }]);
await call(open, "calculateMarketPrice", [token, Side.BUY, 10, OrderType.FAK]);
await call(open, "getCurrentRewards", [], Array.isArray);
await call(open, "getRawRewardsForMarket", [market], Array.isArray);

const creds = await call(open, "createOrDeriveApiKey", [], (made) => made.key.length > 0);
await call(open, "deriveApiKey", [], (made) => made.key === creds.key);
const client = new ClobClient({ ...options, creds });
await call(client, "getApiKeys", [], (keys) => keys.apiKeys.includes(creds.key));
await call(client, "getClosedOnlyMode", [], (mode) => mode.closed_only === false);
await call(client, "postHeartbeat", [], (beat) => beat.heartbeat_id.length > 0);
await call(client, "getBalanceAllowance", [{ asset_type: AssetType.COLLATERAL }], (b) => Number(b.balance) > 0);
await call(client, "updateBalanceAllowance", [{ asset_type: AssetType.COLLATERAL }], () => true);
const low = Math.round(Number(book.bids.at(-1).price) * 100 - 5) / 100;
const order = (tokenID, price) => ({ tokenID, price, side: Side.BUY, size: 10 });
const placed = await call(
  client, "createAndPostOrder", [order(token, low), { tickSize: "0.01", negRisk: false }], (o) => o.status === "live");
const v3 = await call(client, "createExchangeV3OrderFromAmounts",
  [{ tokenID: position, makerAmount: "200000", takerAmount: "10000000", side: Side.BUY }]);
await tried("postOrder (V2)", () => client.postOrder(v3, OrderType.GTC), (o) => o.status === "live");
const signed = await call(client, "createOrder", [order(token, low), { tickSize: "0.01" }]);
await call(client, "postOrder", [signed, OrderType.GTC, true], (o) => o.success);
await call(client, "postOrders", [[{ order: await client.createOrder(order(token, low)), orderType: OrderType.GTC }]],
  (answers) => answers[0].status === "live");
const id = placed?.orderID;
await call(client, "getOrder", [id], (found) => found.id === id);
await call(client, "getOpenOrders", [{ market, asset_id: token }], (orders) => orders.length === 3);
await call(client, "getPreMigrationOrders", [], Array.isArray);
await call(client, "isOrderScoring", [{ order_id: id }], (answer) => answer.scoring === false);
await call(client, "areOrdersScoring", [{ orderIds: [id] }], (answer) => answer[id] === false);
await call(client, "cancelOrder", [{ orderID: id }], (answer) => answer.canceled[0] === id);
await call(client, "cancelOrders", [[id]], (answer) => id in answer.not_canceled);
await call(client, "createMarketOrder", [{ tokenID: token, amount: 10, side: Side.BUY }]);
const bought = await call(client, "createAndPostMarketOrder",
  [{ tokenID: token, amount: 10, side: Side.BUY }, { tickSize: "0.01" }, OrderType.FAK], (o) => o.status === "matched");
await call(client, "getTrades", [{ market }], (trades) => trades[0].id === bought?.tradeIDs[0]);
await call(client, "getTradesPaginated", [{ market }], (page) => page.trades.length > 0);
await call(client, "getNotifications", [], Array.isArray);
await call(client, "dropNotifications", [{ ids: ["1"] }], () => true);
await call(client, "cancelMarketOrders", [{ market, asset_id: token }], (answer) => answer.canceled.length === 2);
await call(client, "cancelAll", [], (answer) => answer.canceled.length === 1);
for (const name of ["getEarningsForUserForDay", "getTotalEarningsForUserForDay", "getUserEarningsAndMarketsConfig"])
  await call(client, name, ["2026-12-01"], Array.isArray);
await call(client, "getRewardPercentages", [], (answer) => shown(answer) === "{}");
await call(client, "deleteApiKey", [], () => true);
report();
process.exit(0);
