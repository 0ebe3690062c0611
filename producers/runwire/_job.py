"""Which job this process belongs to: its rank, and what all ranks of the job call their run.

A launcher tells each process by variables of its environment, or when it is asked (`_launch`). Where that names the
job itself, and it has several processes, all of them log to one run without being told its id. What is only the same by
habit (a port, an address, an id from the manual) is not taken for a name: two jobs would become one run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from runwire import _launch
from runwire._names import id_of
from runwire.errors import ConfigError, WireError
from runwire.wire.names import check_rank, check_run

#: Rank and number of processes, by launcher, the first that is there: torchrun and whoever does as it does, srun, Open
#: MPI, and those that speak PMI (MPICH, Intel MPI).
_LAUNCHERS = (
    ("RANK", "WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
)
#: The rank among the processes of the job on this host, by launcher.
_LOCAL_RANKS = ("LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID")
#: The number of this host among those of the job.
_NODES = ("GROUP_RANK", "SLURM_NODEID")
#: In which ways a training may be split among its processes.
_GROUPS = ("data", "tensor", "pipeline", "expert")
#: More digits than this are no second of this millennium.
_SECONDS_DIGITS_MAX = 11


def find_run(argument: str | None = None) -> str | None:
    """Return the run's id that the caller or ``RUNWIRE_RUN_ID`` names, or None.

    Raises:
        ConfigError: it is none.
    """
    chosen = argument if argument is not None else os.environ.get("RUNWIRE_RUN_ID") or None
    try:
        return None if chosen is None else check_run(chosen)
    except WireError as error:
        raise ConfigError(f"id: {error}") from None


def find_rank(argument: int | None = None) -> int:
    """Return the rank: the argument, else ``RUNWIRE_RANK``, else what the launcher says, else 0.

    Raises:
        ConfigError: it is none.
    """
    if argument is not None:
        return _rank("rank", argument)
    told = _told()
    for variable in ("RUNWIRE_RANK", *(rank for rank, _ in _LAUNCHERS)):
        text = told.get(variable)
        if text:
            return _rank(variable, int(text) if text.isdecimal() else text)
    return 0


def local_rank() -> int | None:
    """Return which of this host's processes of the job this is, as the launcher says.

    None if it does not say, or if the job has one process only, which has its host and all GPUs that it sees to itself.
    """
    told = _told()
    alone = next((told.get(count) for rank, count in _LAUNCHERS if told.get(rank)), None) == "1"
    return None if alone else _first_number(told, _LOCAL_RANKS)


def parallel() -> dict[str, int]:
    """Return this process's place in its job, as far as the environment says it.

    ``world_size``, ``local_rank`` and ``node`` are the launcher's; ``data``, ``tensor``, ``pipeline`` and ``expert``,
    its ranks in these groups, no launcher knows: the job's own script sets them, as ``RUNWIRE_TENSOR_RANK``.
    """
    told = _told()
    variables: dict[str, Iterable[str]] = {
        "world_size": [count for rank, count in _LAUNCHERS if told.get(rank)],
        "local_rank": _LOCAL_RANKS,
        "node": _NODES,
        **{group: [f"RUNWIRE_{group.upper()}_RANK"] for group in _GROUPS},
    }
    found = {name: _first_number(told, some) for name, some in variables.items()}
    return {name: number for name, number in found.items() if number is not None}


def size() -> int:
    """Return how many processes the launcher says that the job has; 1 if it does not say."""
    told = _told()
    for rank, count in _LAUNCHERS:
        if told.get(rank):
            text = told.get(count, "")
            return int(text) if text.isdecimal() else 1
    return 1


def restarts() -> dict[str, int]:
    """Return how often torchrun has started this job's processes anew, ``count``, and does at most, ``max``.

    Nothing if another launcher, or none, has started them.
    """
    told = _told()
    found = {
        "count": _first_number(told, ["TORCHELASTIC_RESTART_COUNT"]),
        "max": _first_number(told, ["TORCHELASTIC_MAX_RESTARTS"]),
    }
    known = {name: number for name, number in found.items() if number is not None}
    return known if len(known) == len(found) else {}


def time_limit_at() -> int | None:
    """Return when the job's time is over, microseconds since the epoch; None if nothing says so."""
    text = os.environ.get("SLURM_JOB_END_TIME", "")
    return int(text) * 1_000_000 if text.isdecimal() and len(text) <= _SECONDS_DIGITS_MAX else None


def shared_id(number: int) -> str | None:
    """Return the id of the run that all ranks of this job log to, None if the launcher does not name the job.

    Args:
        number: how many runs this process has begun in this way: each rank begins them in the same order.
    """
    named = _named() if size() > 1 else None
    return None if named is None else id_of(f"{named}/{number}")


def _named() -> str | None:
    """Return what names this launch of the job on every one of its hosts, and no other."""
    told = os.environ.get
    if (worker := _launch.ray_worker()) is not None:
        return worker.job
    if told("TORCHELASTIC_RUN_ID"):
        return _named_by_torchrun()
    if told("SLURM_JOB_ID") and told("SLURM_STEP_ID"):
        return _step()
    if told("PMIX_NAMESPACE"):
        return f"pmix/{told('PMIX_NAMESPACE')}"
    for here, all_of_it in (("OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_SIZE"), ("MPI_LOCALNRANKS", "PMI_SIZE")):
        if told(here) and told(here) == told(all_of_it):
            return f"mpi/{_parent()}"
    return None


def _named_by_torchrun() -> str | None:
    told = os.environ.get
    if told("GROUP_WORLD_SIZE") == "1":
        return f"torchrun/{_parent()}"  # its agent, which outlives the processes that it starts anew
    if told("SLURM_JOB_ID") and told("SLURM_STEP_ID"):
        rendezvous = told("TORCHELASTIC_RUN_ID")  # a step may start several; "none" is how nobody named one
        return _step() if rendezvous == "none" else f"torchrun/{rendezvous}/{_step()}"
    launch = _launch.torchrun()
    return None if launch is None else f"torchrun/{launch}"


def _step() -> str:
    told = os.environ.get
    return f"slurm/{told('SLURM_CLUSTER_NAME', '')}/{told('SLURM_JOB_ID')}/{told('SLURM_STEP_ID')}"


def _parent() -> str:
    """Return what tells the parent process from every other on any host: host, boot, process id, and its start."""
    pid, host = os.getppid(), os.uname().nodename
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat, open("/proc/sys/kernel/random/boot_id", "rb") as boot:  # noqa: PTH123
            # The name, in brackets, may hold anything; the start is the 20th field behind it.
            started = stat.read().rpartition(b")")[2].split()[19].decode()
            return f"{host}/{boot.read().decode().strip()}/{pid}/{started}"
    except (OSError, IndexError):  # no /proc, as on macOS
        return f"{host}/{pid}"


def _told() -> Mapping[str, str]:
    """Return the variables in which this process's place in its job stands."""
    worker = _launch.ray_worker()
    return os.environ if worker is None else {**os.environ, **worker.variables}


def _first_number(told: Mapping[str, str], variables: Iterable[str]) -> int | None:
    """Return the first of these variables that is a number."""
    for variable in variables:
        text = told.get(variable, "")
        if text.isdecimal():
            return int(text)
    return None


def _rank(name: str, value: Any) -> int:
    try:
        return check_rank(value)
    except WireError as error:
        raise ConfigError(f"{name}: {error}") from None
