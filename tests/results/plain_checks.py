"""What the checks count, a second time: slow loops over the events, written from the words of DESIGN section 1."""

from collections import defaultdict
from math import inf

from enactors.operations import Reason
from results.journal import CELL_RESOURCE, REASON_NUMBERS, Kind, Outcome

LOSS = {REASON_NUMBERS[Reason.NOT_OWNER], REASON_NUMBERS[Reason.FENCE_TOO_LOW]}


def elapsed(events, begin, end):
    """Microseconds between two events by their positions; None where the clock stepped back in between."""
    for earlier, later in zip(events[begin:end], events[begin + 1 : end + 1], strict=True):
        if later["t_us"] < earlier["t_us"]:
            return None
    return events[end]["t_us"] - events[begin]["t_us"]


def known(values, per=1):
    return [value / per for value in values if value is not None]


def overwrites(events):
    """An endpoint is behind from the commit that fell below its highest version until that is reached again."""
    highest, last_commit, behind_since = defaultdict(int), {}, {}
    stale = below_peak = 0
    depth, lag, spells, first = [], [], [], []
    for at, one in enumerate(events):
        if one["kind"] != "commit":
            continue
        name, version, present = one["endpoint"], one["version"], one["previous"]
        if version < present:
            stale += 1
            depth.append(present - version)
            lag.append(elapsed(events, last_commit[name], at))
            first = first or [elapsed(events, 0, at)]
        elif version < highest[name]:
            below_peak += 1
        if version < highest[name]:
            behind_since.setdefault(name, at)
        elif name in behind_since:
            spells.append(elapsed(events, behind_since.pop(name), at))
        highest[name] = max(highest[name], version)
        last_commit[name] = at
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


def races(events, rows):
    """Every try at an endpoint by one application; the worst outcome of each is what it counts as."""
    commits = [one for one in events if one["kind"] == "commit"]
    refusals = [
        one
        for one in events
        if one["kind"] in ("reject", "watch_conflict") and one["endpoint"] and one["reason"] != "read_fence_too_low"
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
        if one["kind"] == Kind.WITHDRAW:
            seen[one["process"], one["version"], f"e{one['endpoint']}"].add("withdrawn")
    worst = {
        place: next(what for what in ("stale", "blocked", "withdrawn") if what in outcomes)
        for place, outcomes in seen.items()
    }

    def applications(*whats):
        return len({(enactor, plan) for (enactor, plan, _), what in worst.items() if what in whats})

    blocked = sum(what == "blocked" for what in worst.values())
    withdrawn = sum(what == "withdrawn" for what in worst.values())
    unanswered = (Outcome.UNKNOWN, Outcome.PENDING)
    return {
        "attempts": len(commits) + len(refusals),
        "unknown": sum(one["kind"] == Kind.COMMIT and one["outcome"] in unanswered for one in rows),
        "commits": len(commits),
        "applications": sum(one["kind"] == Kind.PLAN for one in rows),
        "races": stale + blocked + withdrawn,
        "raced_applications": applications("stale", "blocked", "withdrawn"),
        "leaky_applications": applications("stale"),
        "exposures": stale + blocked,
        "exposed_applications": applications("stale", "blocked"),
        "blocked": blocked,
        "withdrawn": withdrawn,
        "refused_fresh": refused_fresh,
    }


def dangling(events):
    """Follow where every endpoint points; it becomes empty when what it points at is not there any more."""
    points, gone, empty = {}, set(), set()
    times, want_of_rollback = 0, {}
    for one in events:
        if one["kind"] == "commit":
            points[one["endpoint"]] = one["version"]
            want_of_rollback.pop(one["endpoint"], None)
        elif one["kind"] == "delete":
            gone.add(one["version"])
        elif one["kind"] == "reject" and one["reason"] == "no_rollback_plan":
            want_of_rollback[one["endpoint"]] = True
        now_empty = {name for name, version in points.items() if version in gone}
        times += len(now_empty - empty)
        empty = now_empty
    return {"dangling": times, "wedged": int(bool(want_of_rollback))}


def exclusion_violations(events):
    """Grants that were given while another of the same lease was neither released nor expired."""
    standing = defaultdict(dict)
    violations = 0
    for one in events:
        grants = standing[one["lease"]]
        if one["kind"] == "grant":
            for token, expires in list(grants.items()):
                if expires <= one["t_us"]:
                    del grants[token]
            violations += bool(grants)
        if one["kind"] in ("grant", "renew"):
            grants[one["token"]] = one["expires_us"]
        elif one["kind"] in ("release", "expire"):
            grants.pop(one["token"], None)
    return violations


def double_holds(rows):
    """Holds that begin while another of the same lease goes on; a hold ends with what its owner learns or does."""
    holds = []
    for got in rows:
        if got["kind"] != Kind.ACQUIRE or got["outcome"] != Outcome.DONE:
            continue
        over = inf
        for one in rows:
            if one["process"].removesuffix("-renewer") != got["process"] or one["grant"] != got["attempt"]:
                continue
            refused = one["outcome"] == Outcome.REFUSED
            if one["kind"] == Kind.RELEASE:
                over = min(over, one["start_ns"])
            elif refused and (
                one["kind"] in (Kind.RENEW, Kind.VALIDATE)
                or (one["kind"] in (Kind.COMMIT, Kind.CHECK) and one["reason"] in LOSS)
            ):
                over = min(over, one["end_ns"])
        lease = "cell" if got["endpoint"] == CELL_RESOURCE else got["endpoint"]
        holds.append((lease, got["end_ns"], over))
    return sum(
        any(lease == other and earlier < begin < over for other, earlier, over in holds) for lease, begin, _ in holds
    )


def freshness(events, endpoints):
    """For each plan and endpoint: from its publication to the first commit of it or a newer one."""
    values = []
    for published, plan in enumerate(events):
        if plan["kind"] != "publish":
            continue
        for name in endpoints:
            for at, one in enumerate(events):
                if one["kind"] == "commit" and one["endpoint"] == name and one["version"] >= plan["version"]:
                    values.append(elapsed(events, published, at))
                    break
    return known(values, 1e3)


def convergence(events, endpoints, settle_s):
    """Stuck, and the milliseconds from the last publication until every endpoint had come to stay."""
    published = [at for at, one in enumerate(events) if one["kind"] == "publish"]
    if not published:
        return 0, []
    last = events[published[-1]]["version"]
    came = {}
    for at, one in enumerate(events):
        if one["kind"] == "commit":
            if one["version"] != last:
                came.pop(one["endpoint"], None)
            else:
                came.setdefault(one["endpoint"], at)
    if set(came) != set(endpoints):
        return 1, []
    took = elapsed(events, published[-1], max(came.values()))
    return int(took is not None and took > settle_s * 1e6), known([took], 1e3)
