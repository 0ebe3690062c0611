"""Record batches as bytes, as they come: an Arrow stream, a Parquet file, CSV."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        media_type: its name in HTTP.
        suffix: of files.
        open: makes a writer of batches (``write_batch``, ``close``) from a file and a schema.
    """

    media_type: str
    suffix: str
    open: Callable[[Any, pa.Schema], Any]


def _arrow(sink: Any, schema: pa.Schema) -> Any:
    return pa.ipc.new_stream(sink, schema)


def _parquet(sink: Any, schema: pa.Schema) -> Any:
    # Values are mostly all different, so a dictionary of them would only be built to be given up.
    return pa.parquet.ParquetWriter(
        sink, schema, compression="zstd", compression_level=1, use_dictionary=["run", "metric"]
    )


class _Csv:
    """CSV with a header; texts instead of dictionaries, for which its writer has no form."""

    def __init__(self, sink: Any, schema: pa.Schema) -> None:
        plain = [
            field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in schema
        ]
        self._schema = pa.schema(plain)
        self._writer = pa.csv.CSVWriter(sink, self._schema)

    def write_batch(self, batch: pa.RecordBatch) -> None:
        self._writer.write_table(pa.Table.from_batches([batch]).cast(self._schema))

    def close(self) -> None:
        self._writer.close()


FORMATS = {
    "arrow": Format("application/vnd.apache.arrow.stream", ".arrows", _arrow),
    "parquet": Format("application/vnd.apache.parquet", ".parquet", _parquet),
    "csv": Format("text/csv; charset=utf-8", ".csv", _Csv),
}


def encoded(schema: pa.Schema, batches: Iterable[pa.RecordBatch], format: Format) -> Iterator[bytes]:  # noqa: A002
    """Yield a file's bytes; what is not yet yielded is at most what one batch became.

    Args:
        schema: of the batches, of which there may be none.
        batches: what to write.
        format: one of `FORMATS`.
    """
    sink = _Sink()
    writer = format.open(sink, schema)
    for batch in batches:
        writer.write_batch(batch)
        if chunk := sink.taken():
            yield chunk
    writer.close()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that is only written to, and from which is taken what has been written."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """Say that it can be."""
        return True

    def tell(self) -> int:
        """Return how much was written in all: Parquet's footer names places."""
        return self._size

    def write(self, data: Any) -> int:
        """Keep bytes until they are taken."""
        chunk = bytes(data)
        self._chunks.append(chunk)
        self._size += len(chunk)
        return len(chunk)

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        chunks, self._chunks = self._chunks, []
        return b"".join(chunks)
