"""Routes: which notifiers are told of which alerts.

They are asked in order; the first that fits decides, and where it says ``continue`` those behind it are asked, too. An
episode goes one way: the hours that count are those at which it fired, so whoever was told that it fires is told that
it is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timezone
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from runwire.wire import Alert
from runwire.wire.messages import Severity
from runwire_alerting.duration import Duration

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = get_args(Day)
_MINUTES = 24 * 60


def _listed(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def _clock(given: Any) -> Any:
    # YAML 1.1 reads 18:00 as a number to the base of 60, and 09:00 as a text.
    if not isinstance(given, int):
        return given
    if not 0 <= given < _MINUTES:
        raise ValueError("write a time of the day as 09:00")
    return time(given // 60, given % 60)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("no such time zone is known here: write it as Europe/Berlin") from None
    return name


Globs = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Clock = Annotated[time, BeforeValidator(_clock)]


class Hours(BaseModel):
    """When a route holds, by the clock of a place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zone: Annotated[str, AfterValidator(_zone)] = Field(description="the time zone, as `Europe/Berlin`")
    days: Annotated[tuple[Day, ...], BeforeValidator(_listed)] = Field(
        _DAYS, min_length=1, description="`mon` to `sun`; a span over midnight belongs to the day on which it begins"
    )
    begin: Clock = Field(time(0), alias="from", description="from then on, as `09:00`")
    end: Clock = Field(time(0), alias="to", description="until before then; `00:00` is the end of the day")

    def hold(self, ts: int) -> bool:
        """Return whether a time, microseconds since the epoch, is one of these hours."""
        local = datetime.fromtimestamp(ts / 1_000_000, timezone.utc).astimezone(ZoneInfo(self.zone))
        now, today = local.time(), local.weekday()
        if self.end > self.begin or self.end == time(0):
            return _DAYS[today] in self.days and self.begin <= now and (self.end == time(0) or now < self.end)
        if now >= self.begin:
            return _DAYS[today] in self.days
        return now < self.end and _DAYS[today - 1] in self.days


class Route(BaseModel):
    """What fits it is told to its notifiers. Of each condition one of its values must fit; those not given fit all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", max_length=64, description="what `runwire alerts test-route` calls it")
    to: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        description="names of notifiers; `[]` for nobody, so that the page alone shows these alerts"
    )
    severity: Annotated[tuple[Severity, ...], BeforeValidator(_listed)] = Field(
        (), description="`info`, `warning`, `critical`"
    )
    project: Globs = Field((), description="names of projects, with `*` and `?`")
    rule: Globs = Field((), description="names of rules, with `*` and `?`")
    tags: Globs = Field((), description="tags of the run, with `*` and `?`")
    hours: Hours | None = Field(None, description="when the alert fired: `{zone, days, from, to}`")
    go_on: bool = Field(default=False, alias="continue", description="whether the routes behind it are asked, too")
    repeat: Duration | None = Field(None, description="tell again after so long while it fires; else it is told once")
    resolved: bool = Field(default=True, description="whether it is told when it is over, too")

    @property
    def fits_all(self) -> bool:
        """Whether it has no condition."""
        return not (self.severity or self.project or self.rule or self.tags or self.hours)

    def fits(self, alert: Alert) -> bool:
        """Return whether an alert goes this way."""
        return (
            (not self.severity or alert.severity in self.severity)
            and _fits(self.project, [alert.project])
            and _fits(self.rule, [alert.rule])
            and _fits(self.tags, alert.tags)
            and (self.hours is None or self.hours.hold(alert.fired_at))
        )


@dataclass(frozen=True)
class Want:
    """How somebody is told of an alert.

    Attributes:
        repeat: after how many seconds again while it fires; None for once.
    """

    repeat: float | None = None


EVERYTHING = Want()


class Routes:
    """All routes, in order; without any, everybody is told of everything.

    Args:
        routes: as they were declared.
    """

    def __init__(self, routes: Sequence[Route] = ()) -> None:
        self._routes = routes

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def want(self, notifier: str, alert: Alert) -> Want | None:
        """Return how a notifier is to be told of an alert's present state, None for not at all."""
        if alert.state not in ("firing", "resolved"):
            return None
        if not self._routes:
            return EVERYTHING
        for route in self._routes:
            if not route.fits(alert):
                continue
            if notifier in route.to and (route.resolved or alert.state == "firing"):
                return Want(route.repeat)
            if not route.go_on:
                return None
        return None


def problems(routes: Sequence[Route], notifiers: Mapping[str, Any]) -> list[tuple[tuple[int | str, ...], str]]:
    """Return what is wrong with routes as a whole: where, and why."""
    found: list[tuple[tuple[int | str, ...], str]] = []
    for index, route in enumerate(routes):
        unknown = [name for name in route.to if name not in notifiers]
        if unknown:
            found.append(((index, "to"), f"there is no notifier {', '.join(unknown)}"))
        if route.fits_all and not route.go_on and index < len(routes) - 1:
            found.append(((index,), "it has no condition, so none of those behind it is ever asked"))
    if routes and not (routes[-1].fits_all):
        reason = "the last route has no condition, so that no alert is lost: add `- to: [NOTIFIER]`, or `- to: []`"
        found.append(((len(routes) - 1,), reason))
    return found


def _fits(globs: Sequence[str], words: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(word, glob) for glob in globs for word in words)
