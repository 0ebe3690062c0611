"""What a filter means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

Type = Literal["text", "tags", "time", "number", "duration", "any"]

#: What a run has by itself.
FIELDS: dict[str, Type] = {
    "id": "text",
    "name": "text",
    "project": "text",
    "entity": "text",
    "group": "text",
    "job_type": "text",
    "notes": "text",
    "commit": "text",
    "state": "text",
    "stop_reason": "text",
    "host": "text",
    "tag": "tags",
    "started": "time",
    "ended": "time",
    "duration": "duration",
    "ranks": "number",
    "last_step": "number",
    "exit_code": "number",
    "dropped_rows": "number",
}

#: What is known of a metric over all of its steps.
FUNCTIONS = ("last", "first", "min", "max", "mean", "count", "nonfinite")


@dataclass(frozen=True)
class Field:
    """What a run has by itself: one of `FIELDS`."""

    name: str

    @property
    def type(self) -> Type:
        """What it is compared with."""
        return FIELDS[self.name]


@dataclass(frozen=True)
class Config:
    """A value of a run's config; nested keys are joined by dots."""

    key: str
    type: ClassVar[Type] = "any"


@dataclass(frozen=True)
class Summary:
    """What the run said in its summary, else the metric's last value of the lowest rank."""

    key: str
    type: ClassVar[Type] = "any"


@dataclass(frozen=True)
class Metric:
    """A metric's aggregate: one of `FUNCTIONS`.

    Attributes:
        rank: of this rank; None for all ranks together (``first`` and ``last``: of the lowest rank that has it).
    """

    function: str
    name: str
    rank: int | None = None
    type: ClassVar[Type] = "number"


Operand: TypeAlias = Field | Config | Summary | Metric
#: A duration is a number of seconds; a time is in UTC.
Value: TypeAlias = float | str | datetime
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~"]


@dataclass(frozen=True)
class Compare:
    """False wherever the operand is missing, NaN, or of another type than the value; ``~`` searches by a pattern."""

    operand: Operand
    operator: Operator
    value: Value


@dataclass(frozen=True)
class Among:
    """Whether the operand equals one of the values."""

    operand: Operand
    values: tuple[Value, ...]


@dataclass(frozen=True)
class IsNaN:
    """Whether the operand is the number NaN."""

    operand: Operand


@dataclass(frozen=True)
class Has:
    """Whether the run has such a thing at all."""

    operand: Operand


@dataclass(frozen=True)
class Not:
    """Whether the condition does not hold."""

    condition: Condition


@dataclass(frozen=True)
class And:
    """Whether all conditions hold; so of none."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    """Whether one of the conditions holds."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = "Compare | Among | IsNaN | Has | Not | And | Or"


@dataclass(frozen=True)
class SortKey:
    """What runs are put in order by; those that lack it come last in either direction."""

    operand: Operand
    descending: bool = False
