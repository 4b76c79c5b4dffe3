"""A program kind that launches instances on no host at all: what the network and the load balancer are fed with."""

LAUNCHER = '''
from dataclasses import dataclass
from typing import ClassVar

from leasebench.enactors.arrivals import Arrivals
from leasebench.enactors.kind import Ends, NoObserver
from leasebench.enactors.operations import AwaitDue
from leasebench.enactors.procedure import StoredProcedure


class Settings(Arrivals):
    count: int = 1
    most: int = 1_000


@dataclass(frozen=True, slots=True)
class Start(StoredProcedure):
    step: ClassVar[str] = "start"
    lua: ClassVar[str] = """
        local instance = redis.call('INCR', KEYS[1])
        redis.call('RPUSH', KEYS[2], instance)
        append(KEYS[3], 'launch', '', instance, '', ARGV[1], ARGV[2], 'host-0', '', '', '', '', '')
        return instance
    """

    def works_on(self):
        return "launched", "network_queue"


class Launcher:
    name = "launcher"
    about = "launches instances on no host"
    settings = Settings
    single = False
    ends = Ends.WITH_THE_LOAD
    gauges = ()
    renews = False
    behind_endpoint = True

    def schedule(self, place):
        return place.settings

    def begin(self, place):
        def launch(done):
            if (yield AwaitDue()) and done < place.settings.most:
                yield Start()
                return done + 1
            return done
        return launch, 0

    def after_load(self, place):
        return self.begin(place)[0]

    def observer(self, notebook):
        return NoObserver()

    def settled(self, gauge, published):
        return True

PLUGIN = Launcher()
'''
