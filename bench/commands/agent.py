"""`leasebench agent`."""


def agent() -> None:
    """Be one host's share of a run: started by `leasebench run --hosts`, never by hand."""
    from leasebench.bench.agents.start import be_agent

    be_agent()
