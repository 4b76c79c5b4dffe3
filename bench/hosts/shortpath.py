"""Where unix sockets can stand: their whole path has to fit into 104 to 108 bytes, whatever TMPDIR is."""

import os
import tempfile

LONGEST_SOCKET_PATH = 100
ROOM = 40
"""For what stands below the temporary directory: a private directory, a unit's folder, a socket."""
FALLBACK = "/tmp"  # noqa: S108


def temporary_directory() -> str:
    """The directory for temporary files, or FALLBACK where that one's name is too long."""
    default = tempfile.gettempdir()
    return default if len(os.fsencode(default)) + ROOM < LONGEST_SOCKET_PATH else FALLBACK
