"""The first incident of a cell, recounted: when, where and of what kind each turn of its story is; not its words."""

from collections import defaultdict

import plain_checks as plain


def story(store, endpoints):
    """When, where and what kind each turn of the first incident is."""
    made = defaultdict(list)
    for at, kind, name, before, version in plain.writes(store):
        made[name].append((at, kind, before, version))
    forgotten = plain.forgotten(store)
    deleted = {}
    for at, one in enumerate(store):
        if one["kind"] == "delete" and at not in forgotten:
            deleted[one["version"]] = at
    empty, stale = [], []
    for number, name in enumerate(endpoints):
        for place, (at, kind, before, version) in enumerate(made[name]):
            until = made[name][place + 1][0] if place + 1 < len(made[name]) else len(store)
            if deleted.get(version, len(store)) < until:
                empty.append((max(deleted[version], at), number, name, place))
            if kind == "commit" and version < before:
                stale.append((at, number, name, place))
    if not empty and not stale:
        return []
    begin, _, name, harm = min(empty or stale)
    writes = made[name]
    turns = origin(writes, harm, deleted if empty else {})
    turns += outcome(store, writes, name, harm, begin, deleted if empty else None)
    told = []
    for at, kind in sorted(turns, key=lambda turn: turn[0]):
        took = plain.elapsed(store, 0, at)
        told.append({"t_s": None if took is None else took / 1e6, "endpoint": name, "kind": kind})
    return told


def origin(writes, harm, deleted):
    """The last step back until the harm, what was harmful if that was no step back, and the deletion."""
    turns = []
    back = [place for place, (_, _, before, version) in enumerate(writes[: harm + 1]) if version < before]
    if back:
        newer = back[-1] - 1
        while newer and writes[newer - 1][3] == writes[newer][3]:
            newer -= 1
        turns += [(writes[newer][0], "newer"), (writes[back[-1]][0], "stale")]
    if harm not in back:
        turns.append((writes[harm][0], "written"))
    if writes[harm][3] in deleted:
        turns.append((deleted[writes[harm][3]], "deleted"))
    return turns


def outcome(store, writes, name, harm, begin, deleted):
    """The first refusal for want of a plan to roll back to, what mended it, and the first commit after a repair."""
    good = []
    for place, (at, _, _, version) in enumerate(writes[harm + 1 :], harm + 1):
        there = version >= writes[harm][2] if deleted is None else deleted.get(version, len(store)) > at
        good += [place] if there else []
    until = writes[good[0]][0] if good else len(store)
    refused = [
        at
        for at, one in enumerate(store[begin:until], begin)
        if one["endpoint"] == name and one["reason"] == "no_rollback_plan"
    ]
    turns = [(at, "refused") for at in refused[:1]]
    if not good:
        return [*turns, (len(store) - 1, "end")]
    repaired = writes[good[0]][1] == "repair"
    turns.append((until, "repaired" if repaired else "committed"))
    if repaired and good[0] + 1 < len(writes):
        turns.append((writes[good[0] + 1][0], "committed"))
    return turns
