"""What Dask runs on a worker: it starts the agent of this host, and ends with it.

Standard library only, but for `AgentCall`: a worker whose leasebench is another one can still say so.
"""

import subprocess
import sys
import tempfile

LAST_BYTES = 2_000


def be_host(call: str) -> str:
    """Start an agent, hand it its call, and wait for its end. Returns how it ended, with its last words.

    The pipe's only writer is this process: where it is killed, the agent sees the end of its input.
    """
    with tempfile.TemporaryFile() as words:
        agent = subprocess.Popen(
            [sys.executable, "-m", "leasebench", "agent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=words,
            start_new_session=True,
        )
        assert agent.stdin is not None
        agent.stdin.write(call.encode())
        agent.stdin.flush()
        code = agent.wait()
        words.seek(max(0, words.tell() - LAST_BYTES))
        last = words.read().decode(errors="replace").strip().splitlines()[-1:]
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"its agent {how}{f': {last[0]}' if last else ''}"
