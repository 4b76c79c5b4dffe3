// npm redlock 4.2 on one node, as it comes: a try every 200 ms or so, drift and all.
import { connected, require, serve } from "./serve.mjs";

const RETRY_MS = 200; // its default
const held = new Map();
let redlock, silent; // silent: the node did not answer in this call

async function told(call) { // its LockError says that a lock was lost, and also that a node did not answer
  silent = false;
  try {
    return await call();
  } catch (error) {
    if (error.name !== "LockError" || silent) throw error;
    return { ok: false };
  }
}

await serve(
  {
    library: "redlock",
    renews: true,
    async connect(hello) {
      const Redlock = require("redlock");
      redlock = new Redlock([await connected(hello)]);
      redlock.on("clientError", () => { silent = true; });
    },
  },
  {
    acquire: ({ key, ttl_ms, wait_ms }) =>
      told(async () => {
        const lock = await redlock.acquireWithOptions(key, ttl_ms, { retryCount: Math.round(wait_ms / RETRY_MS) });
        held.set(key, lock);
        return { ok: true, token: lock.value };
      }),
    renew: ({ key, ttl_ms }) =>
      told(async () => {
        held.set(key, await held.get(key).extend(ttl_ms));
        return { ok: true };
      }),
    release: ({ key }) =>
      told(async () => {
        await held.get(key).unlock();
        return { ok: true };
      }),
  },
);
