// Completions through the official TypeScript client, which the Inspector is built on: its command line has none.
// node complete.mjs MODULES ERA REQUEST COMMAND ARGUMENT…: what the server answers to each request of a JSON list.
import { pathToFileURL } from "node:url";

const [modules, era, requests, command, ...args] = process.argv.slice(2);
const client = (file) => import(pathToFileURL(`${modules}/@modelcontextprotocol/client/dist/${file}`));
const { Client } = await client("index.mjs");
const { StdioClientTransport } = await client("stdio.mjs");

const mode = era === "modern" ? { pin: "2026-07-28" } : "legacy";
const session = new Client({ name: "completions", version: "1" }, { versionNegotiation: { mode } });
await session.connect(new StdioClientTransport({ command, args, env: process.env }));
const answers = [];
for (const request of JSON.parse(requests)) answers.push((await session.complete(request)).completion);
process.stdout.write(JSON.stringify({ era: session.getProtocolEra(), answers }));
await session.close();
