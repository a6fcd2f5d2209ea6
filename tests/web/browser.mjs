// Signs in at the page, looks at it in light and dark, narrow and wide, with the keyboard alone, and has axe look, too.
// What it saw goes to stdout as JSON; pictures into the folder that is named.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [base, token, folder, modules] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const seen = { problems: [], blocked: [], titles: [], errors: [] };

async function examined(page, where) {
  const found = await page.evaluate(async (source) => {
    (0, eval)(source);
    return (await window.axe.run(document)).violations.map((v) => ({ id: v.id, impact: v.impact, nodes: v.nodes.length }));
  }, axe);
  seen.problems.push(...found.map((v) => ({ where, ...v })));
}

for (const [scheme, width] of [["light", 1100], ["dark", 1100], ["light", 380]]) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height: 900 }, bypassCSP: true });
  const page = await context.newPage();
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  const name = `${scheme}-${width}`;
  await page.goto(base + "/");
  await examined(page, `${name} login`);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.type(token);
  await page.keyboard.press("Enter");
  await page.waitForSelector("h2#positions");
  seen.titles.push(await page.title());
  await examined(page, `${name} desk`);
  await page.screenshot({ path: `${folder}/dashboard-${name}.png`, fullPage: true });
  await context.close();
}

// With its Content-Security-Policy: our script runs, nothing else does, and the page looks again by itself.
const context = await browser.newContext({ viewport: { width: 1100, height: 900 } });
const page = await context.newPage();
page.on("console", (said) => { if (said.text().includes("Content Security Policy")) seen.blocked.push(said.text()); });
await page.clock.install();
await page.goto(base + "/");
await page.fill("#token", token);
await page.click("button[type=submit]");
await page.waitForSelector("#pause:not([hidden])");
const looked = page.waitForResponse((answer) => answer.url().endsWith("/dashboard/parts"));
await page.clock.runFor(11000);
seen.lookedAgain = (await looked).status();
await page.route("**/dashboard/parts", (route) => route.abort());
await page.clock.runFor(11000);
await page.waitForFunction(() => document.getElementById("away").textContent.includes("doesn’t answer"));
await page.screenshot({ path: `${folder}/dashboard-away.png` });
seen.away = [await page.locator("time").textContent(), await page.locator("#positions").isVisible()];
await page.unroute("**/dashboard/parts");
await page.clock.runFor(11000);
await page.waitForFunction(() => document.getElementById("away").textContent === "");
const quiet = seen.blocked.length;
await page.evaluate(() => {
  const script = document.createElement("script");
  script.textContent = "document.title = 'run'";
  document.body.append(script);
});
seen.inlineBlocked = seen.blocked.length > quiet && (await page.title()) !== "run";
seen.blockedByItself = quiet;
await page.click("button.stop");
await page.waitForSelector("p.said");
seen.halted = await page.textContent("p.said");
await page.fill("#word", "RESUME");
await page.keyboard.press("Enter");
await page.waitForFunction(() => document.querySelector("p.said")?.textContent.includes("go through again"));
await page.click("header button");
await page.waitForSelector("#token");
seen.signedOut = await page.textContent("h1");
await browser.close();
console.log(JSON.stringify(seen));
