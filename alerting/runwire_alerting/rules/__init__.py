"""The rules, one kind a file; `rules` makes those that are on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runwire.errors import ConfigError
from runwire_alerting.declarations import Call, Declaration, Stop, Tag
from runwire_alerting.detectors import DETECTORS
from runwire_alerting.health import Rank
from runwire_alerting.policy import SECOND, Policy
from runwire_alerting.rules import detecting
from runwire_alerting.rules.checkpoint_overdue import CheckpointOverdue
from runwire_alerting.rules.crash import Crash, Restarting
from runwire_alerting.rules.disk_full import DiskFull
from runwire_alerting.rules.finished import Finished
from runwire_alerting.rules.gpu_idle import GpuIdle
from runwire_alerting.rules.gpu_xid import GpuXid
from runwire_alerting.rules.host_lost import HostLost
from runwire_alerting.rules.input_bottleneck import InputBottleneck
from runwire_alerting.rules.memory_creep import MemoryCreep
from runwire_alerting.rules.nonfinite import Nonfinite
from runwire_alerting.rules.phase_overrun import PhaseOverrun
from runwire_alerting.rules.preempted import Preempted
from runwire_alerting.rules.ranks_disagree import RanksDisagree
from runwire_alerting.rules.replicas_disagree import ReplicasDisagree
from runwire_alerting.rules.restart_without_progress import RestartStorm, RestartWithoutProgress
from runwire_alerting.rules.rule import Rule
from runwire_alerting.rules.slow_start import SlowStart
from runwire_alerting.rules.stalled import Stalled
from runwire_alerting.rules.straggler import Straggler
from runwire_alerting.rules.suspect_node import SuspectNode
from runwire_alerting.rules.throttle import Throttle
from runwire_alerting.rules.user import User
from runwire_alerting.settings import Settings

#: In the order in which they judge: a crash before the stall and the silence that it causes.
_KINDS: tuple[type[Rule], ...] = (
    Nonfinite, Crash, Restarting, Preempted, RestartWithoutProgress, RestartStorm, User, RanksDisagree,
    ReplicasDisagree, PhaseOverrun, Stalled, SlowStart, HostLost, GpuXid, GpuIdle, Straggler, CheckpointOverdue,
    SuspectNode, DiskFull, MemoryCreep, InputBottleneck, Throttle, Finished, *map(detecting.kind, DETECTORS),
)  # fmt: skip
KINDS: dict[str, type[Rule]] = {kind.name: kind for kind in _KINDS}


@dataclass(frozen=True)
class Armed:
    """A declaration, and who judges by it."""

    declaration: Declaration
    rule: Rule

    @property
    def name(self) -> str:
        """Return the rule's name."""
        return self.declaration.name

    @property
    def policy(self) -> Policy:
        """Return what holds for its alerts."""
        said, kind = self.declaration, type(self.rule)
        hold, keep = (round(time * SECOND) for time in (said.for_, said.keep_firing_for))
        return Policy(
            kind=said.judges,
            hold=hold,
            keep=keep,
            severity=said.severity,
            mode=said.mode,
            follows=kind.follows,
            message=kind.message,
            hostwide=kind.hostwide,
            stop=any(isinstance(action, Stop) for action in said.actions),
            tags=tuple(action.tag for action in said.actions if isinstance(action, Tag)),
            webhooks=tuple(action.webhook for action in said.actions if isinstance(action, Call)),
        )

    def fits(self, rank: Rank) -> bool:
        """Return whether it judges a rank."""
        return self.declaration.where.fits(rank)


def standard(settings: Settings) -> dict[str, Declaration]:
    """Return the declarations that hold without a file, by name.

    Raises:
        ConfigError: the settings name a rule that there is not.
    """
    for name in sorted(settings.stop - KINDS.keys()):
        raise ConfigError(f"RUNWIRE_ALERT_STOP is {name!r}: there is no such rule, only {', '.join(sorted(KINDS))}")
    return {
        name: Declaration(
            name=name,
            mode="observe" if kind.observed else "notify",
            actions=[Stop()] if name in settings.stop else [],
        )
        for name, kind in KINDS.items()
        if kind.standard or name in settings.stop
    }


def rules(settings: Settings, given: Iterable[Declaration] = ()) -> list[Armed]:
    """Return the rules that are on, in the order in which they judge.

    Args:
        settings: defaults of the kinds' params.
        given: what was declared, checked; each in place of the standard rule of its name.

    Raises:
        ConfigError: the settings name a rule that there is not.
    """
    own = {declaration.name: declaration for declaration in given}
    on = [declaration for declaration in {**standard(settings), **own}.values() if declaration.enabled]
    places = list(KINDS)
    return [_arm(one, settings) for one in sorted(on, key=lambda one: places.index(one.judges))]


def _arm(declaration: Declaration, settings: Settings) -> Armed:
    kind = KINDS[declaration.judges]
    if declaration.name != kind.name:  # its alerts are its own, and so is what it looks for in the book
        kind = type(kind.__name__, (kind,), {"name": declaration.name})
    rule = kind(kind.Params(**{**settings.params(declaration.judges), **declaration.params}))
    rule.metrics, rule.beside = tuple(declaration.where.metric), declaration.where.beside
    return Armed(declaration, rule)


__all__ = ["KINDS", "Armed", "Rule", "rules", "standard"]
