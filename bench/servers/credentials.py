"""The password of a server, from where other users can't read it: the words of a command stand in the process list."""

import os
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from leasebench.mistakes import DefinitionError

PASSWORD_VARIABLE = "LEASEBENCH_SERVER_PASSWORD"  # noqa: S105  (its name)
MOST_BYTES = 4096


def with_password(server: str, file: Path | None) -> str:
    """Put the password of `file`, else that of PASSWORD_VARIABLE, into the URL of a server.

    A server of our own has none. Raises DefinitionError where a file is given and can't be used.
    """
    if "://" not in server:
        if file is not None:
            raise DefinitionError(f"--password-file is for a server that runs already, not for {server}")
        return server
    password = os.environ.get(PASSWORD_VARIABLE) if file is None else _read(file)
    if not password:
        return server
    parts = urlsplit(server)
    if parts.password is not None:
        raise DefinitionError("the server's URL holds a password, and another one is given: leave one of them out")
    user, at, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user if at else ''}:{quote(password, safe='')}@{host}").geturl()


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(MOST_BYTES).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{file}: no password can be read: {error}") from error
    if not text or "\n" in text:
        raise DefinitionError(f"{file}: holds no password: one line is expected")
    return text


def without_password(text: str) -> str:
    """Hide what stands before the @ of a URL, and what its query says."""
    hidden = re.sub(r"://[^\s/]*@", "://***@", text)
    return re.sub(r"([?&]\w*(?:password|username)=)[^&\s:]*", r"\1***", hidden)
