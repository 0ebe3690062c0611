"""``python -m runwire_storage.embedded --path FOLDER [--host ADDRESS] [--port PORT]``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from runwire_storage.embedded import serve


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m runwire_storage.embedded",
        description="ClickHouse's engine (chDB) behind ClickHouse's HTTP protocol.",
        epilog="example: python -m runwire_storage.embedded --path data --port 8123, then "
        "curl 'localhost:8123/?query=SELECT+1'",
    )
    parser.add_argument("--path", type=Path, required=True, help="folder of the data; made if it is not there")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on (default: a free one, which the log names)"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    return serve(arguments.path, arguments.host, arguments.port)


if __name__ == "__main__":
    sys.exit(main())
