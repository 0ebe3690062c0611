"""What the shipper counts, and the file that tells it: ``shipper.prom``, in Prometheus' text format.

A shipper has no port. Prometheus' node_exporter reads such files from a folder (its textfile collector), and so may
whoever looks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runwire.shipper.batch import Batch

FILE = "shipper.prom"


@dataclass
class Tally:
    """Counts since the shipper started.

    Attributes:
        records: acknowledged records by lane, bulk (rows) or urgent (events and pulses).
        sent_bytes: their bytes.
        rows: rows in the bulk ones.
        failures: how often a connection to Kafka could not be made, or failed; what was on its way is sent again.
        files: files that the server's store has acknowledged.
        file_bytes: their bytes.
        files_refused: files that were changed between their log and their upload, and are dropped.
        upload_failures: how often the server took no files.
    """

    records: dict[str, int] = field(default_factory=lambda: {"bulk": 0, "urgent": 0})
    sent_bytes: dict[str, int] = field(default_factory=lambda: {"bulk": 0, "urgent": 0})
    rows: int = 0
    failures: int = 0
    files: int = 0
    file_bytes: int = 0
    files_refused: int = 0
    upload_failures: int = 0
    _uploading: threading.Lock = field(default_factory=threading.Lock)

    def acknowledged(self, lane: str, batch: Batch) -> None:
        """Count a batch that Kafka has."""
        self.records[lane] += batch.records
        self.sent_bytes[lane] += batch.size
        self.rows += batch.rows

    def uploaded(self, size: int) -> None:
        """Count a file that the server has. As the next two, from any thread."""
        with self._uploading:
            self.files += 1
            self.file_bytes += size

    def file_refused(self) -> None:
        """Count a file that is dropped."""
        with self._uploading:
            self.files_refused += 1

    def upload_failed(self) -> None:
        """Count a failure of the server's."""
        with self._uploading:
            self.upload_failures += 1


def write(folder: Path, tally: Tally, *, waiting_bytes: int, spools: int, connected: bool) -> None:
    """Write the file into ``folder``, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    families = (
        ("waiting_bytes", "gauge", "Bytes in the spools of this host that are not delivered.", {"": waiting_bytes}),
        ("spools", "gauge", "Spools that are being delivered, of runs that go on and of others.", {"": spools}),
        ("connected", "gauge", "1 if a Kafka that is to take data takes them, else 0.", {"": int(connected)}),
        ("records_total", "counter", "Records that Kafka acknowledged.", _by_lane(tally.records)),
        ("sent_bytes_total", "counter", "Bytes of those records.", _by_lane(tally.sent_bytes)),
        ("rows_total", "counter", "Rows in those records.", {"": tally.rows}),
        ("link_failures_total", "counter", "Connections to Kafka that failed.", {"": tally.failures}),
        ("files_total", "counter", "Files that the server's store acknowledged.", {"": tally.files}),
        ("file_bytes_total", "counter", "Bytes of those files.", {"": tally.file_bytes}),
        ("files_refused_total", "counter", "Files that were changed before their upload.", {"": tally.files_refused}),
        ("upload_failures_total", "counter", "Times that the server took no files.", {"": tally.upload_failures}),
    )
    new = folder / f"{FILE}.new"
    new.write_text("".join(line for family in families for line in _lines(*family)), encoding="utf-8")
    new.replace(folder / FILE)


def _by_lane(counts: dict[str, int]) -> dict[str, int]:
    return {f'{{lane="{lane}"}}': count for lane, count in counts.items()}


def _lines(name: str, kind: str, about: str, values: dict[str, int]) -> Iterator[str]:
    yield f"# HELP runwire_shipper_{name} {about}\n# TYPE runwire_shipper_{name} {kind}\n"
    for labels, value in values.items():
        yield f"runwire_shipper_{name}{labels} {value}\n"
