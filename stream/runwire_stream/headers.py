"""Headers of metric records, each read once: a run repeats its own with every record, but for the number of rows."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from runwire.wire.frames import RECORD_BYTES_MAX, Header, parse
from runwire.wire.names import are_samples
from runwire_storage.rows import Ints, Series
from runwire_storage.schema import TIME

SERIES_MAX = 50_000
BYTES_MAX = 4 << 20
#: How a header ends that `runwire.wire.encode` wrote, behind the last colon.
_COUNT = re.compile(rb"([1-9][0-9]{0,6})\}\]\}")


class Shape(NamedTuple):
    """What a header says of a frame.

    Attributes:
        series: the places of its K series, and behind them of the series of its times unless it holds them itself.
        keys: K.
        rows: N.
    """

    series: Ints
    keys: int
    rows: int


class Headers:
    """The series that headers name, each with its place, and what the headers said.

    Args:
        series_max: of more series nothing is remembered from batch to batch.
        bytes_max: nor of more bytes of headers, each of whose keys takes some ten times as much beside.

    Attributes:
        names: the series by place; another list once it was begun anew.
    """

    def __init__(self, series_max: int = SERIES_MAX, bytes_max: int = BYTES_MAX) -> None:
        self._series_max, self._bytes_max = series_max, bytes_max
        self._begin()

    def _begin(self) -> None:
        self.names: list[Series] = []
        self._places: dict[Series, int] = {}
        self._known: dict[bytes, tuple[Shape, ...]] = {}
        self._bytes = 0

    def begin_batch(self) -> None:
        """Forget all if that is too much; between two batches, for places last for one."""
        if len(self.names) > self._series_max or self._bytes > self._bytes_max:
            self._begin()

    def read(self, data: bytes) -> tuple[Shape, ...]:
        """Return the shapes of a header's frames.

        Raises:
            WireError: it is no header.
        """
        cut = data.rfind(b":") + 1
        counted = _COUNT.fullmatch(data, cut)
        before = data[:cut]
        if counted and (known := self._known.get(before)):
            count = int(counted[1])
            if known[-1].rows == count:
                return known
            if count <= RECORD_BYTES_MAX:
                return (*known[:-1], known[-1]._replace(rows=count))
        header = parse(data)
        shapes = tuple(self._shape(header, keys, count) for keys, count in zip(header.keys, header.counts, strict=True))
        # Another's JSON may hold a number there that is no count.
        if counted and header.encode() == data:
            self._known[before] = shapes
            self._bytes += len(before)
        return shapes

    def _shape(self, header: Header, keys: tuple[str, ...], count: int) -> Shape:
        # What is measured beside a run has the time as its step, and needs no other.
        named = keys if TIME in keys or are_samples(keys) else (*keys, TIME)
        return Shape(
            np.array([self._place((header.run, key, header.rank)) for key in named], np.int64), len(keys), count
        )

    def _place(self, name: Series) -> int:
        place = self._places.setdefault(name, len(self.names))
        if place == len(self.names):
            self.names.append(name)
        return place
