"""The rules, one a file; `rules` lists those that are on."""

from __future__ import annotations

from runwire_alerting.rules.crash import Crash
from runwire_alerting.rules.host_lost import HostLost
from runwire_alerting.rules.nonfinite import Nonfinite
from runwire_alerting.rules.phase_overrun import PhaseOverrun
from runwire_alerting.rules.ranks_disagree import RanksDisagree
from runwire_alerting.rules.rule import Rule
from runwire_alerting.rules.slow_start import SlowStart
from runwire_alerting.rules.stalled import Stalled
from runwire_alerting.rules.user import User
from runwire_alerting.settings import Settings


def rules(settings: Settings) -> list[Rule]:
    """Return the rules in the order in which they judge: a crash before the stall and the silence that it causes."""
    return [
        Nonfinite(),
        Crash(),
        User(),
        RanksDisagree(RanksDisagree.Params()),
        PhaseOverrun(PhaseOverrun.Params()),
        Stalled(settings),
        SlowStart(SlowStart.Params()),
        HostLost(HostLost.Params(after=settings.heartbeat_after)),
    ]


__all__ = ["Rule", "rules"]
