"""What the data of events say: whatever a process wrote there, so nothing is taken for what it should be."""

from __future__ import annotations

from collections.abc import Iterator

from runwire.wire import Event
from runwire_alerting.course import Gpu, place

_ENDS = ("lost", "exception", "finish")
#: What a shell says of a process that ended by SIGINT.
_EXIT_SIGINT = 130


def ending(event: Event) -> str | None:
    """Return how its process ended: finished, failed, killed, interrupted or stopped; None if it tells of no end."""
    if event.type in _ENDS and event.data.get("stopped") is True:
        return "stopped"  # whoever asked for it, or planned it, knows
    if event.type == "lost":
        return "killed"
    if event.type == "exception":
        # Ctrl-C is a person's decision, nothing that a person must be told of.
        return "interrupted" if event.data.get("kind") == "KeyboardInterrupt" else "failed"
    if event.type == "finish":
        code = event.data.get("exit_code") or 0
        return "finished" if code == 0 else "interrupted" if code == _EXIT_SIGINT else "failed"
    return None


def restarts(event: Event) -> tuple[int | None, int | None]:
    """Return how often the launcher has started the job anew, and does at most; None where a start does not say."""
    told = event.data.get("restarts")
    if isinstance(told, dict) and isinstance(told.get("count"), int) and isinstance(told.get("max"), int):
        return told["count"], told["max"]
    return None, None


def gpus(event: Event) -> Iterator[tuple[str, Gpu]]:
    """Yield the GPUs that a rank says it has, each with its place on the host."""
    told = event.data.get("gpus")
    for gpu in told if isinstance(told, list) else []:
        if isinstance(gpu, dict) and isinstance(gpu.get("pci"), str) and isinstance(gpu.get("index"), int):
            yield place(gpu["pci"]), Gpu(event.rank, gpu["index"], str(gpu.get("uuid") or ""))
