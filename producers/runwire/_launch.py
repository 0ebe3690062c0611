"""What launchers tell only those who ask: torchrun's agents by their store, Ray Train by its context."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from runwire._say import logger

_STORE_SECONDS = 5.0
_KEY = "runwire/launch"


def torchrun() -> str | None:
    """Return what names this launch of torchrun on all of its nodes; None if nobody knows.

    Its agents keep a store for their processes from the launch to its end, restarts of the processes included: the
    first process that asks puts a name there. It takes a connection, to where torch.distributed makes one anyway, and
    the import of torch if that was not imported.
    """
    address, port = os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT", "")
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True" or not address or not port.isdecimal():
        return None
    try:
        from torch.distributed import TCPStore  # noqa: PLC0415 -- only who was started by torchrun has it
    except ImportError:
        return None
    from datetime import timedelta  # noqa: PLC0415 -- likewise

    try:
        wait = timedelta(seconds=_STORE_SECONDS)
        store = TCPStore(address, int(port), is_master=False, timeout=wait, wait_for_workers=False)
        return str(store.compare_set(_KEY, "", os.urandom(16).hex()).decode())
    except (RuntimeError, ValueError) as error:  # those of torch.distributed are RuntimeErrors
        logger.warning("torchrun's store at %s:%s does not answer: %.200s", address, port, error)
        return None


@dataclass(frozen=True)
class RayWorker:
    """A worker of Ray Train.

    Attributes:
        job: what names the training in all of its workers, also those that are started anew, and no other.
        variables: its place, as torchrun would tell it; Ray sets these itself for PyTorch alone.
    """

    job: str
    variables: Mapping[str, str]


def ray_worker() -> RayWorker | None:
    """Return which worker of Ray Train this process is; None if it is none, or the only one."""
    ray, train = sys.modules.get("ray"), sys.modules.get("ray.train")
    if ray is None or train is None or not ray.is_initialized():
        return None
    try:
        context, runtime = train.get_context(), ray.get_runtime_context()
        # A name that a driver uses again is gone on with by Ray, too; before its second version a trial has one more.
        named = context.get_experiment_name()
        trial = "" if type(context).__module__.startswith("ray.train.v2.") else context.get_trial_id()
        job = f"ray/{runtime.get_session_name()}/{runtime.get_job_id()}/{named}/{trial}"
        places = {
            "RANK": context.get_world_rank(),
            "WORLD_SIZE": context.get_world_size(),
            "LOCAL_RANK": context.get_local_rank(),
            "GROUP_RANK": context.get_node_rank(),
        }
    except Exception:  # noqa: BLE001 -- a driver, or another worker of Ray's: each version says so in another way
        return None
    if not all(type(number) is int for number in places.values()) or places["WORLD_SIZE"] < 2:  # as a driver's, say
        return None
    return RayWorker(job, {name: str(number) for name, number in places.items()})
