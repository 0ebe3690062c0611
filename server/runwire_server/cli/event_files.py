"""TensorBoard's event files: the scalars in them.

A file is a sequence of records, each ``| size u64 | masked CRC-32C of it u32 | body | masked CRC-32C of that u32 |``,
little-endian; a body is an ``Event`` in protobuf. Of its messages only what scalars need is declared here; whatever
else an event holds is passed over by protobuf itself.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from crc32c import crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

_HEADER, _FOOTER = struct.Struct("<QI"), struct.Struct("<I")
_MASK = 0xA282EAD8
#: No event is larger; a size beyond is damage.
_BODY_BYTES_MAX = 1 << 30

#: message: {field: (number, type, whether there may be many)}; a type with a capital letter is a message.
_MESSAGES: dict[str, dict[str, tuple[int, str, bool]]] = {
    "Event": {"wall_time": (1, "double", False), "step": (2, "int64", False), "summary": (5, "Summary", False)},
    "Summary": {"value": (1, "Value", True)},
    "Value": {
        "tag": (1, "string", False),
        "simple_value": (2, "float", False),
        "image": (4, "bytes", False),
        "histo": (5, "bytes", False),
        "audio": (6, "bytes", False),
        "tensor": (8, "Tensor", False),
        "metadata": (9, "Metadata", False),
    },
    "Metadata": {"plugin_data": (1, "PluginData", False)},
    "PluginData": {"plugin_name": (1, "string", False)},
    "Tensor": {
        "dtype": (1, "int32", False),
        "tensor_content": (4, "bytes", False),
        "float_val": (5, "float", True),
        "double_val": (6, "double", True),
    },
}
#: Scalars are written as float32, by some as float64: how ``tensor_content`` holds them, and which field else.
_DTYPES = {1: ("<f", "float_val"), 2: ("<d", "double_val")}


@dataclass(frozen=True)
class Scalars:
    """Scalars that were logged together.

    Attributes:
        step: their step.
        time: when, seconds since 1970.
        values: by tag.
    """

    step: int
    time: float
    values: dict[str, float]


@dataclass
class EventFile:
    """The reading of one file.

    Attributes:
        path: the file.
        size: how many bytes of it are read.
        left_out: how many values of each kind are no scalars.
        damage: what of it cannot be read, None if all of it can.
    """

    path: Path
    size: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    damage: str | None = None

    def read(self) -> Iterator[Scalars]:
        """Yield the scalars of each event. A record that is damaged is named and left out; one cut short ends the file.

        Raises:
            OSError: the file cannot be read.
        """
        kind = _event()
        with self.path.open("rb") as file:
            while (body := self._record(file)) is not None:
                try:
                    event = kind.FromString(body)
                except message.DecodeError:
                    self._damaged("holds no event")
                    continue
                values = {}
                for value in event.summary.value:
                    number = self._number(value)
                    if number is not None:
                        values[value.tag] = number
                if values:
                    yield Scalars(event.step, event.wall_time, values)

    def _record(self, file: IO[bytes]) -> bytes | None:
        """Return the next record's body, None at the end, or where the rest cannot be read."""
        while header := file.read(_HEADER.size):
            if len(header) < _HEADER.size:
                self._damaged("is cut short")
                break
            size, checksum = _HEADER.unpack(header)
            if _masked(header[:8]) != checksum or size > _BODY_BYTES_MAX:
                self._damaged("has no size; the rest of the file is left out")
                break
            rest = file.read(size + _FOOTER.size)
            if len(rest) < size + _FOOTER.size:
                self._damaged("is cut short")
                break
            body = rest[:size]
            whole = _masked(body) == _FOOTER.unpack_from(rest, size)[0]
            if not whole:
                self._damaged("is damaged")
            self.size += len(header) + len(rest)
            if whole:
                return body
        return None

    def _damaged(self, how: str) -> None:
        self.damage = self.damage or f"the record at byte {self.size:,} {how}"

    def _number(self, value: Any) -> float | None:
        """Return a value's scalar; None if it is none, which is counted."""
        kind = value.WhichOneof("value")
        if kind == "simple_value":
            return float(value.simple_value)
        plugin = value.metadata.plugin_data.plugin_name
        if kind == "tensor" and plugin == "scalars" and (number := _scalar(value.tensor)) is not None:
            return number
        named = {"histo": "histograms", "image": "images", "audio": "audio"}
        self.left_out[named.get(kind or "", plugin or "others")] += 1
        return None


def _scalar(tensor: Any) -> float | None:
    """Return a tensor's one value as float64, None if it has another number of them, or of another type."""
    form, name = _DTYPES.get(tensor.dtype, ("", ""))
    if not form:
        return None
    if len(tensor.tensor_content) == struct.calcsize(form):
        return float(struct.unpack(form, tensor.tensor_content)[0])
    values = getattr(tensor, name)
    return float(values[0]) if len(values) == 1 else None


def _masked(data: bytes) -> int:
    checksum: int = crc32c(data)
    return ((checksum >> 15 | checksum << 17) + _MASK) & 0xFFFFFFFF


@lru_cache
def _event() -> Any:
    """Return protobuf's class of events, made of what is declared above."""
    package = "runwire.tensorboard"
    file = descriptor_pb2.FileDescriptorProto(name="runwire/tensorboard.proto", package=package, syntax="proto3")
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        if name == "Value":
            described.oneof_decl.add(name="value")
        for title, (number, kind, many) in fields.items():
            one = described.field.add(name=title, number=number)
            one.label = one.LABEL_REPEATED if many else one.LABEL_OPTIONAL
            if kind[0].isupper():
                one.type, one.type_name = one.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                one.type = one.Type.Value(f"TYPE_{kind.upper()}")
            if name == "Value" and title not in ("tag", "metadata"):
                one.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Event"))
