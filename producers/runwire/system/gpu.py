"""The GPUs of this process, read by NVML as nvidia-ml-py has it (`pynvml`).

NVML counts all GPUs of the host, in the order of their PCI addresses; CUDA shows a process those that
``CUDA_VISIBLE_DEVICES`` names, by index, or by UUID or the beginning of one. Where GPUs of several kinds are in a host
the two count alike only with ``CUDA_DEVICE_ORDER=PCI_BUS_ID``, which is for the job to set. Instances of a GPU (MIG)
have no figures of their own and are passed over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from runwire._say import logger
from runwire.wire.names import SYSTEM

#: Is there where NVIDIA's driver is.
DRIVER = Path("/proc/driver/nvidia/version")
_MILLIWATTS = 1000


def find(local_rank: int | None) -> Gpus | None:
    """Return the GPUs of this process; None if there is none, or NVML is missing, which is said where there is a GPU.

    Args:
        local_rank: which of the host's processes of the job this is: where it sees several GPUs, it is the one with
            this number that it is taken to use. None for all that it sees.
    """
    try:
        import pynvml  # noqa: PLC0415 -- is not there on most machines
    except ImportError:
        if DRIVER.exists():
            logger.info("no figures of the GPUs: `pip install nvidia-ml-py` brings them")
        return None
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        uuids = [pynvml.nvmlDeviceGetUUID(handle) for handle in handles]
    except pynvml.NVMLError as error:
        if DRIVER.exists():
            logger.info("no figures of the GPUs: NVML says %s", error)
        return None
    mine = own(uuids, os.environ.get("CUDA_VISIBLE_DEVICES"), local_rank)
    return Gpus(pynvml, {index: handles[index] for index in mine}) if mine else None


def own(uuids: Sequence[str], visible: str | None, local_rank: int | None) -> list[int]:
    """Return which GPUs a process uses, by NVML's index.

    Args:
        uuids: of all GPUs, by index.
        visible: as ``CUDA_VISIBLE_DEVICES`` has it; None for all.
        local_rank: as `find` takes it.
    """
    seen = list(range(len(uuids))) if visible is None else _seen(uuids, visible)
    return seen[local_rank : local_rank + 1] if local_rank is not None and local_rank < len(seen) else seen


def _seen(uuids: Sequence[str], visible: str) -> list[int]:
    """Return the GPUs that CUDA shows: up to the first word that names none."""
    seen = []
    for word in visible.split(","):
        name = word.strip()
        if name.isdecimal():
            found = [int(name)] if int(name) < len(uuids) else []
        else:
            found = [index for index, uuid in enumerate(uuids) if name and uuid.startswith(name)]
        if len(found) != 1:
            break
        seen += found
    return seen


class Gpus:
    """Some GPUs.

    Args:
        nvml: `pynvml`, begun.
        handles: its handles by index.
    """

    def __init__(self, nvml: Any, handles: dict[int, Any]) -> None:
        self._nvml, self._handles = nvml, handles

    def about(self) -> list[dict[str, Any]]:
        """Return of each its index, name, UUID, PCI address, and memory in bytes, as far as NVML tells."""
        nvml = self._nvml
        asked: dict[str, Callable[[Any], Any]] = {
            "name": nvml.nvmlDeviceGetName,
            "uuid": nvml.nvmlDeviceGetUUID,
            "pci": lambda handle: nvml.nvmlDeviceGetPciInfo(handle).busId,
            "memory": lambda handle: nvml.nvmlDeviceGetMemoryInfo(handle).total,
        }
        return [{"index": index, **self._told(asked, handle)} for index, handle in self._handles.items()]

    def read(self) -> dict[str, float]:
        """Return the figures; see docs/sdk.md."""
        nvml = self._nvml
        asked: dict[str, Callable[[Any], float]] = {
            "utilisation": lambda handle: nvml.nvmlDeviceGetUtilizationRates(handle).gpu,
            "memory": lambda handle: nvml.nvmlDeviceGetMemoryInfo(handle).used,
            "memory_percent": lambda handle: _percent(nvml.nvmlDeviceGetMemoryInfo(handle)),
            "power": lambda handle: nvml.nvmlDeviceGetPowerUsage(handle) / _MILLIWATTS,
            "temperature": lambda handle: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU),
            "clock": lambda handle: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM),
            # By its old name, which drivers of before 535 know, too.
            "throttle": nvml.nvmlDeviceGetCurrentClocksThrottleReasons,
        }
        return {
            f"{SYSTEM}gpu/{index}/{name}": float(value)
            for index, handle in self._handles.items()
            for name, value in self._told(asked, handle).items()
        }

    def _told(self, asked: dict[str, Callable[[Any], Any]], handle: Any) -> dict[str, Any]:
        """Return what NVML tells of a GPU; what one of its kind cannot tell is left out."""
        told = {}
        for name, ask in asked.items():
            try:
                value = ask(handle)
            except self._nvml.NVMLError:
                continue
            told[name] = value.decode() if isinstance(value, bytes) else value
        return told


def _percent(memory: Any) -> float:
    return 100 * float(memory.used) / float(memory.total)
