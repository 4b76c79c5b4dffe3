"""Cuts this host off from others by its packet filter (`nft`), in the network namespace of this process.

All that it makes is one table of its own name. What is cut off stands in the table's sets with a time-out: the kernel
itself ends the cut when that is over, whoever is gone by then. The table is removed by whoever made it, or, where that
was killed, by its reaper.
"""

import ipaddress
import re
import shutil
import subprocess
from collections.abc import Collection
from functools import cache

from leasebench.bench.hosts.reaper import FILTER_TABLE, reaper

NFT_WITHIN_S = 10.0
CHECKED_TABLE = "leasebench_check"
"""Whoever lists the tables while the kernel checks one sees it: under the name of a cut it would be taken for one."""
PACKETS = re.compile(r"packets (\d+)")
ServerAddress = tuple[str, int]


@cache
def why_no_filter() -> str | None:
    """Return why this process may not use the packet filter; None if it may. The kernel checks, and changes nothing."""
    if shutil.which("nft") is None:
        return "nft is not installed: apt-get install nftables (Debian, Ubuntu)"
    try:
        _nft(_table([("192.0.2.1", 9)], [], 1, CHECKED_TABLE), "--check")
    except OSError as error:
        return f"nft can't be used: {error}"
    return None


class PacketFilter:
    """A cut that is in force, from its making on, for `for_ms` at most.

    Nothing passes to and from the `servers`, each an address and a TCP port, nor to and from these `machines`, whatever
    the port; connections that are established stand still. Raises OSError.
    """

    def __init__(self, servers: Collection[ServerAddress], machines: Collection[str], for_ms: float) -> None:
        reaper().watch_filter()
        _nft(_table(servers, machines, max(round(for_ms), 1)))

    def remove(self) -> int:
        """Let all pass again. Returns how many packets were held back. Raises OSError."""
        told = _nft(f"list table inet {FILTER_TABLE}\n")
        _nft(_removal())
        reaper().forget_filter()
        return sum(map(int, PACKETS.findall(told)))


def _table(
    servers: Collection[ServerAddress], machines: Collection[str], for_ms: int, name_of_table: str = FILTER_TABLE
) -> str:
    """The table, in the language of nft: first the one of before goes, should there be one."""
    sets, outgoing, incoming = [], [], []
    for name, family, word in (("4", 4, "ip"), ("6", 6, "ip6")):
        ports = [f"{host} . {port}" for host, port in servers if ipaddress.ip_address(host).version == family]
        hosts = [host for host in machines if ipaddress.ip_address(host).version == family]
        for kind, elements, key, there, here in (
            (
                "server",
                ports,
                f"ipv{family}_addr . inet_service",
                f"{word} daddr . tcp dport",
                f"{word} saddr . tcp sport",
            ),
            ("machine", hosts, f"ipv{family}_addr", f"{word} daddr", f"{word} saddr"),
        ):
            if elements:
                timed = ", ".join(f"{element} timeout {for_ms}ms" for element in dict.fromkeys(elements))
                sets.append(f"set {kind}{name} {{ type {key}; flags timeout; elements = {{ {timed} }}; }}")
                outgoing.append(f"{there} @{kind}{name} counter drop")
                incoming.append(f"{here} @{kind}{name} counter drop")
    chains = (
        f"chain {hook} {{ type filter hook {hook} priority -10; {'; '.join(rules)}; }}"
        for hook, rules in (("output", outgoing), ("input", incoming))
    )
    return _removal(name_of_table) + f"table inet {name_of_table} {{\n" + "\n".join([*sets, *chains]) + "\n}\n"


def _removal(table: str = FILTER_TABLE) -> str:
    """It is added first, so that it is there to be removed."""
    return f"table inet {table}\ndelete table inet {table}\n"


def _nft(script: str, *options: str) -> str:
    """Carry out a script, whole or not at all. Raises OSError."""
    try:
        done = subprocess.run(
            ["nft", *options, "-f", "-"], input=script, capture_output=True, text=True, timeout=NFT_WITHIN_S, check=True
        )
    except subprocess.SubprocessError as error:
        said = str(getattr(error, "stderr", "") or error).strip()
        raise OSError(said.splitlines()[0] if said else "nft failed") from error
    return done.stdout
