"""Locks that are each wrong in one way, beside those that are right: what shows that a check of a lock can fail.

Each names the check that has to find its defect. They are used as `broken_locks:Class`.
"""

import logging
import os
import threading
import time
import uuid
from secrets import token_hex

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TAKE = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return redis.call('INCR', KEYS[1] .. ':fence') end
return 0
"""
TAKE_AGAIN = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('GET', KEYS[1] .. ':fence') end" + TAKE
MINE = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "


class Correct:
    """SET NX PX with a random token, which all else compares; the fencing number is drawn in the script that grants."""

    thread_safe = fork_safe = True
    retries = 0
    take = TAKE
    prolong = MINE + "return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
    drop = MINE + "return redis.call('DEL', KEYS[1])"

    def __init__(self, url, timeout_s):
        retry = Retry(NoBackoff(), self.retries)
        self.redis = redis.Redis.from_url(url, socket_timeout=timeout_s, retry=retry)
        self.fences = {}

    def run(self, script, key, *args):
        return self.redis.eval(script, 1, key, *args)

    def acquire(self, key, ttl_ms):
        token = self.token()
        fence = int(self.run(self.take, key, token, self.px(ttl_ms)))
        self.fences[token] = fence
        return token if fence else None

    def token(self):
        return token_hex(8)

    def px(self, ttl_ms):
        return ttl_ms

    def fence(self, token):
        return self.fences[token]

    def renew(self, key, token, ttl_ms):
        return bool(self.run(self.prolong, key, token, ttl_ms))

    def validate(self, key, token):
        return self.redis.get(key) == token.encode()

    def release(self, key, token):
        return bool(self.run(self.drop, key, token))


class CorrectRetrying(Correct):
    """Sends a request again, and recognises its own token."""

    retries = 3
    take = TAKE_AGAIN


class CorrectGivingWay(Correct):
    """Waits a little after it gave the lock back, so that chance starves nobody."""

    def release(self, key, token):
        done = super().release(key, token)
        time.sleep(0.02)
        return done


class CorrectLogging(Correct):
    """Warns of this and that in its log, as libraries do."""

    def acquire(self, key, ttl_ms):
        logging.getLogger("a.library").warning("it takes %s", key)
        return super().acquire(key, ttl_ms)


class CorrectTelling(Correct):
    """Tells of a loss by itself: a thread looks every few milliseconds."""

    def __init__(self, url, timeout_s):
        super().__init__(url, timeout_s)
        self.held = {}
        self.gone = set()
        threading.Thread(target=self.watch, daemon=True).start()

    def acquire(self, key, ttl_ms):
        token = super().acquire(key, ttl_ms)
        if token:
            self.held[token] = key
        return token

    def watch(self):
        while True:
            time.sleep(0.005)
            for token, key in list(self.held.items()):
                if not self.validate(key, token):
                    self.gone.add(token)

    def lost(self, token):
        return token in self.gone


class LooksThenSets(Correct):
    """Two owners look, and both set."""

    found_by = "exclusion"

    def acquire(self, key, ttl_ms):
        if self.redis.get(key) is not None:
            return None
        time.sleep(0.003)
        token = token_hex(8)
        self.redis.set(key, token, px=ttl_ms)
        self.fences[token] = self.redis.incr(key + ":fence")
        return token


class GoesIn(Correct):
    """Enters when it has waited in vain."""

    found_by = "gives_up"

    def acquire(self, key, ttl_ms, wait_ms):
        until = time.monotonic() + wait_ms / 1000
        while not (token := super().acquire(key, ttl_ms)):
            if time.monotonic() > until:
                token = token_hex(8)
                self.fences[token] = self.redis.incr(key + ":fence")
                break
            time.sleep(0.005)
        return token


class ForEver(Correct):
    """Has no time to live."""

    found_by = "no_ttl"
    take = TAKE.replace(", 'PX', ARGV[2]", "")


class EndsEarly(Correct):
    """Lives half as long as it was asked to."""

    found_by = "ttl"

    def px(self, ttl_ms):
        return ttl_ms // 2


class RenewsNothing(Correct):
    """Says that it renewed, and did not."""

    found_by = "renewal"
    prolong = MINE + "return 1"


class Adds(Correct):
    """Adds to what is left."""

    found_by = "renewal_adds"
    prolong = MINE + "return redis.call('PEXPIRE', KEYS[1], redis.call('PTTL', KEYS[1]) + ARGV[2])"


class Deletes(Correct):
    """Deletes the key whoever has it, and tells whose it was."""

    found_by = "release_by_other"
    drop = "local value = redis.call('GET', KEYS[1]); redis.call('DEL', KEYS[1]); return value == ARGV[1] and 1 or 0"


class ReleasesSilently(Correct):
    """Never says that it was lost as it is released."""

    found_by = "release_after_loss"

    def release(self, key, token):
        super().release(key, token)
        return True


class RenewsOthers(Correct):
    """Prolongs the key whoever has it."""

    found_by = "renew_after_loss"
    prolong = "return redis.call('PEXPIRE', KEYS[1], ARGV[2])"


class Revives(Correct):
    """Takes a lock that ended once more, and says that it was renewed."""

    found_by = "renew_revives"
    prolong = """
        local value = redis.call('GET', KEYS[1])
        if value and value ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
    """


class SeesOnlyThatItIsHeld(Correct):
    """Says that it stands if anybody has it."""

    found_by = "validate_after_loss"

    def validate(self, key):
        return bool(self.redis.exists(key))


class Panics(Correct):
    """Says that it is lost, always."""

    found_by = "told_wrongly"

    def validate(self):
        return False


class NeverTells(Correct):
    """Could tell of a loss by itself, and never does."""

    found_by = "tells_by_itself"

    def lost(self):
        return False


class WaitsForTheDead(Correct):
    """Whose last owner is dead stays held."""

    found_by = "takeover"

    def acquire(self, key, ttl_ms):
        last = self.redis.get(key + ":pid")
        if last is not None and not psutil.pid_exists(int(last)):
            return None
        token = super().acquire(key, ttl_ms)
        if token:
            self.redis.set(key + ":pid", os.getpid())
        return token


class OfTheProcess(Correct):
    """An owner is a process, and takes its lock again: two threads are one owner."""

    found_by = "threads"
    take = TAKE_AGAIN

    def token(self):
        return str(os.getpid())


class OfTheClient(Correct):
    """An owner is a thread of a client: a fork is the same one."""

    found_by = "forks"
    take = TAKE_AGAIN

    def __init__(self, url, timeout_s):
        super().__init__(url, timeout_s)
        self.id = uuid.uuid4().hex

    def token(self):
        return f"{self.id}-{threading.get_ident()}"


class Favours(Correct):
    """Whoever had it last may have it first."""

    found_by = "fairness"

    def __init__(self, url, timeout_s):
        super().__init__(url, timeout_s)
        self.id = uuid.uuid4().hex

    def acquire(self, key, ttl_ms):
        if self.redis.get(key + ":last") not in (None, self.id.encode()):
            return None
        return super().acquire(key, ttl_ms)

    def release(self, key, token):
        self.redis.set(key + ":last", self.id, px=20_000)
        return super().release(key, token)


class Swallows(Correct):
    """Takes every error for a no."""

    found_by = "lost_reply"

    def acquire(self, key, ttl_ms):
        try:
            return super().acquire(key, ttl_ms)
        except redis.RedisError:
            return None


class RetriesBlindly(Correct):
    """Sends a request again, and does not recognise its own token."""

    found_by = "blind_retry"
    retries = 3


class GoesByItsClock(Correct):
    """The key says until when it is held, by its owner's clock, and another owner's clock decides."""

    found_by = "wall_clock"
    take = """
        local value = redis.call('GET', KEYS[1])
        if value and tonumber(string.match(value, ':(.*)')) > tonumber(ARGV[3]) then return 0 end
        redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[3] + ARGV[2])
        return redis.call('INCR', KEYS[1] .. ':fence')
    """
    owned = """
        local value = redis.call('GET', KEYS[1])
        if not value or string.match(value, '(.*):') ~= ARGV[1] then return 0 end
    """
    prolong = owned + "redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[3] + ARGV[2]) return 1"
    drop = owned + "return redis.call('DEL', KEYS[1])"

    def run(self, script, key, *args):
        return super().run(script, key, *args, int(time.time() * 1000))

    def validate(self, key, token):
        return (self.redis.get(key) or b"").startswith(token.encode() + b":")


class NumbersLate(Correct):
    """Draws the fencing number in a request of its own, after the grant."""

    found_by = "fence_order"

    def fence(self, key):
        return self.redis.incr(key + ":numbers")


BROKEN = [one for one in list(vars().values()) if isinstance(one, type) and "found_by" in vars(one)]
