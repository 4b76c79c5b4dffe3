"""The capacity behind a load balancer over time, from the history of its data store."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from leasebench.results.evidence.events import Ints

STEPS = ("join", "configure", "remove", "restore")
"""The events that change it."""


@dataclass(frozen=True)
class CapacityOverTime:
    """What there was from each instant (`t_us`, as in the history) to the next: numbers of targets.

    `healthy` ones have their network configured; `serving` ones are healthy and in service. A target that is in
    service and not healthy serves nobody.
    """

    t_us: Ints
    targets: Ints
    in_service: Ints
    healthy: Ints
    serving: Ints

    @property
    def share_in_service(self) -> npt.NDArray[np.float64]:
        """The share of all targets that is in service, at each instant."""
        return self.in_service / np.maximum(self.targets, 1)

    def lost_s(self, until_us: int) -> float:
        """Target-seconds of healthy capacity that was out of service, from the first instant until `until_us`.

        Where the server's clock stepped back no time passed.
        """
        if not len(self.t_us):
            return 0.0
        took_us = np.maximum(np.diff(self.t_us, append=until_us), 0)
        return float((self.healthy - self.serving) @ took_us) / 1e6


def capacity_in_service(data: pd.DataFrame) -> CapacityOverTime:
    """Follow every target of a load balancer through a data store's history (`Trial.data`): one value an event.

    An instance counts from the event with which it joins.
    """
    steps = data[data["kind"].isin(STEPS).to_numpy()]
    configured: set[int] = set()
    in_service: dict[int, bool] = {}
    totals = np.zeros((len(steps), 4), dtype=np.int64)
    targets = serving = out_of_service = healthy = 0
    kept = np.zeros(len(steps), dtype=bool)
    columns = (steps["kind"], steps["version"].tolist(), steps["active_endpoints"].tolist())
    for place, (kind, number, active) in enumerate(zip(*columns, strict=True)):
        was_healthy, before = number in configured, in_service.get(number)
        if kind == "configure" or (kind == "join" and active == 1):
            configured.add(number)
        if kind == "join":
            in_service[number] = True
        elif kind != "configure" and before is not None:
            in_service[number] = kind == "restore"
        now = in_service.get(number)
        if now is None:
            continue  # an instance that has not joined, or never does
        is_healthy = number in configured
        targets += before is None
        out_of_service += (not now) - (before is False)
        healthy += is_healthy - (was_healthy and before is not None)
        serving += (is_healthy and now) - (was_healthy and before is True)
        totals[place] = targets, targets - out_of_service, healthy, serving
        kept[place] = True
    columns_of = totals[kept].T
    return CapacityOverTime(steps["t_us"].to_numpy()[kept], *columns_of)
