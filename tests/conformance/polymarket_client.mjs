// Polymarket's TypeScript SDK against our front: every public read and the life of an order, by name.
import { pathToFileURL } from "node:url";
import { given, items, report, tried } from "./polymarket_steps.mjs";

const sdk = await import(pathToFileURL(`${given.modules}/@polymarket/client/dist/index.js`).href);
const { privateKey } = await import(pathToFileURL(`${given.modules}/@polymarket/client/dist/viem.js`).href);
const { gamma, clob, data, ws } = given.urls;
const environment = sdk.forkEnvironmentConfig({
  name: "paper", gamma: { rest: gamma }, data: { rest: data }, relayer: { rest: clob }, rpc: clob,
  clob: { rest: clob, market: { ws: `${ws}/market` }, user: { ws: `${ws}/user` } }, sports: { ws: `${ws}/sports` },
});
const client = sdk.createPublicClient({ environment });
const some = (list) => list.length > 0;
const { tokenId, conditionId, eventId, eventSlug, marketId, slug, v2 } = given.values;

const markets = await tried("listMarkets", () => items(client.listMarkets({ closed: false, pageSize: 100 })), some);
await tried("listEvents", () => items(client.listEvents({ closed: false, pageSize: 50 })), some);
await tried("fetchMarket", () => client.fetchMarket({ slug }), (m) => m.id === marketId);
await tried("fetchMarket (V2)", () => client.fetchMarket({ slug: v2 }), (m) => m.slug === v2);
await tried("fetchMarketTags", () => client.fetchMarketTags({ id: marketId }), some);
await tried("fetchEvent", () => client.fetchEvent({ slug: eventSlug }), (e) => e.id === eventId);
await tried("fetchEventTags", () => client.fetchEventTags({ id: eventId }), some);
await tried("search", () => items(client.search({ q: "bitcoin" })), (found) => some(found.events));
const tags = await tried("listTags", () => items(client.listTags()), some);
await tried("fetchTag", () => client.fetchTag({ id: tags[0].id }), (t) => t.id === tags[0].id);
await tried("fetchRelatedTags", () => client.fetchRelatedTags({ id: tags[0].id }));
await tried("fetchRelatedTagResources", () => client.fetchRelatedTagResources({ id: tags[0].id }));
const series = await tried("listSeries", () => items(client.listSeries()), some);
await tried("fetchSeries", () => client.fetchSeries({ id: series[0].id }));
await tried("listSports", () => client.listSports(), some);
await tried("fetchSportsMarketTypes", () => client.fetchSportsMarketTypes());
await tried("listTeams", () => items(client.listTeams()), some);
const book = await tried("fetchOrderBook", () => client.fetchOrderBook({ tokenId }), (b) => some(b.bids));
await tried("fetchOrderBooks", () => client.fetchOrderBooks([{ tokenId }]), some);
await tried("fetchPrice", () => client.fetchPrice({ tokenId, side: "BUY" }));
await tried("fetchPrices", () => client.fetchPrices([{ tokenId, side: "BUY" }]));
await tried("fetchMidpoint", () => client.fetchMidpoint({ tokenId }));
await tried("fetchMidpoints", () => client.fetchMidpoints([{ tokenId }]));
await tried("fetchSpread", () => client.fetchSpread({ tokenId }));
await tried("fetchSpreads", () => client.fetchSpreads([{ tokenId }]));
await tried("fetchLastTradePrice", () => client.fetchLastTradePrice({ tokenId }));
await tried("fetchLastTradePrices", () => client.fetchLastTradePrices([{ tokenId }]), some);
await tried("fetchPriceHistory", () => client.fetchPriceHistory({ tokenId, interval: "1d" }));
await tried("estimateMarketPrice", () => client.estimateMarketPrice({ tokenId, side: "BUY", amount: 10 }));
await tried("listTrades", () => items(client.listTrades({ market: [conditionId] })), some);
await tried("listMarketHolders", () => client.listMarketHolders({ market: [conditionId] }), some);
await tried("listOpenInterest", () => client.listOpenInterest({ market: [conditionId] }), some);
await tried("fetchEventLiveVolume", () => client.fetchEventLiveVolume({ id: eventId }));
await tried("listCurrentRewards", () => items(client.listCurrentRewards()), Array.isArray);
await tried("listMarketRewards", () => items(client.listMarketRewards({ conditionId })), Array.isArray);

const secure = await tried("createSecureClient", () =>
  sdk.createSecureClient({ environment, signer: privateKey(given.key), wallet: given.wallet }));
if (secure) {
  const lower = String(Number(book.bids.at(-1).price) - 0.05).slice(0, 4);
  await tried("fetchClosedOnlyMode", () => secure.fetchClosedOnlyMode(), (closed) => closed === false);
  const placed = await tried("placeLimitOrder", () =>
    secure.placeLimitOrder({ tokenId, price: Number(lower), size: 10, side: "BUY" }), (o) => o.status === "live");
  const orderId = placed?.orderId ?? placed?.orderID;
  await tried("fetchOrder", () => secure.fetchOrder({ orderId }), (o) => o.id === orderId);
  await tried("listOpenOrders", () => items(secure.listOpenOrders({ market: conditionId, tokenId })), some);
  await tried("fetchOrderScoring", () => secure.fetchOrderScoring({ orderId }), (scoring) => scoring === false);
  await tried("fetchOrdersScoring", () => secure.fetchOrdersScoring({ orderIds: [orderId] }));
  await tried("cancelOrder", () => secure.cancelOrder({ orderId }), (c) => c.canceled[0] === orderId);
  await tried("placeMarketOrder", () =>
    secure.placeMarketOrder({ tokenId, amount: 10, side: "BUY" }), (o) => o.status === "matched");
  await tried("listAccountTrades", () => items(secure.listAccountTrades()), (t) => t[0].traderSide === "TAKER");
  await tried("listPositions", () => items(secure.listPositions({ user: given.wallet })), some);
  await tried("listClosedPositions", () => items(secure.listClosedPositions({ user: given.wallet })), Array.isArray);
  await tried("listActivity", () => items(secure.listActivity({ user: given.wallet })), some);
  await tried("fetchPortfolioValue", () => secure.fetchPortfolioValue({ user: given.wallet }));
  await tried("fetchTradedMarketCount", () => secure.fetchTradedMarketCount({ user: given.wallet }));
  if (secure.fetchNotifications) {
    await tried("fetchNotifications", () => secure.fetchNotifications(), Array.isArray);
    await tried("dropNotifications", () => secure.dropNotifications({ ids: ["1"] }), () => true);
  }
  const limit = { tokenId, price: Number(lower), size: 10, side: "BUY" };
  const signed = await tried("createLimitOrder", () => secure.createLimitOrder(limit));
  await tried("postOrder", () => secure.postOrder(signed), (o) => o.status === "live");
  const more = await secure.createLimitOrder(limit);
  const posted = await tried("postOrders", () => secure.postOrders([more]), (answers) => answers[0].status === "live");
  await tried("cancelOrders", () => secure.cancelOrders({ orderIds: [posted[0].orderId] }), (c) => some(c.canceled));
  await tried("createMarketOrder", () => secure.createMarketOrder({ tokenId, shares: 5, side: "SELL" }));
  await tried("cancelMarketOrders", () => secure.cancelMarketOrders({ market: conditionId }), (c) => some(c.canceled));
  await secure.placeLimitOrder(limit);
  await tried("cancelAll", () => secure.cancelAll(), (c) => some(c.canceled));
  await tried("subscribe", async () => {
    const handle = await secure.subscribe([{ topic: "user" }, { topic: "market", tokenIds: [tokenId] }]);
    const heard = new Set();
    setTimeout(() => handle.close?.(), 10_000).unref();
    let sent = false;
    for await (const event of handle) {
      heard.add(`${event.topic}.${event.type}`);
      if (!sent && heard.has("market.book")) {
        sent = true;
        await secure.placeMarketOrder({ tokenId, amount: 5, side: "BUY" });
      }
      if (heard.has("user.trade") && heard.has("market.price_change") && heard.has("market.last_trade_price")) break;
    }
    return [...heard].sort();
  }, (heard) => heard.includes("user.trade") && heard.includes("market.last_trade_price"));
  const day = { date: "2026-12-01" };
  await tried("listUserEarningsForDay", () => items(secure.listUserEarningsForDay(day)), Array.isArray);
  await tried("fetchTotalEarningsForUserForDay", () => secure.fetchTotalEarningsForUserForDay(day), Array.isArray);
  await tried("listUserEarningsAndMarketsConfig", () => items(secure.listUserEarningsAndMarketsConfig(day)), Array.isArray);
  await tried("fetchRewardPercentages", () => secure.fetchRewardPercentages());
}
report();
process.exit(0);
