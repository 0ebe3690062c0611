"""What is known of metrics besides their values: against which they are drawn, and what sums them up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

from runwire.errors import UsageError, WireError
from runwire.wire.names import check_metric

SummaryOf = Literal["min", "max", "mean", "last", "best", "none"]
Goal = Literal["minimize", "maximize"]
Role = Literal["loss", "replicated"]

_CHOICES: dict[str, tuple[str, ...]] = {"summary": get_args(SummaryOf), "goal": get_args(Goal), "role": get_args(Role)}


class Definitions:
    """The definitions of one run's metrics, exact names and patterns."""

    def __init__(self) -> None:
        self._given: dict[str, dict[str, Any]] = {}
        self._told: dict[str, dict[str, Any]] = {}
        self._seen: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._given)

    def define(self, name: str, *, overwrite: bool, **given: Any) -> dict[str, dict[str, Any]]:
        """Add a definition; what is None is left as an earlier one of the same name had it, unless it overwrites.

        Returns:
            What is new of metrics that were logged before, to be told.

        Raises:
            UsageError: something given is not what it must be.
        """
        said = {key: _checked(key, value) for key, value in given.items() if value is not None}
        if said.get("summary") == "best":
            said["summary"] = {"minimize": "min", "maximize": "max"}.get(said.get("goal", ""))
            if said["summary"] is None:
                raise UsageError(f'summary="best" of {name!r:.80} needs a goal: pass goal="minimize" or "maximize"')
        try:
            check_metric(name)
            check_metric(said.get("step_metric", name))
        except WireError as error:
            raise UsageError(f"define_metric(): {error}") from None
        self._given[name] = said if overwrite else {**self._given.get(name, {}), **said}
        return self.new(self._seen)

    def seen(self, names: Iterable[str]) -> None:
        """Take note of metrics before anything is defined."""
        self._seen.update(dict.fromkeys(names))

    def new(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the definitions of metrics as far as they were not told before, and take them for told."""
        found = {}
        for name in list(names):
            self._seen[name] = None
            definition = self.of(name)
            if definition != self._told.get(name, {}):
                found[name] = self._told[name] = definition
        return found

    def of(self, name: str) -> dict[str, Any]:
        """Return what is defined of a metric: by its own name before patterns, of those by the later first."""
        merged: dict[str, Any] = {}
        for pattern, said in self._given.items():
            if pattern != name and fnmatchcase(name, pattern):
                merged |= said
        merged |= self._given.get(name, {})
        if merged.get("step_metric") == name:
            del merged["step_metric"]
        return merged

    def step_metrics(self) -> set[str]:
        """Return the metrics that others are drawn against."""
        return {said["step_metric"] for said in self._given.values() if "step_metric" in said}


@dataclass
class Synced:
    """Rows of one shape that bring a step metric's value, or lack one and get its last.

    Attributes:
        brought: by step metric that the rows have, its place among their values.
        lacking: step metrics that they do not have.
        last: the last values, of all shapes of the run.
    """

    brought: Mapping[str, int]
    lacking: Sequence[str]
    last: dict[str, float]

    @classmethod
    def find(cls, definitions: Definitions, keys: Sequence[str], last: dict[str, float]) -> Synced | None:
        """Return what there is to do for rows of these keys; None if it is nothing."""
        steps = definitions.step_metrics()
        brought = {key: place for place, key in enumerate(keys) if key in steps}
        wanted = {
            said["step_metric"]: None
            for said in map(definitions.of, keys)
            if "step_metric" in said and said.get("step_sync", True)
        }
        lacking = [step for step in wanted if step not in brought]
        return cls(brought, lacking, last) if brought or lacking else None

    def complete(self, keys: tuple[str, ...], values: Collection[float]) -> tuple[tuple[str, ...], Collection[float]]:
        """Return a row's keys and values with those that it lacked, as far as there has been one."""
        row = list(values)
        for step, place in self.brought.items():
            self.last[step] = row[place]
        added = [step for step in self.lacking if step in self.last]
        return keys + tuple(added), row + [self.last[step] for step in added]


def _checked(key: str, value: Any) -> Any:
    allowed = _CHOICES.get(key)
    if allowed is not None and value not in allowed:
        import difflib  # noqa: PLC0415 -- only for what was mistyped

        near = difflib.get_close_matches(str(value), allowed, 1)
        raise UsageError(f"{key} is {value!r:.80}: expected one of {', '.join(near or allowed)}")
    return value if isinstance(value, bool) else str(value)
