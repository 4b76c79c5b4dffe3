// npm redis-semaphore 5.8: its Mutex as it comes, which refreshes itself at four fifths of the time to live.
import { connected, require, serve, tellLoss } from "./serve.mjs";

const held = new Map();
let client;

await serve(
  {
    library: "redis-semaphore",
    renews: false,
    tells_loss: true,
    async connect(hello) { client = await connected(hello); },
  },
  {
    async acquire({ key, ttl_ms, wait_ms }) {
      const { Mutex } = require("redis-semaphore");
      const onLockLost = () => tellLoss(key, mutex.identifier);
      const mutex = new Mutex(client, key, { lockTimeout: ttl_ms, acquireTimeout: Math.max(1, wait_ms), onLockLost });
      if (!(await mutex.tryAcquire())) return { ok: false };
      held.set(key, mutex);
      return { ok: true, token: mutex.identifier };
    },
    async release({ key }) { // it returns nothing, whether the lock was lost or not
      await held.get(key).release();
      return { ok: true };
    },
  },
);
