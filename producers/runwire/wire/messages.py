"""Events, pulses and alerts: the records that are JSON.

Each class is the shape of one kind of record: ``encode`` writes it, ``parse`` reads it and refuses, by `WireError`
with the reason, whatever is not one. Times are int64 microseconds since the Unix epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeVar, get_args

from runwire.errors import WireError
from runwire.wire.json import dumps, loads, number
from runwire.wire.leaves import bounded
from runwire.wire.names import check_metric, check_rank, check_run

#: The version that every JSON record carries as ``v``.
VERSION = 1

EventType = Literal[
    "start", "about", "config", "summary", "tags", "metric", "phase", "checkpoint", "artifact", "alert", "stopping",
    "planned_stop", "exception", "finish", "lost", "dropped", "media",
]  # fmt: skip
AlertState = Literal["pending", "firing", "resolved"]
Mode = Literal["notify", "observe"]
Severity = Literal["info", "warning", "critical"]

#: An alert shows at most so many values before the one that it is about. A pulse of as many metrics as go into one
#: that become NaN together must still be no larger than what Kafka takes.
BEFORE_MAX = 20

_T = TypeVar("_T")

#: The same names come again and again.
_metric = lru_cache(1 << 14)(check_metric)


@dataclass(frozen=True)
class Event:
    """Something that happened to a run.

    ``data`` by type: start {project, name, config, tags, host, pid, command, parallel {pipeline, …}, restarts {count,
    max}, …}; about {name, notes, …}, what changed of it; config and summary {key: value}, whose nested keys are as long
    as `runwire.wire.leaves` lets them be, and else cut when they are read; tags {tags: [...], removed:
    [...]}; metric {name: {summary, goal, step_metric, role, …}}; phase {phase, limit}, what it does from here on and
    how long it may be silent meanwhile; checkpoint {action: "saved" or "loaded", step, path}; artifact {project, name,
    version, digest}, which the run uses; alert {title, text, level, xid {code, pci}, of a GPU's fault}; stopping {by,
    reason, asked_at}, the answer to a request to stop; planned_stop {reason, until}, what ends it until then
    (microseconds) is no crash; exception {kind, message, traceback}; finish {exit_code}; lost {reason}, said by the
    shipper when the process went without a finish; dropped {rows, reason} and what else is known of the loss; media: a
    `runwire.wire.media.MediaItem`. An exception, finish or lost that has ``stopped: true`` was asked for or planned;
    one that was not has ``console``, the last lines that were printed.
    """

    type: EventType
    run: str
    rank: int
    seq: int
    ts: int
    data: dict[str, Any]

    def encode(self) -> bytes:
        """Return the record's value."""
        return dumps({"v": VERSION, **asdict(self)})

    @classmethod
    def parse(cls, value: bytes) -> Event:
        """Read a record's value.

        Raises:
            WireError: it is no event.
        """
        record = _record(value)
        kind: EventType = _choice(record, "type", get_args(EventType))
        return cls(
            type=kind,
            run=check_run(record.get("run")),
            rank=check_rank(record.get("rank")),
            seq=_natural(record, "seq"),
            ts=_integer(record, "ts"),
            data=_with_short_paths(kind, _typed(record, "data", dict)),
        )


class MetricPulse(NamedTuple):
    """What was logged of one metric since the last pulse. One finite value is told as that number.

    Attributes:
        count: how many values, non-finite ones included.
        last: the last value.
        min, max, sum: over the finite values; None if there were none.
        nonfinite: how many were NaN or infinite.
        first_nonfinite: step, ts and value of the first such, with ``before``: the (step, value) pairs logged
            before it, oldest first; None if there was none.
    """

    count: int  # type: ignore[assignment]  # tuples have a method of that name, for which nobody looks here
    last: float
    min: float | None = None
    max: float | None = None
    sum: float | None = None
    nonfinite: int = 0
    first_nonfinite: dict[str, Any] | None = None


@dataclass(frozen=True)
class Pulse:
    """That a run's process is alive, and what it did since the last pulse.

    Sent for each run and rank every ``interval`` seconds while its process lives, and at once on a first non-finite
    value. ``alive`` is False in the last one, which says how it ended in ``ended``: "finished", "failed", "interrupted"
    (Ctrl-C), "stopped" (it was asked to, or that was planned) or "killed". What is None is left out of the record.

    Attributes:
        sent: when the shipper sent it. ``ts`` times of rows are the training process's clock, on the same host.
        step: the last step logged; None before the first.
        steps: how often the step changed.
        progressed: when the step last changed (or the run started); the age of it is ``sent - progressed``.
        step_seconds_max: the longest time between steps among the recent ones; None before the second.
        phase: what the run says that it does now, None if it does not say.
        phase_since: when it began that, or ended what it did before; None if it never said.
        phase_limit: how many seconds it may be silent meanwhile, None if it does not say.
        checkpoint_step: the step of the last checkpoint that it said was saved.
        checkpoint_at: when it said so.
        console: in the last one of a process that was killed or failed, the last lines that it printed.
        restarts: how often its launcher has started the job's processes anew, None if it does not say.
        restarts_max: how often it does so at most, None if it does not say.
        stage: its rank in pipeline parallelism, None if it does not say.
        replicated: of metrics that are to be the same on all ranks, by name, one of the steps since the last pulse, and
            its value; ranks tell of the same steps mostly.
        metrics: by name.
    """

    run: str
    rank: int
    attempt: int
    project: str
    name: str
    host: str
    pid: int
    sent: int
    interval: float
    alive: bool
    started: int
    progressed: int
    step: int | None = None
    steps: int = 0
    step_seconds_max: float | None = None
    ended: str | None = None
    phase: str | None = None
    phase_since: int | None = None
    phase_limit: float | None = None
    checkpoint_step: int | None = None
    checkpoint_at: int | None = None
    restarts: int | None = None
    restarts_max: int | None = None
    stage: int | None = None
    waiting_bytes: int = 0
    console: list[str] = field(default_factory=list)
    replicated: dict[str, tuple[int, float]] = field(default_factory=dict)
    metrics: dict[str, MetricPulse] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Return the record's value."""
        return encode_pulse({}, vars(self), self.metrics)

    @classmethod
    def parse(cls, value: bytes) -> Pulse:
        """Read a record's value.

        Raises:
            WireError: it is no pulse.
        """
        record = _record(value)
        metrics = _typed(record, "metrics", dict)
        return cls(
            run=check_run(record.get("run")),
            rank=check_rank(record.get("rank")),
            attempt=_natural(record, "attempt"),
            project=_typed(record, "project", str),
            name=_typed(record, "name", str),
            host=_typed(record, "host", str),
            pid=_natural(record, "pid"),
            sent=_integer(record, "sent"),
            interval=number(record.get("interval")),
            alive=_typed(record, "alive", bool),
            started=_integer(record, "started"),
            progressed=_integer(record, "progressed"),
            step=_optional_integer(record, "step"),
            steps=_natural(record, "steps"),
            step_seconds_max=_optional_number(record, "step_seconds_max"),
            ended=_optional(record, "ended", str),
            phase=_optional(record, "phase", str),
            phase_since=_optional_integer(record, "phase_since"),
            phase_limit=_optional_number(record, "phase_limit"),
            checkpoint_step=_optional_integer(record, "checkpoint_step"),
            checkpoint_at=_optional_integer(record, "checkpoint_at"),
            restarts=_optional_integer(record, "restarts"),
            restarts_max=_optional_integer(record, "restarts_max"),
            stage=_optional_integer(record, "stage"),
            waiting_bytes=_natural(record, "waiting_bytes"),
            console=_texts(record, "console"),
            replicated=_replicated(record),
            metrics={_metric(name): _metric_pulse(item) for name, item in metrics.items()},
        )


@dataclass(frozen=True)
class Alert:
    """The whole state of one episode of an alert; the latest record of an ``id`` is what holds.

    Attributes:
        id: hash of (rule, run, metric, rank).
        episode: counts up each time that it fires anew.
        kind: what its rule judges by, whose name it has unless it was given one of its own.
        rank: of the first offender, where many ranks fail at once.
        attempt: whose doings made the present state; None for an attempt that is not known.
        before: (step, value) pairs before the one it is about, oldest first.
        tags: the run's, when it fired.
        console: the last lines that the process printed, oldest first.
        caused_at: when what it is about happened, by the clock of the host where it did; None if not known.
        over_at: when the word was sent by which it is over, by that host's clock; None if it was no word.
        delivered_at: by webhook URL's digest, when that receiver took the notice of the present state.
        version: rises with each record of the id.
        ranks: all ranks to which the same happened, as ``0-511,513``.
        mode: "observe" where nobody is to be told.
        held_until: of a pending alert: when it fires if it holds until then.
        kept_until: of a firing alert: it is over, and is resolved then unless it comes again.
        flaps: how often it came again shortly after it was over.
        part_of: the id of the alert that explains this one, of which nobody is told by itself; "" for none.
        cascade: what followed from it: {id, rule, run, ranks, caused_at}, in the order of their begin.
        incident: under what its notices are known, "" for its id and episode.
        silenced_until: nobody is told of it before.
        acknowledged_at, acknowledged_by: when and who said that they see to it.
        told_at: when the last notice of it was given out, None if none was.
        stop_asked_at: when its run was asked to stop because of it; ``stop_heard_at``: when the run said that it knows;
            ``stop_obeyed_at``: when it ended so.
    """

    id: str
    episode: int
    state: AlertState
    rule: str
    severity: Severity
    run: str
    project: str
    name: str
    host: str
    title: str
    text: str
    fired_at: int
    version: int
    rank: int | None = None
    attempt: int | None = None
    metric: str = ""
    step: int | None = None
    value: float | None = None
    before: list[tuple[int, float]] = field(default_factory=list)
    caused_at: int | None = None
    resolved_at: int | None = None
    over_at: int | None = None
    delivered_at: dict[str, int] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    kind: str = ""
    ranks: str = ""
    mode: Mode = "notify"
    held_until: int | None = None
    kept_until: int | None = None
    flaps: int = 0
    part_of: str = ""
    cascade: list[dict[str, Any]] = field(default_factory=list)
    incident: str = ""
    silenced_until: int | None = None
    acknowledged_at: int | None = None
    acknowledged_by: str = ""
    told_at: int | None = None
    stop_asked_at: int | None = None
    stop_heard_at: int | None = None
    stop_obeyed_at: int | None = None

    @property
    def standing(self) -> str:
        """Return how people call its state: pending, firing, acknowledged, silenced or resolved."""
        if self.state != "firing":
            return self.state
        return "acknowledged" if self.acknowledged_at else "silenced" if self.silenced_until else "firing"

    @property
    def closed(self) -> bool:
        """Return whether it was closed for its age, of which nobody is told: its last notice is of before."""
        return self.state == "resolved" and self.told_at is not None and self.told_at != self.resolved_at

    @property
    def notice(self) -> str:
        """Return by what a receiver knows the notice of its present state: the idempotency key."""
        return f"{self.incident or f'{self.id}-{self.episode}'}-{self.state}"

    def encode(self) -> bytes:
        """Return the record's value."""
        return dumps({"v": VERSION, **asdict(self)})

    @classmethod
    def parse(cls, value: bytes) -> Alert:
        """Read a record's value.

        Raises:
            WireError: it is no alert.
        """
        # What a record of before does not hold is as it was then.
        record = _record(value)
        record = {**_ALERT_BEFORE, "kind": record.get("rule"), **record}
        delivered = _typed(record, "delivered_at", dict)
        return cls(
            id=_typed(record, "id", str),
            episode=_natural(record, "episode"),
            state=_choice(record, "state", get_args(AlertState)),
            rule=_typed(record, "rule", str),
            severity=_choice(record, "severity", get_args(Severity)),
            run=check_run(record.get("run")),
            project=_typed(record, "project", str),
            name=_typed(record, "name", str),
            host=_typed(record, "host", str),
            title=_typed(record, "title", str),
            text=_typed(record, "text", str),
            fired_at=_integer(record, "fired_at"),
            version=_natural(record, "version"),
            rank=None if record.get("rank") is None else check_rank(record["rank"]),
            attempt=None if record.get("attempt") is None else _natural(record, "attempt"),
            metric=_typed(record, "metric", str),
            step=_optional_integer(record, "step"),
            value=_optional_number(record, "value"),
            before=_pairs(record, "before"),
            caused_at=_optional_integer(record, "caused_at"),
            resolved_at=_optional_integer(record, "resolved_at"),
            over_at=_optional_integer(record, "over_at"),
            delivered_at={key: _integer(delivered, key) for key in delivered},
            tags=_texts(record, "tags"),
            console=_texts(record, "console"),
            kind=_typed(record, "kind", str),
            ranks=_typed(record, "ranks", str),
            mode=_choice(record, "mode", get_args(Mode)),
            flaps=_natural(record, "flaps"),
            part_of=_typed(record, "part_of", str),
            cascade=_typed(record, "cascade", list),
            incident=_typed(record, "incident", str),
            acknowledged_by=_typed(record, "acknowledged_by", str),
            **{name: _optional_integer(record, name) for name in _ALERT_TIMES},
        )


_ALERT_BEFORE: dict[str, Any] = {
    "ranks": "", "mode": "notify", "flaps": 0, "part_of": "", "cascade": [], "incident": "", "acknowledged_by": "",
}  # fmt: skip
_ALERT_TIMES = (
    "held_until", "kept_until", "silenced_until", "acknowledged_at", "told_at",
    "stop_asked_at", "stop_heard_at", "stop_obeyed_at",
)  # fmt: skip


def encode_pulse(
    process: Mapping[str, Any], moment: Mapping[str, Any], metrics: Mapping[str, MetricPulse | float]
) -> bytes:
    """Return the value of a pulse's record: for whoever sends one a second of each run, and builds little for it.

    Args:
        process: the fields of `Pulse` that all pulses of a process have in common, none of them None.
        moment: the others; those that are None are left out.
        metrics: by name; a number stands for one finite value.
    """
    known = {key: value for key, value in moment.items() if value is not None}
    told = {name: metric if isinstance(metric, float) else _told(metric) for name, metric in metrics.items()}
    return dumps({"v": VERSION, **process, **known, "metrics": told})


def _told(metric: MetricPulse) -> float | dict[str, Any]:
    if metric.count == 1 and not metric.nonfinite:
        return metric.last
    return {key: value for key, value in metric._asdict().items() if value is not None}


def _record(value: bytes) -> dict[str, Any]:
    record = loads(value)
    if not isinstance(record, dict):
        raise WireError(f"expected a JSON object, got {type(record).__name__}")
    if record.get("v") != VERSION:
        raise WireError(f"version {record.get('v')!r:.40}, this program reads version {VERSION}: run the newer Runwire")
    return record


def _with_short_paths(kind: EventType, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event's data; what readers make flat of it has no path that is longer than it may be."""
    if kind in ("config", "summary"):
        return bounded(data)[0]
    if kind == "start" and isinstance(data.get("config"), dict):
        return {**data, "config": bounded(data["config"])[0]}
    return data


def _metric_pulse(item: Any) -> MetricPulse:
    if type(item) is float:
        return MetricPulse(1, item, item, item, item)
    if not isinstance(item, dict):
        raise WireError(f"a metric of a pulse is {item!r:.80}, not an object")
    first = _optional(item, "first_nonfinite", dict)
    if first is not None:
        first = {
            "step": _integer(first, "step"),
            "ts": _integer(first, "ts"),
            "value": number(first.get("value")),
            "before": _pairs(first, "before"),
        }
    return MetricPulse(
        count=_natural(item, "count"),
        last=number(item.get("last")),
        min=_optional_number(item, "min"),
        max=_optional_number(item, "max"),
        sum=_optional_number(item, "sum"),
        nonfinite=_natural(item, "nonfinite"),
        first_nonfinite=first,
    )


def _pairs(record: dict[str, Any], key: str) -> list[tuple[int, float]]:
    pairs = _typed(record, key, list)
    if len(pairs) > BEFORE_MAX or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise WireError(f"{key} is not a list of at most {BEFORE_MAX} (step, value) pairs")
    return [(_integer({key: step}, key), number(value)) for step, value in pairs]


def _replicated(record: dict[str, Any]) -> dict[str, tuple[int, float]]:
    told = _optional(record, "replicated", dict) or {}
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in told.values()):
        raise WireError(f"replicated is {told!r:.80}, expected a step and a value by metric")
    return {_metric(name): (_integer({name: step}, name), number(value)) for name, (step, value) in told.items()}


def _texts(record: dict[str, Any], key: str) -> list[str]:
    texts = record.get(key, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise WireError(f"{key} is {texts!r:.80}, expected a list of strings")
    return texts


def _typed(record: dict[str, Any], key: str, kind: type[_T]) -> _T:
    value = record.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WireError(f"{key} is {value!r:.80}, expected {kind.__name__}")
    return value


def _optional(record: dict[str, Any], key: str, kind: type[_T]) -> _T | None:
    return None if record.get(key) is None else _typed(record, key, kind)


def _optional_number(record: dict[str, Any], key: str) -> float | None:
    return None if record.get(key) is None else number(record[key])


def _integer(record: dict[str, Any], key: str) -> int:
    value = _typed(record, key, int)
    if not -(2**63) <= value < 2**63:
        raise WireError(f"{key} is {value}, beyond 64 bits")
    return value


def _optional_integer(record: dict[str, Any], key: str) -> int | None:
    return None if record.get(key) is None else _integer(record, key)


def _natural(record: dict[str, Any], key: str, bits: int = 64) -> int:
    value = _typed(record, key, int)
    if not 0 <= value < 2**bits:
        raise WireError(f"{key} is {value}, expected 0 to 2^{bits} - 1")
    return value


def _choice(record: dict[str, Any], key: str, allowed: tuple[Any, ...]) -> Any:
    value = record.get(key)
    if value not in allowed:
        raise WireError(f"{key} is {value!r:.80}, expected one of {', '.join(allowed)}")
    return value
