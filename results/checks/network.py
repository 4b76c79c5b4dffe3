"""The network of launched instances: how long its configuration took, and how many waited for it."""

import numpy as np

from leasebench.results.checks import Check, Findings
from leasebench.results.evidence.trial import Trial
from leasebench.results.record.metric import Better, Form, Metric, Shown


def network(trial: Trial) -> Findings:
    """Follow each instance from its launch to its configuration, by the data store's own history.

    `network_backlog` has one value a launch: how many instances then waited, this one included. Launches that come at
    random so see the backlog as it is over time (Wolff, "Poisson Arrivals See Time Averages", 1982).
    `network_unconfigured` were never configured within the trial. Where the server's clock stepped back in between, or
    the store forgot the launch at a restart, there is no time.
    """
    data = trial.data
    if data is None or not any(process.kind == "network" for process in trial.processes):
        return Findings()
    steps = data[data["kind"].isin(("launch", "configure")).to_numpy()]
    waiting: dict[int, tuple[int, int]] = {}
    took_us, backlog = [], []
    epochs = np.cumsum(np.diff(data["t_us"].to_numpy(), prepend=0) < 0)[steps.index.to_numpy()]
    for kind, instance, t_us, epoch in zip(
        steps["kind"], steps["version"].tolist(), steps["t_us"].tolist(), epochs.tolist(), strict=True
    ):
        if kind == "launch":
            waiting[instance] = (t_us, epoch)
            backlog.append(len(waiting))
            continue
        launched_us, then = waiting.pop(instance, (0, -1))
        if then == epoch:
            took_us.append(t_us - launched_us)
    return Findings(
        {"network_unconfigured": len(waiting)},
        {
            "propagation_ms": np.array(took_us, dtype=np.float64) / 1e3,
            "network_backlog": np.array(backlog, dtype=np.float64),
        },
    )


METRICS = (
    Metric(
        "propagation_ms",
        Form.SPREAD,
        "from an instance's launch until its network is configured",
        unit="ms",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2200,
        heading="network\np50 ms",
        spare=3,
    ),
    Metric(
        "network_backlog",
        Form.SPREAD,
        "instances that wait for their network, whenever one is launched",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2201,
        heading="network\nbacklog",
        spare=4,
    ),
    Metric(
        "network_unconfigured",
        Form.COUNT,
        "instances that had no network at the end of the trial",
        better=Better.LESS,
        shown=Shown.BESIDE,
        place=2202,
        heading="without\nnetwork",
        spare=4,
        words="instances left without a network",
    ),
)
PLUGIN = Check("network", "how long the network of launched instances took to be configured", network, METRICS)
