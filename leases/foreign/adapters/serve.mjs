// The line protocol for a lock of Node: what an adapter has to say is what the lock does.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// Packages are looked for from where leasebench was started (and in NODE_PATH), not from where this file stands.
export const require = createRequire(`${process.cwd()}/`);
export const now = () => Number(process.hrtime.bigint()); // CLOCK_MONOTONIC
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
export const tellLoss = (key, token) => say({ op: "lost", key, token, at_ns: now() });

// A client of ioredis with explicit time-outs and no retries: it repeats a request up to twenty times by default.
export async function connected(hello) {
  const Redis = require("ioredis");
  const where = hello.socket ? { path: hello.socket } : { host: hello.host, port: hello.port };
  const client = new Redis({
    ...where,
    username: hello.username ?? undefined,
    password: hello.password ?? undefined,
    db: hello.db ?? 0,
    connectTimeout: hello.timeout_ms,
    commandTimeout: hello.timeout_ms,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => 20,
    lazyConnect: true,
  });
  client.on("error", () => {}); // each request that fails says so
  await client.connect();
  return client;
}

// `calls` has acquire, release and, if the lock can, renew; each is given the request and returns the reply.
// What one throws is a reply that never came; `connect` is called with hello before the first.
export async function serve({ library, connect, ...can }, calls) {
  const version = require(`${library}/package.json`).version;
  const answer = async (request) => {
    if (request.op !== "hello") return calls[request.op](request);
    if (request.url) await connect(request);
    return { protocol: 1, library: `${library} (npm)`, version, ...can };
  };
  // A refresh on a timer that fails is nobody's promise: Node would end the process.
  process.on("unhandledRejection", (error) => console.error(`unhandled: ${error}`));
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line), start_ns = now();
    const reply = await answer(request).catch((error) => ({ ok: null, error: `${error}` }));
    say({ id: request.id, ...reply, start_ns, end_ns: now() });
  }
  process.exit();
}
