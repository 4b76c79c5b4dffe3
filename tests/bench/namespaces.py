"""Hosts for tests: network namespaces on one bridge, which commands run in, and which can be cut off from each other.

Nothing of it touches the network of the machine: the bridge stands in a namespace of its own, too. All names carry the
number of the process that made them. A small process that waits for the end of that one removes them; should it be
killed as well, whoever makes a network next removes what processes that are gone have left.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from functools import cache
from itertools import count
from pathlib import Path

HERE = Path(__file__)
PLACE = Path("/run/netns")
NAME = re.compile(r"lbtest-(?P<pid>\d+)-\d+-\w+")
SUBNET = "10.77.0."
TABLE = "lbtest_cut"
GONE_WITHIN_S = 10.0
TOOLS = {"ip": "iproute2", "nft": "nftables", "unshare": "util-linux", "setpriv": "util-linux"}
"""What it needs, and the package of each."""
numbers = count(1)


@cache
def why_none():
    """Why this machine makes no such hosts; None if it does."""
    for tool, package in (
        ("ip", "iproute2"),
        ("nft", "nftables"),
        ("unshare", "util-linux"),
        ("setpriv", "util-linux"),
    ):
        if shutil.which(tool) is None:
            return f"no network namespaces: {tool} is not installed (apt-get install {package})"
    try:
        with Network("probe") as (probe,):
            probe.cut_off()
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip()
        return f"no network namespaces: {said.splitlines()[0] if said else error}"
    return None


def command(*words, text=None):
    return subprocess.run(words, input=text, capture_output=True, text=True, check=True, timeout=30).stdout


class Host:
    """One namespace, with an address on the bridge."""

    def __init__(self, namespace, name, number, wire):
        self.namespace, self.name, self.address = namespace, name, f"{SUBNET}{number}"
        self.processes = []
        command("ip", "netns", "add", namespace)
        port = f"port{number}"
        command("ip", "-n", wire, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        command("ip", "-n", wire, "link", "set", port, "master", "bridge", "up")
        command("ip", "-n", namespace, "addr", "add", f"{self.address}/24", "dev", "eth0")
        for link in ("lo", "eth0"):
            command("ip", "-n", namespace, "link", "set", link, "up")

    def words(self, *words, ahead_s=None, apart=False):
        """The command that runs these words here.

        `ahead_s`: by another monotonic clock, so far ahead; `apart`: with process numbers of its own, as a machine has.
        """
        clock = () if ahead_s is None else ("unshare", "-T", "--monotonic", str(ahead_s))
        numbers = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc") if apart else ()
        return ["ip", "netns", "exec", self.namespace, *clock, *numbers, *words]

    def run(self, *words, ahead_s=None, **more):
        """Run to the end; the result has what it wrote."""
        more = {"capture_output": True, "text": True, "timeout": 120} | more
        return subprocess.run(self.words(*words, ahead_s=ahead_s), check=False, **more)

    def start(self, *words, ahead_s=None, apart=False, **more):
        """Start a process; it is killed with the host, if it has not ended by then."""
        # One that has not entered its namespace yet when its maker is killed is found by nobody: it goes with it.
        tied = ["setpriv", "--pdeathsig", "KILL", *self.words(*words, ahead_s=ahead_s, apart=apart)]
        started = subprocess.Popen(tied, **more)
        self.processes.append(started)
        return started

    def cut_off(self, *others):
        """From now on nothing passes between this host and the others (none named: anyone), in either direction."""
        there = ", ".join(other.address for other in others) or f"{SUBNET}0/24"
        rules = "".join(
            f"chain {hook} {{ type filter hook {hook} priority 0; ip {side} {{ {there} }} drop; }}\n"
            for hook, side in (("input", "saddr"), ("output", "daddr"))
        )
        # Its own address is among those of the subnet, and what it says to itself goes by the interface lo.
        rules = rules.replace("priority 0;", "priority 0; iif lo accept; oif lo accept;")
        self.mend()
        command("ip", "netns", "exec", self.namespace, "nft", "-f", "-", text=f"table inet {TABLE} {{\n{rules}}}\n")

    def mend(self):
        """All passes again."""
        gone = f"table inet {TABLE}\ndelete table inet {TABLE}\n"
        command("ip", "netns", "exec", self.namespace, "nft", "-f", "-", text=gone)


class Network:
    """Hosts of these names. A context, which yields them; at its end no process of them lives."""

    def __init__(self, *names):
        self._names = names
        self._stack = ExitStack()

    def __enter__(self):
        remove_leftovers()
        stem = f"lbtest-{os.getpid()}-{next(numbers)}"
        wire = f"{stem}-wire"
        namespaces = [*(f"{stem}-{name}" for name in self._names), wire]
        try:
            # It gets the names before there is anything: a kill at any moment leaves none.
            end = subprocess.Popen(
                [sys.executable, "-S", str(HERE), *namespaces], stdin=subprocess.PIPE, start_new_session=True
            )
            self._stack.callback(finish, end, namespaces)
            command("ip", "netns", "add", wire)
            command("ip", "-n", wire, "link", "add", "bridge", "type", "bridge")
            command("ip", "-n", wire, "link", "set", "bridge", "up")
            hosts = []
            for number, (name, namespace) in enumerate(zip(self._names, namespaces, strict=False), 1):
                hosts.append(Host(namespace, name, number, wire))
                self._stack.callback(collect, hosts[-1])
        except BaseException:
            self._stack.close()
            raise
        return hosts

    def __exit__(self, *_):
        self._stack.close()


def collect(host):
    """Kill what runs on a host, and wait for what we started."""
    kill_all(host.namespace)
    for process in host.processes:
        process.wait(GONE_WITHIN_S)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


def finish(end, namespaces):
    remove(namespaces)
    end.stdin.close()
    end.wait(GONE_WITHIN_S)


def pids(namespace):
    """The processes on a host."""
    found = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def kill_all(namespace):
    """End every process in a namespace, also those that are started meanwhile."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while (living := [pid for pid in pids(namespace) if not is_over(pid)]) and time.monotonic() < deadline:
        for pid in living:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def is_over(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def remove(namespaces):
    """Remove these, with all that runs in them. Devices go with their namespace."""
    for namespace in namespaces:
        if (PLACE / namespace).exists():
            kill_all(namespace)
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)


def remove_leftovers():
    """Remove what processes that are gone have left."""
    found = [(one.name, NAME.fullmatch(one.name)) for one in (PLACE.iterdir() if PLACE.exists() else ())]
    remove([name for name, match in found if match and not Path("/proc", match["pid"]).exists()])


if __name__ == "__main__":  # the process that removes them once their maker is gone
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    remove(sys.argv[1:])
