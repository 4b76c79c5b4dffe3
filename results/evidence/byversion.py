"""A number for each of some plan versions: an array as long as the largest version would believe a damaged file."""

import numpy as np

from leasebench.results.evidence.events import Ints


class ByVersion:
    """Look up `values` by `versions`; of several with one version the last counts. `otherwise` for all the others."""

    def __init__(self, versions: Ints, values: Ints, otherwise: int) -> None:
        order = np.argsort(versions, kind="stable")
        ascending = versions[order]
        last = np.append(ascending[1:] != ascending[:-1], len(ascending) > 0)[: len(ascending)]
        self._versions, self._values = ascending[last], values[order][last]
        self._otherwise = otherwise

    def __len__(self) -> int:
        return len(self._versions)

    @property
    def highest(self) -> int:
        """The largest version that has a value; -1 if none has."""
        return int(self._versions[-1]) if len(self) else -1

    def __getitem__(self, versions: Ints) -> Ints:
        """The value of each of `versions`."""
        if not len(self):
            return np.full(len(versions), self._otherwise)
        place = np.minimum(np.searchsorted(self._versions, versions), len(self) - 1)
        found: Ints = np.where(self._versions[place] == versions, self._values[place], self._otherwise)
        return found
