"""The faults, by kind: each a course of events that real processes go through."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager

from faults.cluster import Cluster, Course, Host
from faults.plan import Fault
from faults.trainings import Training

#: So long ClickHouse is frozen before a worker is: by then an insert of the worker's is on its way, or waits for it.
_PENDING_SECONDS = 0.7
#: So long a shipper is frozen before its trainer is killed: so much is left to deliver.
_BACKLOG_SECONDS = 1.0
#: So many steps, at most, an attempt on another host begins behind the last.
_FAR_BACK = 600
#: So many rows the second attempt has logged when the worker that stores them is frozen.
_SOME_ROWS = 100
_POLL_SECONDS = 0.02
#: With `up`'s own there are as many as the topic has partitions, and one more.
_WORKERS_MAX = 4


def course(fault: Fault, cluster: Cluster, trainings: Sequence[Training]) -> Course:
    """Return the course of a fault; it returns whether the fault came to pass: its victim may have ended before."""
    what, _, victim = fault.kind.partition(" ")
    if fault.kind in _OWN:
        return _OWN[fault.kind](fault, cluster, trainings)
    return (_kill if what == "kill" else _freeze)(victim, fault, cluster)


def _kill(program: str, fault: Fault, cluster: Cluster) -> Course:
    pid = yield from _pid(program, fault, cluster)
    return pid is not None and cluster.signal(pid, signal.SIGKILL)


def _freeze(program: str, fault: Fault, cluster: Cluster) -> Course:
    return (yield from cluster.freeze((yield from _pid(program, fault, cluster)), fault.seconds))


def _pid(program: str, fault: Fault, cluster: Cluster) -> Generator[float, None, int | None]:
    if program == "shipper":
        return cluster.hosts[fault.pick % len(cluster.hosts)].shipper()
    return (yield from cluster.ready(program))


def _kill_trainer(fault: Fault, _: Cluster, trainings: Sequence[Training]) -> Course:
    """Another attempt goes on at once, from an earlier step."""
    training = _picked(fault, trainings, "resumed")
    yield from ()
    return training is not None and training.kill()


def _resume_beside(fault: Fault, cluster: Cluster, trainings: Sequence[Training]) -> Course:
    """The shipper is frozen while a process is killed and another goes on: it delivers both attempts side by side."""
    training = _picked(fault, trainings, "resumed")
    if training is None:
        return False
    with _frozen(cluster, training.host.shipper()) as frozen:
        yield _BACKLOG_SECONDS
        done = training.kill()
        yield fault.seconds
    return frozen and done


def _resume_elsewhere(fault: Fault, cluster: Cluster, trainings: Sequence[Training]) -> Course:
    """A run goes on on another host; what its first attempt has left to say comes later than what the second says."""
    training = _picked(fault, trainings, "resumed")
    if training is None:
        return False
    with _frozen(cluster, training.host.shipper()) as frozen:
        yield _BACKLOG_SECONDS
        done = training.kill(_other(cluster, training.host), _FAR_BACK)
        yield fault.seconds
    return frozen and done


def _stale_takeover(fault: Fault, cluster: Cluster, trainings: Sequence[Training]) -> Course:
    """A run goes on elsewhere, a worker is frozen between its inserts of that, and the rest of the first attempt comes.

    So another worker stores rows of a lower seq into the buckets that the frozen one is about to insert, as it knew
    them. It wakes when all that is done.
    """
    training = _picked(fault, trainings, "resumed")
    if training is None:
        return False
    with _frozen(cluster, training.host.shipper()) as frozen:
        yield 2 * _BACKLOG_SECONDS
        done = training.kill(_other(cluster, training.host), _FAR_BACK)
        while training.attempts[-1].ledger.read()[1] < _SOME_ROWS and training.alive:
            yield _POLL_SECONDS
        stale = _freeze_at_insert(fault, cluster, trainings)
        yield next(stale, 0.0)
        asleep = next(stale, 0.0)
    yield asleep  # while the rest of the first attempt comes
    slept = yield from stale
    return frozen and done and slept


def _other(cluster: Cluster, host: Host) -> Host:
    return next(other for other in cluster.hosts if other is not host)


def _freeze_trainer(fault: Fault, cluster: Cluster, trainings: Sequence[Training]) -> Course:
    training = _picked(fault, trainings, "plain")
    return training is not None and (yield from cluster.freeze(training.pid, fault.seconds))


def _freeze_stream(fault: Fault, cluster: Cluster, _: Sequence[Training]) -> Course:
    """One of the workers is frozen until the others have its partitions, and wakes."""
    pids = [(yield from cluster.ready("stream")), *cluster.workers()]
    return (yield from cluster.freeze(pids[fault.pick % len(pids)], fault.seconds))


def _freeze_at_insert(fault: Fault, cluster: Cluster, _: Sequence[Training]) -> Course:
    """The worker is frozen between the inserts of a batch, and does the rest of them when it wakes."""
    pids = [(yield from cluster.ready("stream")), *cluster.workers()]
    with _frozen(cluster, (yield from cluster.ready("clickhouse"))) as pending:
        yield _PENDING_SECONDS
        worker = cluster.freeze(pids[fault.pick % len(pids)], fault.seconds)
        wait = next(worker, None)
    if wait is None:
        return False
    yield wait
    return (yield from worker) and pending


def _add_worker(_: Fault, cluster: Cluster, __: Sequence[Training]) -> Course:
    yield from ()
    if len(cluster.workers()) >= _WORKERS_MAX:
        return False
    cluster.add_worker()
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
    training = _picked(fault, trainings, "small")
    if training is None:
        return False
    yield from cluster.disk.fill(fault.seconds, training.pid)
    return True


def _picked(fault: Fault, among: Sequence[Training], kind: str) -> Training | None:
    alive = [training for training in among if training.rank.kind == kind and training.alive]
    return alive[fault.pick % len(alive)] if alive else None


@contextmanager
def _frozen(cluster: Cluster, pid: int | None) -> Iterator[bool]:
    """Freeze a process meanwhile; whether there is one that was not frozen already."""
    course = cluster.freeze(pid, 0.0)
    try:
        yield next(course, None) is not None
    finally:
        course.close()


_OWN: dict[str, Callable[[Fault, Cluster, Sequence[Training]], Course]] = {
    "kill trainer": _kill_trainer,
    "resume beside": _resume_beside,
    "resume elsewhere": _resume_elsewhere,
    "stale takeover": _stale_takeover,
    "freeze trainer": _freeze_trainer,
    "freeze stream": _freeze_stream,
    "freeze stream at insert": _freeze_at_insert,
    "add worker": _add_worker,
    "stop worker": _stop_worker,
    "kill worker": _kill_worker,
    "fill disk": _fill_disk,
}
