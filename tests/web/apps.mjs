// A host for each app, as the MCP Apps extension has it: a sandboxed frame without a network, messages both ways. What an
// app says is held against the extension's own schemas. What was seen goes to stdout as JSON, pictures into a folder.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [given, folder, modules] = process.argv.slice(2);
const require = createRequire(modules + "/");
const { chromium } = require("playwright-core");
const schemas = await import(pathToFileURL(require.resolve("@modelcontextprotocol/ext-apps/app-bridge")).href);
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const apps = JSON.parse(readFileSync(given, "utf8"));
const known = {
  "ui/initialize": schemas.McpUiInitializeRequestSchema,
  "ui/notifications/initialized": schemas.McpUiInitializedNotificationSchema,
  "ui/notifications/size-changed": schemas.McpUiSizeChangedNotificationSchema,
};
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const seen = {};

for (const [name, app] of Object.entries(apps)) {
  for (const theme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: { width: 760, height: 640 } });
    const asked = [], said = [], errors = [];
    await context.route("**/*", (route) => { asked.push(route.request().url()); route.abort(); });
    const page = await context.newPage();
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (line) => { if (line.type() === "error") errors.push(line.text()); });
    await page.exposeFunction("heard", (message) => { said.push(message); });
    await page.setContent(`<body style="margin:0"><iframe sandbox="allow-scripts" style="border:0;width:100vw;height:100vh"></iframe></body>`);
    await page.evaluate(({ html, args, result, again, theme }) => {
      const frame = document.querySelector("iframe");
      const tell = (message) => frame.contentWindow.postMessage({ jsonrpc: "2.0", ...message }, "*");
      window.addEventListener("message", (event) => {
        if (event.source !== frame.contentWindow) return;
        const message = event.data;
        window.heard(message);
        if (message.method === "ui/initialize") {
          tell({ id: message.id, result: { protocolVersion: "2026-01-26", hostInfo: { name: "test", version: "1" },
            hostCapabilities: {}, hostContext: { theme } } });
        } else if (message.method === "ui/notifications/initialized") {
          tell({ method: "ui/notifications/tool-input", params: { arguments: args } });
          tell({ method: "ui/notifications/tool-result", params: result });
        } else if (message.method === "tools/call") tell({ id: message.id, ...(window.next ?? { result: again }) });
      });
      const policy = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";
      frame.srcdoc = html.replace("<head>", `<head><meta http-equiv="Content-Security-Policy" content="${policy}">`);
    }, { ...app, theme });
    await page.waitForTimeout(1500);
    const frame = page.frames()[1];
    const text = await frame.evaluate(() => document.body.innerText);
    const pressed = await frame.evaluate(() => document.querySelectorAll("button, input, a, form").length);
    await page.screenshot({ path: `${folder}/app-${name}-${theme}.png` });
    const problems = await frame.evaluate(async (source) => {
      const script = document.createElement("script");
      script.textContent = source;
      document.head.append(script);
      return (await window.axe.run(document)).violations.map((v) => ({ id: v.id, impact: v.impact }));
    }, axe);
    const old = [];
    if (name === "book" && theme === "light") {
      const failed = { result: { isError: true, content: [{ type: "text", text: "no" }] } };
      for (const next of [failed, undefined, { error: { code: -32000, message: "no" } }]) {
        await page.evaluate((answer) => { window.next = answer; }, next);
        const waited = old.at(-1) ?? "";
        await frame.waitForFunction((before) => document.getElementById("old").textContent !== before, waited, { timeout: 15000 });
        old.push(await frame.evaluate(() => document.getElementById("old").textContent));
      }
    }
    const wrong = said.filter((m) => known[m.method] && !known[m.method].safeParse(m).success).map((m) => m.method);
    const calls = said.filter((m) => m.method === "tools/call").map((m) => m.params.name);
    seen[`${name} ${theme}`] = { text, old, pressed, asked, errors, wrong, problems, calls,
      methods: [...new Set(said.map((m) => m.method))] };
    await context.close();
  }
}
await browser.close();
console.log(JSON.stringify(seen));
