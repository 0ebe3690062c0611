"""Rules as they are declared: what kind of judgement, of which runs, and what follows when it fires."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field
from pydantic import Tag as Case

from runwire.wire.messages import Severity
from runwire_alerting.duration import seconds
from runwire_alerting.errors import ReceiverError
from runwire_alerting.health import Rank
from runwire_alerting.web import place

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_CONDITION = re.compile(r"\s*(<=|>=|!=|==|<|>)\s*(.+)")


#: A time in a rules file, held as seconds.
Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0, le=365 * 86400.0, allow_inf_nan=False)]


def _listed(given: Any) -> Any:
    return given if isinstance(given, list) or given is None else [given]


_Globs = Annotated[list[str], BeforeValidator(_listed)]


class Where(BaseModel):
    """Which runs, ranks and metrics a rule judges; what is not given fits all. Of several globs one must fit.

    ``config`` compares by ``<``, ``<=``, ``>``, ``>=``, ``!=`` where the text begins so, else it is a value or a glob.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: _Globs = Field(default=[], description="globs on the project's name")
    run: _Globs = Field(default=[], description="globs on the run's id or name")
    tags: _Globs = Field(default=[], description="globs, each of which one of the run's tags must fit")
    config: dict[str, Any] = Field(default={}, description="by path (`model.depth`), a value, a glob or `> 1e-3`")
    rank: Annotated[list[Annotated[int, Field(ge=0)]], BeforeValidator(_listed)] = Field(
        default=[], description="only these ranks"
    )
    metric: _Globs = Field(default=[], description="globs on metrics, for rules about metrics")
    beside: str = Field(default="", description="a second metric, for rules that compare two")

    @property
    def chooses(self) -> bool:
        """Return whether it leaves out any run or rank."""
        return bool(self.project or self.run or self.tags or self.config or self.rank)

    def fits(self, rank: Rank) -> bool:
        """Return whether a rank is one of those that are meant; ``metric`` is the rule's own to ask."""
        facts = rank.facts
        return (
            (not self.project or _fits(self.project, rank.project))
            and (not self.run or _fits(self.run, rank.run, rank.name))
            and (not self.rank or rank.rank in self.rank)
            and all(_fits([glob], *facts.tags) for glob in self.tags)
            and all(key in facts.config and _holds(wanted, facts.config[key]) for key, wanted in self.config.items())
        )


def _fits(globs: Iterable[str], *words: str) -> bool:
    return any(fnmatchcase(word, glob) for glob in globs for word in words)


def _holds(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, str):
        return bool(wanted == value)
    condition = _CONDITION.fullmatch(wanted)
    if condition is None:
        return fnmatchcase(value if isinstance(value, str) else str(value), wanted)
    sign, text = condition.groups()
    try:
        number, limit = float(value), float(text)
    except (TypeError, ValueError):
        return sign == "!=" and str(value) != text
    return {
        "<": number < limit, "<=": number <= limit, ">": number > limit, ">=": number >= limit,
        "!=": number != limit, "==": number == limit,
    }[sign]  # fmt: skip


def _web(address: str) -> str:
    try:
        place(address)
    except ReceiverError as error:
        raise ValueError(f"expected {error}") from None
    return address


class Stop(BaseModel):
    """Ask the run to stop, once an episode."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    stop: Literal[True] = True


class Tag(BaseModel):
    """Give the run a tag."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    tag: Annotated[str, Field(min_length=1, max_length=200)]


class Call(BaseModel):
    """Post this rule's alerts to an address of its own, besides the receivers of all alerts."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    webhook: Annotated[str, AfterValidator(_web)]


def _action(given: Any) -> Any:
    return {"stop": True} if given == "stop" else given


def _which(given: Any) -> str | None:
    """Return which action is meant, so that a mistake in it is told once, and not what is wrong with it as another."""
    keys = given if isinstance(given, dict) else getattr(type(given), "model_fields", ())
    return next((key for key in ("stop", "tag", "webhook") if key in keys), None)


Action = Annotated[
    Annotated[Stop, Case("stop")] | Annotated[Tag, Case("tag")] | Annotated[Call, Case("webhook")],
    Discriminator(
        _which,
        custom_error_type="action",
        custom_error_message="expected stop, {tag: NAME} or {webhook: URL}",
    ),
    BeforeValidator(_action),
]


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("expected a small letter, then up to 63 small letters, digits, '_', '.', '-'")
    return name


class Declaration(BaseModel):
    """One rule as declared; ``kind`` is its name's unless given, and ``params`` are that kind's."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: Annotated[str, AfterValidator(_named)]
    kind: str = ""
    enabled: bool = True
    severity: Severity | None = Field(default=None, description="in place of the kind's own")
    where: Where = Where()
    params: dict[str, Any] = {}
    for_: Seconds = Field(default=0.0, alias="for", description="so long it must hold before it fires")
    keep_firing_for: Seconds = Field(default=0.0, description="so long it must be over before it resolves")
    mode: Literal["notify", "observe"] = "notify"
    actions: list[Action] = []

    @property
    def judges(self) -> str:
        """Return the kind of judgement."""
        return self.kind or self.name

    def wire(self) -> dict[str, Any]:
        """Return what `RuleSet` carries of it: what was given, as JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
