"""A metric: a value that a check finds in a trial. It describes itself, once and for everyone who uses it.

`summary.json` and its JSON Schema, the tables of the terminal and of the report, gates, comparisons, the verdict and
exports all take the metrics from `metrics()`. None of them has a list of names: a metric of another package stands in
all of them as soon as the package is installed.
"""

from dataclasses import dataclass
from enum import Enum, Flag, StrEnum, auto
from functools import cache

from leasebench.registry import plugins
from leasebench.verdict import Verdict


class Form(Enum):
    """What a metric is, and so how it adds up over the trials of a cell."""

    COUNT = auto()
    """A whole number; the counts of trials are summed."""
    SPREAD = auto()
    """Samples; those of all trials are pooled, and told as `p50`, `p99`, `max` and `n`."""
    MEAN = auto()
    """Samples, one a trial; told as their mean, and as `<name>_ci` Student's 95 % interval over the trials: null where
    there are fewer than two, or all are equal."""
    CLUSTERS = auto()
    """How events hang together (`results.statistics.clustered`); the tables of trials are joined."""
    RATE = auto()
    """One count divided by another, each summed before (`Ratio`)."""


class Better(StrEnum):
    """Whether more or less of a metric is better."""

    LESS = "less"
    MORE = "more"


class Shown(Flag):
    """The tables that have a column for a metric."""

    NOWHERE = 0
    RUN = auto()
    """The terminal's table of a scenario."""
    BESIDE = auto()
    """The terminal's second table, of endpoints and leases; a column in which nothing was seen is left out."""
    REPORT = auto()


@dataclass(frozen=True, slots=True)
class Ratio:
    """How a rate is made: `scale * part / whole`, both names of counts, rounded to `digits`.

    `clusters` names the metric that says how the events of `whole` hang together: then `<rate>_ci` is published, gates
    take the rate and runs are compared by it. `bound_by` names the count of independent trials behind a rate of zero:
    then `<rate>_bound` is published. Between two runs it is compared how many clusters were affected: by the counts
    `affected` and `units` where they are given, else by the table of `clusters`. Rates within `tolerance` are equal.
    """

    part: str
    whole: str
    scale: float = 1.0
    digits: int = 6
    clusters: str = ""
    bound_by: str = ""
    affected: str = ""
    units: str = ""
    tolerance: float = 0.05


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, under the `name` that it has in `summary.json`. `about` describes it in a sentence.

    What it is: `unit` and `better` (None: neither way), `ratio` (of a rate), `may_be_unknown` (a trial may be unable to
    count it: null). `two_clocks`: it compares instants of two processes; where the clocks of their hosts can't tell, a
    count is null and a sample left out. `verdict` is the one that a count above zero gives; the worst of all counts.
    `in_trial`: a trial's own row has the smallest sample of this spread. `first_s` of a count names the spread that
    has the seconds until it first rose.

    How tables have it: the columns stand in the order of `place`, at first ours. `heading` may have two lines; empty,
    it is made from the name. `digits` come after the point. Where a screen is too narrow, the columns with the highest
    `spare` are left out first. `own_scenario`: it is seen in every run, and worth a table only beside something else,
    or under a scenario with one of these words in its name; not `elsewhere`: worth a column only there. `words` follow
    the count in a sentence: "3 times empty".
    """

    name: str
    form: Form
    about: str
    unit: str = ""
    better: Better | None = None
    ratio: Ratio | None = None
    may_be_unknown: bool = False
    two_clocks: bool = False
    verdict: Verdict | None = None
    in_trial: bool = False
    shown: Shown = Shown.BESIDE | Shown.REPORT
    place: int = 1000
    heading: str = ""
    digits: int = 0
    spare: int = 0
    own_scenario: str = ""
    elsewhere: bool = True
    words: str = ""
    first_s: str = ""

    def __post_init__(self) -> None:
        if (self.form is Form.RATE) != (self.ratio is not None):
            raise ValueError(f"metric {self.name}: a rate, and nothing else, has a ratio")
        if self.verdict is not None and self.form is not Form.COUNT:
            raise ValueError(f"metric {self.name}: only a count gives a verdict")

    def is_at_home(self, scenario: str) -> bool:
        """Whether a table of this scenario is about it; of one without a scenario of its own every table is."""
        return not self.own_scenario or any(word in scenario for word in self.own_scenario.split())

    @property
    def published(self) -> tuple[str, ...]:
        """The keys under which a cell of `summary.json` has it."""
        if self.form is Form.MEAN:
            return self.name, f"{self.name}_ci"
        if self.ratio is None:
            return (self.name,)
        interval = (f"{self.name}_ci",) if self.ratio.clusters else ()
        bound = (f"{self.name}_bound",) if self.ratio.bound_by else ()
        return self.name, *interval, *bound

    @property
    def title(self) -> str:
        """The heading of its column."""
        if self.heading:
            return self.heading
        bare = self.name.removesuffix(f"_{self.unit}") if self.unit else self.name
        words = bare.replace("_", " ")
        return f"{words}\np50 {self.unit}".rstrip() if self.form is Form.SPREAD else words


@cache
def metrics(*forms: Form) -> tuple[Metric, ...]:
    """All metrics of all checks by their place; with `forms`, those alone. Raises ValueError if two share a name."""
    if forms:
        return tuple(one for one in metrics() if one.form in forms)
    owners: dict[str, str] = {}
    every: list[Metric] = []
    for check in plugins("results.checks").values():
        for one in check.metrics:
            for name in one.published:
                if name in owners:
                    raise ValueError(f"the checks {owners[name]} and {check.name} both export {name!r}: rename one")
                owners[name] = check.name
            every.append(one)
    return tuple(sorted(every, key=lambda one: one.place))
