"""A server that runs already: we touch our own prefix there, never flush it and never stop it."""

import logging
from types import TracebackType
from typing import Self

from leasebench.bench.servers.server import examine, must_allow
from leasebench.results.record.endings import ProcessEnding

logger = logging.getLogger(__name__)


class ExternalServer:
    """The server at `url`."""

    kind = "external"
    pid = None

    def __init__(self, url: str) -> None:
        self.url = url

    def __enter__(self) -> Self:
        must_allow(self.url)
        self.revive()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def take_endings(self) -> list[ProcessEnding]:
        """Nothing is known of its processes."""
        return []

    def revive(self) -> None:
        """Look whether it answers; it is not ours to start."""
        facts = examine(self.url)
        logger.info("server %s answers: %s %s", self.url, facts.name, facts.version)
