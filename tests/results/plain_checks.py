"""What the checks count, a second time: plain loops over events and journal rows.

Nothing of leasebench is imported: the numbers of the journal's format stand here once more.
"""

from collections import defaultdict
from itertools import pairwise
from math import inf
from statistics import median

DISCOVER, ACQUIRE, CHECK, COMMIT, RELEASE, CLEAN, PLAN, PUBLISH = 1, 2, 3, 5, 6, 7, 8, 9
RENEW, VALIDATE, WITHDRAW, PAUSE, DELAY, KILL, FAULT, RESUME = 10, 11, 12, 13, 14, 16, 17, 20
"""Kinds of journal rows."""
PENDING, DONE, REFUSED, UNKNOWN, NOTHING = 0, 1, 2, 3, 4
"""What came of them."""
NOT_OWNER, FENCE_TOO_LOW, LEASE_LOST = 1, 2, 9
LOSS = {NOT_OWNER, FENCE_TOO_LOW, LEASE_LOST}
"""Reasons of a refusal by which an owner learns that its lease is lost."""
CELL_RESOURCE = 0xFFFE
"""The endpoint number of a lease on the whole cell."""


def elapsed(events, begin, end):
    """Microseconds between two events by their positions; None where the clock stepped back in between."""
    for earlier, later in zip(events[begin:end], events[begin + 1 : end + 1], strict=True):
        if later["t_us"] < earlier["t_us"]:
            return None
    return events[end]["t_us"] - events[begin]["t_us"]


def known(values, per=1):
    return [value / per for value in values if value is not None]


def writes(events):
    """Every time an endpoint came to point elsewhere, or there again: (position, kind, endpoint, before, version)."""
    points, made, before = {}, [], []
    for at, one in enumerate(events):
        before.append(points)
        if one["kind"] in ("commit", "repair"):
            made.append((at, one["kind"], one["endpoint"], one["previous"], one["version"]))
            points = points | {one["endpoint"]: one["version"]}
        elif one["kind"] == "restart":
            back = dict.fromkeys(points, 0) | before[one["previous"]] if one["previous"] < at else points
            made += [
                (at, "restart", name, points.get(name, 0), new)
                for name, new in back.items()
                if points.get(name, 0) != new
            ]
            points = back
    return made


def forgotten(events):
    """The positions of the events that are not there in the end.

    What is there is a chain: each event hangs on the one before; after a restart on the one before its `previous`.
    """
    chain, before, there = None, [], set()
    for at, one in enumerate(events):
        before.append(chain)
        if one["kind"] != "restart":
            chain = (at, chain)
        elif one["previous"] < at:
            chain = before[one["previous"]]
    while chain is not None:
        at, chain = chain
        there.add(at)
    return {at for at, one in enumerate(events) if one["kind"] != "restart"} - there


def by_position(made):
    """The writes that each event made."""
    found = defaultdict(list)
    for write in made:
        found[write[0]].append(write)
    return found


def overwrites(events):
    """An endpoint is behind from where it fell below its highest version until that is reached again.

    After a repair, what the operator has set is the highest.
    """
    highest, since, behind_since = defaultdict(int), {}, {}
    stale = below_peak = 0
    depth, lag, spells, first = [], [], [], []
    for at, kind, name, present, version in writes(events):
        if kind == "repair":
            highest[name] = version
        elif kind == "commit" and version < present:
            stale += 1
            depth.append(present - version)
            lag.append(elapsed(events, since[name], at))
            first = first or [elapsed(events, 0, at)]
        elif kind == "commit" and version < highest[name]:
            below_peak += 1
        if version < highest[name]:
            behind_since.setdefault(name, at)
        elif name in behind_since:
            spells.append(elapsed(events, behind_since.pop(name), at))
        highest[name] = max(highest[name], version)
        if version != present:
            since[name] = at
    spells += [elapsed(events, since, len(events) - 1) for since in behind_since.values()]
    counts = {
        "stale_overwrites": stale,
        "below_peak": below_peak,
        "stale_spells_unrepaired": len(behind_since),
    }
    return counts, {
        "regression_depth": depth,
        "overwrite_lag_ms": known(lag, 1e3),
        "stale_time_ms": known(spells, 1e3),
        "time_to_first_stale_s": known(first, 1e6),
    }


def races(events, rows, endpoints):
    """Every try at an endpoint by one application; the worst outcome of each is what it counts as."""
    commits = [one for one in events if one["kind"] == "commit"]
    refusals = [
        one
        for one in events
        if one["kind"] in ("reject", "watch_conflict")
        and one["endpoint"]
        and one["enactor"] != "operator"
        and one["reason"] != "read_fence_too_low"
    ]
    seen = defaultdict(set)
    stale = refused_fresh = 0
    for one in commits + refusals:
        if one["version"] < one["previous"]:
            what = "stale" if one["kind"] == "commit" else "blocked"
            stale += what == "stale"
            seen[one["enactor"], one["version"], one["endpoint"]].add(what)
        elif one["kind"] != "commit" and one["version"] > one["previous"]:
            refused_fresh += 1
    for one in rows:
        if one["kind"] == WITHDRAW:
            seen[enactor(one["process"]), one["version"], endpoints[one["endpoint"]]].add("withdrawn")
    worst = {
        place: next(what for what in ("stale", "blocked", "withdrawn") if what in outcomes)
        for place, outcomes in seen.items()
    }

    def applications(*whats):
        return len({(enactor, plan) for (enactor, plan, _), what in worst.items() if what in whats})

    blocked = sum(what == "blocked" for what in worst.values())
    withdrawn = sum(what == "withdrawn" for what in worst.values())
    unanswered = (UNKNOWN, PENDING)
    return {
        "attempts": len(commits) + len(refusals),
        "unknown": sum(one["kind"] == COMMIT and one["outcome"] in unanswered for one in rows),
        "commits": len(commits),
        "applications": sum(one["kind"] == PLAN for one in rows),
        "races": stale + blocked + withdrawn,
        "raced_applications": applications("stale", "blocked", "withdrawn"),
        "leaky_applications": applications("stale"),
        "exposures": stale + blocked,
        "exposed_applications": applications("stale", "blocked"),
        "blocked": blocked,
        "withdrawn": withdrawn,
        "refused_fresh": refused_fresh,
    }


def by_application(events, rows, endpoints=None):
    """How many applications had so many stale overwrites of so many races, and of so many commits."""
    tried, races, commits = defaultdict(set), defaultdict(lambda: [0, 0]), defaultdict(lambda: [0, 0])
    for one in events:
        place = (one["enactor"], one["version"], one["endpoint"])
        stale = one["kind"] == "commit" and one["version"] < one["previous"]
        if one["kind"] == "commit":
            commits[place[:2]][0] += stale
            commits[place[:2]][1] += 1
        if stale:
            races[place[:2]][0] += 1
            races[place[:2]][1] += 1
            tried[place].add("stale")
        refused = one["kind"] in ("reject", "watch_conflict") and one["enactor"] != "operator" and one["endpoint"]
        if refused and one["version"] < one["previous"] and one["reason"] != "read_fence_too_low":
            tried[place].add("prevented")
    for one in rows:
        if one["kind"] == WITHDRAW:
            name = endpoints[one["endpoint"]] if endpoints else f"e{one['endpoint']}"
            tried[enactor(one["process"]), one["version"], name].add("prevented")
    for (who, plan, _), outcomes in tried.items():
        races[who, plan][1] += outcomes == {"prevented"}
    return tuple(
        {f"{seen}/{of}": list(counts.values()).count([seen, of]) for seen, of in counts.values()}
        for counts in (races, commits)
    )


def dangling(events):
    """Follow where every endpoint points; it is empty while what it points at is not there any more."""
    points, gone, empty, refused, wedged = {}, set(), {}, {}, []
    empty_us, forgets, made = [], forgotten(events), by_position(writes(events))
    repairs = sum(one["kind"] == "repair" for one in events)
    for at, one in enumerate(events):
        for _, kind, name, _, version in made[at]:
            points[name] = version
            if name in refused:
                since = refused.pop(name)
                if kind == "repair":
                    wedged.append(elapsed(events, since, at))
        if one["kind"] == "delete" and at not in forgets:
            gone.add(one["version"])
        elif one["kind"] == "reject" and one["reason"] == "no_rollback_plan":
            refused.setdefault(one["endpoint"], at)
        for name, version in points.items():
            if version in gone:
                empty.setdefault(name, at)
            elif name in empty:
                empty_us.append(elapsed(events, empty.pop(name), at))
    last = len(events) - 1
    empty_us += [elapsed(events, since, last) for since in empty.values()]
    wedged += [elapsed(events, since, last) for since in refused.values()]
    counts = {"dangling": len(empty_us), "wedged": int(bool(wedged)), "repairs": repairs}
    return counts, {"empty_ms": known(empty_us, 1e3), "wedged_ms": known(wedged, 1e3)}


def rollout(events, endpoints):
    """How long, and over how many versions, endpoints that all have one differ; looked at after each event."""
    if len(endpoints) < 2:
        return {"torn_ms": [], "torn_versions": []}
    points, since, most, made = dict.fromkeys(endpoints, 0), None, 0, by_position(writes(events))
    torn, versions = [], []
    for at in range(len(events)):
        points |= {name: version for _, _, name, _, version in made[at]}
        there = set(points.values())
        if 0 not in there and len(there) > 1:
            since = at if since is None else since
            most = max(most, len(there))
        elif since is not None:
            torn.append(elapsed(events, since, at))
            versions.append(most)
            since, most = None, 0
    if since is not None:
        torn.append(elapsed(events, since, len(events) - 1))
        versions.append(most)
    return {"torn_ms": known(torn, 1e3), "torn_versions": versions}


def fencing_violations(events):
    """Commits with a lower fence than one that the same endpoint had accepted before: their positions.

    None where no commit carries a fence.
    """
    commits = [(at, one) for at, one in enumerate(events) if one["kind"] == "commit"]
    if commits and all(one["fence"] is None for _, one in commits):
        return None
    highest, violations = {}, []
    for at, one in commits:
        if one["fence"] is not None:
            if one["fence"] < highest.get(one["endpoint"], 0):
                violations.append(at)
            highest[one["endpoint"]] = max(highest.get(one["endpoint"], 0), one["fence"])
    return violations


def lost_commits(events, rows):
    """Commits that were acknowledged and are not among what the store remembers; 0 where it never restarted."""
    if not any(one["kind"] == "restart" for one in events):
        return 0
    gone = forgotten(events)
    there = {
        (one["enactor"], one["attempt"]) for at, one in enumerate(events) if one["kind"] == "commit" and at not in gone
    }
    told = [one for one in rows if one["kind"] == COMMIT and one["outcome"] == DONE]
    return sum((enactor(one["process"]), one["attempt"]) not in there for one in told)


def life(process):
    """The process that this is, or is a part of."""
    return process.removesuffix("-proxy").removesuffix("-renewer")


def enactor(process):
    """The enactor that a process, or a part of it, is or has been put in the place of."""
    return life(process).split("+")[0]


def exclusion_violations(events):
    """Grants that were given while another of the same lease was neither released nor expired: their positions."""
    standing, holder = defaultdict(dict), {}
    violations = []
    for at, one in enumerate(events):
        grants = standing[one["lease"]]
        if one["kind"] == "grant":
            for token, expires in list(grants.items()):
                if expires <= one["t_us"]:
                    del grants[token]
            violations += [at] if grants else []
        if one["kind"] in ("grant", "renew"):
            grants[one["token"]] = one["expires_us"]
            holder[one["token"]] = one["enactor"]
        elif one["reason"] == "foreign":
            for token in [token for token in grants if holder[token] == one["enactor"]]:
                del grants[token]
        elif one["kind"] in ("release", "expire"):
            grants.pop(one["token"], None)
    return violations


def heard_violations(writes, rows, ttl_us):
    """The same of a library's lock that sets its key to the owner's token: writes that violate, as a replica heard."""
    acquired = {one["seen"]: one for one in rows if one["kind"] == ACQUIRE and one["outcome"] == DONE}
    given_back = {hold["token"]: hold["released"] for hold in holds(rows)}
    violations = []
    for key in {one["key"] for one in writes if one["digest"] in acquired}:
        value, standing = None, {}
        for one in writes:
            if one["key"] not in (key, None):
                continue
            if one["command"] == "set" and one["digest"] != value:
                value, now_us = one["digest"], one["expires_us"] - ttl_us
                by_ns = min(one["heard_ns"], acquired[value]["end_ns"] if value in acquired else inf)
                for token, until_us in list(standing.items()):
                    if until_us <= now_us or given_back.get(token, inf) <= by_ns:
                        del standing[token]
                violations += [one["seq"]] if standing else []
                standing[value] = one["expires_us"]
            elif one["command"] in ("set", "pexpireat"):
                standing[value] = one["expires_us"]
            else:
                if value not in acquired:
                    standing.pop(value, None)
                value = None
    return violations


def lock_line_us(rows):
    """What an answered call of a lock took beside the time that the lock says it took itself."""
    calls = [
        one
        for one in rows
        if one["kind"] in (ACQUIRE, RENEW, VALIDATE, RELEASE)
        and one["outcome"] in (DONE, REFUSED)
        and one["process"].startswith("enactor")
    ]
    rest = [(one["end_ns"] - one["start_ns"] - one["service_ns"]) / 1e3 for one in calls]
    return [one for one in rest if one > 0]


def holds(rows):
    """What each owner did and heard under each grant, from the end of an acquire on: one dict a hold."""
    found, under, deaths = [], defaultdict(list), defaultdict(list)
    for one in rows:
        under[enactor(one["process"]), one["grant"]].append(one)
        if one["kind"] == KILL:
            deaths[life(one["process"])].append(one["start_ns"])
    for got in rows:
        if got["kind"] != ACQUIRE or got["outcome"] != DONE:
            continue
        own = under[enactor(got["process"]), got["attempt"]]
        one = {
            "lease": "cell" if got["endpoint"] == CELL_RESOURCE else got["endpoint"],
            "fence": got["fence"],
            "token": got["seen"],
            "life": life(got["process"]),
            "asked": got["start_ns"],
            "begin": got["end_ns"],
            "rows": own,
            "released": min([one["start_ns"] for one in own if one["kind"] == RELEASE], default=inf),
            "heard": min([one["end_ns"] for one in own if tells(one) and one["kind"] != COMMIT], default=inf),
            "refused": [one for one in own if tells(one) and one["kind"] == COMMIT],
            "died": min(deaths[life(got["process"])], default=inf),
        }
        told = min([one["heard"], *(late["end_ns"] for late in one["refused"])])
        one["end"] = min(one["released"], told, one["died"])
        given_back = [late["end_ns"] for late in own if late["kind"] == RELEASE and late["outcome"] == REFUSED]
        one["told"] = min([told, *given_back])
        one["killed"] = one["died"] < inf and one["end"] == one["died"]
        found.append(one)
    return found


def tells(one):
    """Whether a row tells its owner, other than at the release, that the lease is lost."""
    if one["outcome"] != REFUSED:
        return False
    on_lease = one["kind"] in (RENEW, VALIDATE)
    return on_lease or (one["kind"] in (COMMIT, CHECK) and one["reason"] in LOSS)


def double_holds(rows):
    """Holds that begin while another of the same lease goes on; a hold ends with what its owner learns or does."""
    held = holds(rows)
    return sum(doubled(one, held) for one in held)


def doubled(one, held):
    """Whether a hold began while another of the same lease went on."""
    return any(one["lease"] == other["lease"] and other["begin"] < one["begin"] < other["end"] for other in held)


def taken(one, held, numbered):
    """When another had the lease after `one`: numbered grants follow each other by number, others by time."""

    def order(hold):
        return (hold["fence"], hold["begin"]) if numbered else (hold["begin"],)

    later = [other for other in held if other["lease"] == one["lease"] and order(other) > order(one)]
    return min([other["begin"] for other in later], default=inf)


def numbers_tell(events, held):
    return all(one["fence"] > 0 for one in held) and not any(one["kind"] == "restart" for one in events)


def takeover(events, rows):
    """From the death of each owner until anybody has the lease; not if somebody had it before."""
    held = holds(rows)
    values = []
    for one in held:
        if one["killed"] and taken(one, held, numbers_tell(events, held)) > one["died"]:
            next_ones = [other["begin"] for other in held if other["lease"] == one["lease"]]
            values += [min([begin for begin in next_ones if begin > one["died"]], default=None)]
            values[-1] = None if values[-1] is None else values[-1] - one["died"]
    return known(values, 1e6)


def beside(events, rows):
    """What owners that ran did while another had their lease: how many commits they sent, and for how long."""
    held, sent, values = holds(rows), 0, []
    for one in held:
        since, over = taken(one, held, numbers_tell(events, held)), min(one["released"], one["told"])
        if since >= over or over == inf:
            continue
        sent += sum(row["kind"] == COMMIT and since <= row["start_ns"] < over for row in one["rows"])
        pauses = [row for row in rows if row["kind"] == PAUSE and life(row["process"]) == one["life"]]
        woke = [row["end_ns"] for row in pauses if row["start_ns"] <= since < row["end_ns"]]
        values.append(max(0, one["end"] - max([since, *woke])) / 1e6)
    return sent, values


def fairness(rows):
    """How the lock was shared until the last plan was published: two counts, and a value each of the rest."""
    until = max(
        [row["start_ns"] for row in rows if row["kind"] == PUBLISH],
        default=max([row["end_ns"] for row in rows], default=0),
    )
    asked = [row for row in rows if row["kind"] == ACQUIRE and enactor(row["process"]) and row["start_ns"] < until]
    ended = [row for row in asked if row["outcome"] in (DONE, NOTHING)]
    grants = {enactor(row["process"]): 0 for row in asked}
    for row in ended:
        grants[enactor(row["process"])] += row["outcome"] == DONE and row["end_ns"] <= until
    counts = {
        "starved": sum(count == 0 for count in grants.values()),
        "waits_in_vain": sum(row["outcome"] == NOTHING for row in ended),
    }
    if not ended:
        return counts, {}
    total, squares = sum(grants.values()), sum(count**2 for count in grants.values())
    lasted_s = (until - min(row["start_ns"] for row in asked)) / 1e9
    return counts, {
        "grants_per_s": [total / lasted_s],
        "jain_of_grants": [total**2 / (len(grants) * squares) if squares else 1.0],
        "longest_wait_ms": [max(row["end_ns"] - row["start_ns"] for row in ended) / 1e6],
    }


TOLD = ("leases_lost", "told_before", "told_at", "told_after", "never_told", "told_wrongly")


def losses(events, rows, ttl_ns):
    """When the owner of each lost lease was told, told by the words of the check's docstring."""
    counts = dict.fromkeys(TOLD, 0)
    held = holds(rows)
    restarted = any(one["kind"] == "restart" for one in events)
    for one in held:
        if one["killed"]:
            continue
        successor = taken(one, held, numbers_tell(events, held))
        renewed = [late for late in one["rows"] if late["kind"] == RENEW and late["outcome"] == DONE]
        expires = max([one["begin"], *(late["end_ns"] for late in renewed)]) + ttl_ns
        surely = max([one["asked"], *(late["start_ns"] for late in renewed)]) + ttl_ns
        told_of_loss = one["told"] < min(successor, surely) and not doubled(one, held) and not restarted
        asked = (RENEW, VALIDATE, RELEASE)
        told_of_health = any(
            late["kind"] in asked and late["outcome"] == DONE and late["start_ns"] >= successor for late in one["rows"]
        )
        counts["told_wrongly"] += told_of_loss or told_of_health
        if successor >= one["released"] and one["told"] == inf:
            continue
        counts["leases_lost"] += 1
        lost_at = min(successor, expires, one["told"])
        commits = [late for late in one["rows"] if late["kind"] == COMMIT]
        writes = [late for late in commits if late["start_ns"] >= lost_at or late in one["refused"]]
        first = min(writes, key=lambda late: late["start_ns"], default=None)
        if first is None:
            counts["told_before" if one["told"] < inf else "never_told"] += 1
        elif one["heard"] <= first["start_ns"]:
            counts["told_before"] += 1
        elif first in one["refused"]:
            counts["told_at"] += 1
        else:
            counts["told_after" if one["told"] < inf else "never_told"] += 1
    return counts


def freshness(events, endpoints):
    """For each plan and endpoint: from its publication to the first commit or repair to it or a newer one."""
    values, made = [], writes(events)
    for published, plan in enumerate(events):
        if plan["kind"] != "publish":
            continue
        for name in endpoints:
            reached = [at for at, _, where, _, version in made if where == name and version >= plan["version"]]
            if reached and reached[0] > published:
                values.append(elapsed(events, published, reached[0]))
    return known(values, 1e3)


def convergence(events, endpoints, settle_s):
    """Stuck, and the milliseconds from the last publication until every endpoint had come to stay.

    From the last restart that took anything back, where that came later.
    """
    gone = forgotten(events)
    published = [at for at, one in enumerate(events) if one["kind"] == "publish" and at not in gone]
    if not published:
        return 0, []
    last = events[published[-1]]["version"]
    came = {}
    for at, _, name, _, version in writes(events):
        if version < last:
            came.pop(name, None)
        else:
            came.setdefault(name, at)
    if set(came) != set(endpoints):
        return 1, []
    since = published[-1]
    for at, one in enumerate(events):
        if one["kind"] == "restart" and since < at and one["previous"] < at:
            since = at
    took = elapsed(events, since, max(since, *came.values()))
    return int(took is not None and took > settle_s * 1e6), known([took], 1e3)


def looking(rows):
    """Looks, wake-ups and ended applications, as enactors noted them with each application: two numbers in one."""
    noted = [one["seen"] for one in rows if one["kind"] == PLAN]
    return {
        "looks": sum(seen % 2**32 for seen in noted),
        "wake_ups": sum(seen // 2**32 for seen in noted),
        "ended_applications": len(noted),
    }


def writes_repeated(events):
    """How often an enactor sent a plan to an endpoint where it had put that plan already."""
    put, again = set(), 0
    for one in events:
        sent = one["kind"] in ("commit", "reject", "watch_conflict") and one["endpoint"] and one["enactor"]
        if sent and one["reason"] != "read_fence_too_low":
            place = (one["enactor"], one["endpoint"], one["version"])
            again += place in put
            if one["kind"] == "commit":
                put.add(place)
    return again


def resuming(events, rows, endpoints):
    """How many plans whose enactor died never came to all endpoints, and how long each took from that death (ms)."""
    deaths, under_way = [], {}
    for one in rows:
        process = life(one["process"])
        if one["kind"] in (PLAN, RESUME) or (one["kind"], one["outcome"]) == (DISCOVER, DONE):
            under_way[process] = {PLAN: None, RESUME: one["version"]}.get(one["kind"], one["seen"])
        if one["kind"] == KILL and enactor(one["process"]).startswith("enactor"):
            deaths.append((process, one["start_ns"]))
    # A renewer's rows do not stand among those of its enactor: what was under way is looked up at the end.
    deaths = [(died_ns, under_way[process]) for process, died_ns in deaths if under_way.get(process) is not None]
    offset_ns = offset(events, rows)
    if offset_ns is None or any(after["t_us"] < one["t_us"] for one, after in pairwise(events)):
        return 0, []
    took, never = [], 0
    for died_ns, version in deaths:
        died_us = (died_ns - offset_ns) // 1000
        at, end_us = dict.fromkeys(endpoints, 0), None
        for position, _, name, _, put in writes(events):
            now_us = events[position]["t_us"]
            if now_us > died_us and min(at.values()) >= version:
                break
            at[name] = put
            if now_us > died_us and min(at.values()) >= version:
                end_us = now_us
                break
        if end_us is None and min(at.values()) >= version:
            end_us = died_us
        never += end_us is None
        took.append(max(0, (events[-1]["t_us"] if end_us is None else end_us) - died_us) / 1e3)
    return never, took


def offset(events, rows):
    """What to add to the server's clock (ns) to have the journal's: the median over all acknowledged commits."""
    stamped = {(one["enactor"], one["attempt"]): one["t_us"] for one in events if one["kind"] == "commit"}
    calls = [one for one in rows if (one["kind"], one["outcome"]) == (COMMIT, DONE)]
    known_at = [(one, stamped.get((enactor(one["process"]), one["attempt"]))) for one in calls]
    found = [float((one["start_ns"] + one["end_ns"]) // 2 - t_us * 1000) for one, t_us in known_at if t_us is not None]
    return int(median(found)) if found else None
