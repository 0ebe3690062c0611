"""What an event says, as facts: one row for each thing known of a run.

| event        | kind     | keys                                                                            |
|--------------|----------|---------------------------------------------------------------------------------|
| start        | run      | each member of its data but config and tags; started_at (µs), attempt           |
|              | config   | as from a config event                                                          |
|              | tag      | as from a tags event                                                            |
|              | state    | state "running"; exit_code, exception, stop null: an earlier attempt's are past |
| about        | run      | each member of its data, but those that are long (packages, git_diff, gpus)     |
|              | text     | these                                                                           |
| config       | config   | each leaf, its keys joined by "."; a list is a leaf, and so is an empty object  |
| summary      | summary  | in the same way                                                                 |
| tags         | tag      | each tag: true; each that is removed: false                                     |
| metric       | metric   | each metric's name: its definition                                              |
| phase        | run      | phase: all of its data                                                          |
| checkpoint   | run      | checkpoint_saved or checkpoint_loaded: step and path                            |
| artifact     | artifact | project/name:version: all of its data                                           |
| stopping     | state    | stop: by, reason, asked_at                                                      |
| planned_stop | state    | stop: reason                                                                    |
| exception    | state    | exception: all of its data but the console's last lines                         |
| finish       | state    | state "stopped", "finished" or "failed", exit_code                              |
| lost         | state    | state "stopped" or "crashed", reason; stop: reason, if it was one               |
| dropped      | dropped  | its seq, for it may happen again: all of its data                               |

An alert event is no fact: alerting makes an alert of it, which comes by the topic of alerts. Nor is a media event: it
has a table of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from runwire.errors import WireError
from runwire.wire import ATTEMPT_SHIFT, Event, dumps
from runwire.wire.artifacts import check_artifact, check_digest, check_label
from runwire.wire.leaves import leaves
from runwire_storage.writer import TEXT, Fact


def facts(event: Event) -> list[Fact]:
    """Return the facts that an event states.

    Raises:
        WireError: its data are not what an event of its type has.
    """
    say = _SAID.get(event.type)
    # A dict: of two members that flatten to one key, the later counts.
    said = {(kind, key): value for kind, key, value in say(event)} if say else {}
    return [
        Fact(event.run, event.rank, kind, key, dumps(value).decode(), event.ts, event.seq)
        for (kind, key), value in said.items()
    ]


_LONG = {"packages", "git_diff", "gpus"}
_Said = Iterator[tuple[str, str, Any]]


def _start(event: Event) -> _Said:
    data = dict(event.data)
    config, tags = data.pop("config", {}), data.pop("tags", [])
    for key, value in data.items():
        yield "run", key, value
    yield "run", "started_at", event.ts
    yield "run", "attempt", event.seq >> ATTEMPT_SHIFT
    yield from _flat("config", config)
    yield from _tags(tags)
    yield from _state("running", exit_code=None, exception=None, stop=None)


def _finish(event: Event) -> _Said:
    code = event.data.get("exit_code")
    if not isinstance(code, int) or isinstance(code, bool):
        raise WireError(f"exit_code is {code!r:.80}, expected int")
    yield from _state("stopped" if _stopped(event) else "failed" if code else "finished", exit_code=code)


def _lost(event: Event) -> _Said:
    reason = event.data.get("reason")
    if _stopped(event):
        return _state("stopped", reason=reason, stop={"reason": reason})
    return _state("crashed", reason=reason)


def _stopped(event: Event) -> bool:
    return event.data.get("stopped") is True


def _checkpoint(event: Event) -> _Said:
    data = dict(event.data)
    action = data.pop("action", None)
    if action not in ("saved", "loaded"):
        raise WireError(f"action is {action!r:.80}, expected saved or loaded")
    yield "run", f"checkpoint_{action}", data


def _artifact(event: Event) -> _Said:
    data = event.data
    check_label(data.get("project"), "project")
    check_artifact(data.get("name"))
    check_digest(data.get("digest"))
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version < 2**32:
        raise WireError(f"version is {version!r:.80}, expected 0 to 2^32 - 1")
    yield "artifact", f"{data['project']}/{data['name']}:v{version}", data


def _without(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != key}


def _state(state: str, **more: Any) -> _Said:
    yield "state", "state", state
    for key, value in more.items():
        yield "state", key, value


def _tags(tags: Any, *, there: bool = True) -> _Said:
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise WireError(f"tags is {tags!r:.80}, expected a list of strings")
    for tag in tags:
        yield "tag", tag, there


def _flat(kind: str, data: Any) -> _Said:
    if not isinstance(data, dict):
        raise WireError(f"{kind} is {data!r:.80}, expected an object")
    for path, value in leaves(data):
        yield kind, path, value


_SAID: dict[str, Callable[[Event], _Said]] = {
    "start": _start,
    "about": lambda event: ((TEXT if key in _LONG else "run", key, value) for key, value in event.data.items()),
    "config": lambda event: _flat("config", event.data),
    "summary": lambda event: _flat("summary", event.data),
    "tags": lambda event: chain(_tags(event.data.get("tags")), _tags(event.data.get("removed", []), there=False)),
    "metric": lambda event: (("metric", key, value) for key, value in event.data.items()),
    "phase": lambda event: iter([("run", "phase", event.data)]),
    "checkpoint": _checkpoint,
    "artifact": _artifact,
    "stopping": lambda event: iter([("state", "stop", event.data)]),
    "planned_stop": lambda event: iter([("state", "stop", {"reason": event.data.get("reason")})]),
    "exception": lambda event: iter([("state", "exception", _without(event.data, "console"))]),  # it has a table
    "finish": _finish,
    "lost": _lost,
    "dropped": lambda event: iter([("dropped", str(event.seq), event.data)]),
}
