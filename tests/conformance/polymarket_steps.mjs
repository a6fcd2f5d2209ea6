// Run named calls of a client one after the other and print what came of each: called by test_polymarket_clients.py.
import { readFileSync } from "node:fs";

export const given = JSON.parse(readFileSync(0, "utf8"));
const results = [];

// Run a call; an error or a false check is its failure, and its answer is undefined then.
export async function tried(name, run, check = (answer) => answer !== undefined) {
  try {
    const answer = await run();
    const right = check(answer);
    results.push({ name, error: right ? "" : `unexpected answer: ${shown(answer)}` });
    return answer;
  } catch (error) {
    const causes = [];
    for (let cause = error; cause; cause = cause.cause) causes.push(cause.message ?? String(cause));
    results.push({ name, error: causes.join(" <- ").slice(0, 700) });
    return undefined;
  }
}

export const shown = (value) =>
  JSON.stringify(value, (_, part) => (typeof part === "bigint" ? part.toString() : part))?.slice(0, 500);

// The first items of a paginated list.
export async function items(paginated) {
  for await (const page of paginated) return page.items;
  return [];
}

export const report = () => process.stdout.write("\n" + JSON.stringify(results) + "\n");
