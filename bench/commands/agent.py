"""`leasebench agent`."""


def agent() -> None:
    """Be one host's share of a run: started by `leasebench run --hosts`, never by hand."""
    from leasebench.bench.hosts.forkserver import running_forkserver

    # The forkserver imports what its children need while the agent imports what it needs itself: the first trial finds
    # it there, and need not wait until every host has imported it.
    running_forkserver()
    from leasebench.bench.agents.start import be_agent

    be_agent()
