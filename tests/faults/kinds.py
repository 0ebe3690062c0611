"""The faults, by kind: each a course of events that real processes go through."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

from faults.cluster import Cluster, Course
from faults.plan import Fault
from faults.trainings import Training

_UP = ("kafka", "clickhouse", "stream", "alerting")
#: So long ClickHouse is frozen before a worker is: by then an insert of the worker's is on its way, or waits for it.
_PENDING_SECONDS = 0.7


def course(fault: Fault, cluster: Cluster, trainings: Sequence[Training]) -> Course:
    """Return the course of a fault; it returns whether the fault came to pass: its victim may have ended before."""
    what, _, victim = fault.kind.partition(" ")
    if fault.kind in _OWN:
        return _OWN[fault.kind](fault, cluster, trainings)
    return (_kill if what == "kill" else _freeze)(victim, fault, cluster)


def _kill(program: str, fault: Fault, cluster: Cluster) -> Course:
    pid = cluster.shipper() if program == "shipper" else (yield from cluster.ready(program))
    return pid is not None and cluster.signal(pid, signal.SIGKILL)


def _freeze(program: str, fault: Fault, cluster: Cluster) -> Course:
    pid = cluster.shipper() if program == "shipper" else (yield from cluster.ready(program))
    return (yield from cluster.freeze(pid, fault.seconds))


def _kill_trainer(fault: Fault, _: Cluster, trainings: Sequence[Training]) -> Course:
    """Another attempt goes on at once, from an earlier step."""
    training = _picked(fault, [one for one in trainings if one.rank.kind == "resumed"])
    yield from ()
    return training is not None and training.kill()


def _resume_beside(fault: Fault, cluster: Cluster, trainings: Sequence[Training]) -> Course:
    """The shipper is frozen while a process is killed and another goes on: it delivers both attempts side by side."""
    training = _picked(fault, [one for one in trainings if one.rank.kind == "resumed"])
    if training is None:
        return False
    frozen = cluster.freeze(cluster.shipper(), fault.seconds)
    wait = next(frozen, None)
    done = training.kill()
    if wait is not None:
        yield wait
        yield from frozen
    return done and wait is not None


def _freeze_trainer(fault: Fault, cluster: Cluster, trainings: Sequence[Training]) -> Course:
    training = _picked(fault, [one for one in trainings if one.rank.kind == "plain"])
    return training is not None and (yield from cluster.freeze(training.pid, fault.seconds))


def _freeze_stream(fault: Fault, cluster: Cluster, _: Sequence[Training]) -> Course:
    """One of the workers is frozen until the others have its partitions, and wakes."""
    pids = [(yield from cluster.ready("stream")), *cluster.workers()]
    return (yield from cluster.freeze(pids[fault.pick % len(pids)], fault.seconds))


def _freeze_at_insert(fault: Fault, cluster: Cluster, _: Sequence[Training]) -> Course:
    """The worker is frozen between the inserts of a batch, and does the rest of them when it wakes."""
    pids = [(yield from cluster.ready("stream")), *cluster.workers()]
    store = cluster.freeze((yield from cluster.ready("clickhouse")), _PENDING_SECONDS)
    wait = next(store, None)
    if wait is None:
        return False
    yield wait
    worker = cluster.freeze(pids[fault.pick % len(pids)], fault.seconds)
    wait = next(worker, None)
    yield from store  # ClickHouse goes on
    if wait is None:
        return False
    yield wait
    return (yield from worker)


def _add_worker(_: Fault, cluster: Cluster, __: Sequence[Training]) -> Course:
    cluster.add_worker()
    yield from ()
    return True


def _stop_worker(fault: Fault, cluster: Cluster, _: Sequence[Training]) -> Course:
    yield from ()
    return _end_worker(fault, cluster, signal.SIGTERM)


def _kill_worker(fault: Fault, cluster: Cluster, _: Sequence[Training]) -> Course:
    yield from ()
    return _end_worker(fault, cluster, signal.SIGKILL)


def _end_worker(fault: Fault, cluster: Cluster, number: signal.Signals) -> bool:
    pids = cluster.workers()
    return bool(pids) and cluster.signal(pids[fault.pick % len(pids)], number)


def _fill_disk(fault: Fault, cluster: Cluster, trainings: Sequence[Training]) -> Course:
    training = _picked(fault, [one for one in trainings if one.rank.kind == "small"])
    if training is None:
        return False
    yield from cluster.disk.fill(fault.seconds, training.pid)
    return True


def _picked(fault: Fault, among: Sequence[Training]) -> Training | None:
    alive = [training for training in among if training.alive]
    return alive[fault.pick % len(alive)] if alive else None


_OWN: dict[str, Callable[[Fault, Cluster, Sequence[Training]], Course]] = {
    "kill trainer": _kill_trainer,
    "resume beside": _resume_beside,
    "freeze trainer": _freeze_trainer,
    "freeze stream": _freeze_stream,
    "freeze stream at insert": _freeze_at_insert,
    "add worker": _add_worker,
    "stop worker": _stop_worker,
    "kill worker": _kill_worker,
    "fill disk": _fill_disk,
}
