"""``python -m runwire_server.importance``: reads columns and a target as JSON from stdin, writes their measure."""

from __future__ import annotations

import os
import sys

from runwire.wire import dumps, loads
from runwire_server.importance.columns import Column
from runwire_server.importance.measure import measure

#: It may take a processor for many seconds, on a machine that also trains, stores and watches.
_NICE = 10


def main() -> None:
    """Measure and print."""
    os.nice(_NICE)
    asked = loads(sys.stdin.buffer.read())
    columns = [Column(**column) for column in asked["columns"]]
    sys.stdout.buffer.write(dumps(measure(columns, asked["target"], maximize=asked["maximize"])))


if __name__ == "__main__":
    main()
