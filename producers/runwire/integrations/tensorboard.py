"""TensorBoard: what a program's own summary writers write goes into a run, too."""

from __future__ import annotations

import functools
import importlib
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import runwire
from runwire.errors import UsageError
from runwire.integrations._runs import chosen

#: The classes through which torch.utils.tensorboard and tensorboardX write their events.
_WRITERS = ("tensorboard.summary.writer.event_file_writer", "tensorboardX.event_file_writer")
#: Of a tensor's data types in TensorFlow's numbering: how its bytes are read.
_FORMATS = {1: "<f", 2: "<d", 3: "<i", 9: "<q"}


class Sync:
    """What `sync_tensorboard` began.

    Args:
        run: the run that is logged into.
        root: the folder whose writers have no prefix; None for that of the first that writes.
    """

    def __init__(self, run: runwire.Run, root: str | os.PathLike[str] | None) -> None:
        self._run = run
        self._root = Path(root).absolute() if root is not None else None
        self._undo: list[Callable[[], None]] = []

    def patch(self, writer: type[Any]) -> None:
        """Have each event that writers of this class are given come here, too."""
        original = writer.add_event

        @functools.wraps(original)
        def add_event(own: Any, event: Any) -> Any:
            self._take(event, Path(own.get_logdir()))
            return original(own, event)

        writer.add_event = add_event
        self._undo.append(lambda: setattr(writer, "add_event", original))

    def stop(self) -> None:
        """Sync no longer."""
        while self._undo:
            self._undo.pop()()

    def _take(self, event: Any, folder: Path) -> None:
        if self._run.finished or not event.HasField("summary"):
            return
        row = {}
        for value in event.summary.value:
            scalar = _scalar(value)
            if scalar is not None:
                row[self._prefix(folder) + value.tag] = scalar
        if row:
            self._run.log(row, step=event.step)

    def _prefix(self, folder: Path) -> str:
        """Return what is put before a writer's tags: its folder, as seen from the first one's."""
        folder = folder.absolute()
        if self._root is None:
            self._root = folder
        if folder == self._root:
            return ""
        inside = folder.is_relative_to(self._root)
        return f"{folder.relative_to(self._root).as_posix() if inside else folder.name}/"


def sync_tensorboard(run: runwire.Run | None = None, *, root: str | os.PathLike[str] | None = None) -> Sync:
    """Log the scalars that this process writes for TensorBoard from now on, under their tags and at their steps.

    It takes those of ``torch.utils.tensorboard`` and ``tensorboardX``, whose files are written as ever; what was
    written before, or is written by TensorFlow, is read by ``runwire import tensorboard``. Of several writers those of
    other folders than the first have the folder's name before their tags.

    ::

        runwire.init(project="digits")
        sync_tensorboard()
        writer = SummaryWriter()

    Args:
        run: the run to log into; None for the current one.
        root: the folder whose writers have no prefix; None for that of the first that writes.

    Returns:
        What ends it: ``stop()``.

    Raises:
        RunFinishedError: there is no run.
        UsageError: neither library is installed.
    """
    sync = Sync(chosen(run, "sync_tensorboard()"), root)
    found = 0
    for name in _WRITERS:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        sync.patch(module.EventFileWriter)
        found += 1
    if not found:
        raise UsageError("sync_tensorboard() takes what tensorboard or tensorboardX write: install one of them")
    return sync


def _scalar(value: Any) -> float | None:
    """Return the number that a summary's value is; None if it is none."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind != "tensor" or any(dimension.size != 1 for dimension in value.tensor.tensor_shape.dim):
        return None
    tensor = value.tensor
    if tensor.tensor_content and tensor.dtype in _FORMATS:
        return float(struct.unpack(_FORMATS[tensor.dtype], tensor.tensor_content)[0])
    return next((float(held[0]) for held in (tensor.float_val, tensor.double_val, tensor.int_val) if held), None)
