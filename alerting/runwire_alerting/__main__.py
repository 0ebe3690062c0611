"""``python -m runwire_alerting``: the alerting worker by itself."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from runwire.errors import RunwireError
from runwire_alerting import settings, worker

_EXAMPLES = """examples:
  python -m runwire_alerting --kafka 127.0.0.1:9092
  python -m runwire_alerting --kafka 127.0.0.1:9092 --alert-webhook https://example.org/hook
  RUNWIRE_ALERT_HEARTBEAT_AFTER=120 python -m runwire_alerting --kafka 127.0.0.1:9092 --stalled-after 600

What the rules go by can be set by RUNWIRE_ALERT_<NAME>, in seconds where it is a time:
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the worker until it is told to stop; return the exit code."""
    known = "\n".join(
        f"  {name.upper()} ({field.default or 'none'}): {field.description}"
        for name, field in settings.Settings.model_fields.items()
    )
    parser = argparse.ArgumentParser(
        prog="python -m runwire_alerting",
        description="Watch runs through Kafka and tell when one fails.",
        epilog=_EXAMPLES + known,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    home = Path(os.environ.get("RUNWIRE_HOME") or Path.home() / ".runwire")
    parser.add_argument("--kafka", default=os.environ.get("RUNWIRE_KAFKA"), help="host:port (default: RUNWIRE_KAFKA)")
    parser.add_argument(
        "--alert-webhook", action="append", default=[], metavar="URL", help="post alerts there; may be repeated"
    )
    parser.add_argument("--server", default=os.environ.get("RUNWIRE_SERVER"), help="the page's address, for links")
    parser.add_argument("--home", type=Path, default=home, help="default: RUNWIRE_HOME, else ~/.runwire")
    parser.add_argument("--stalled-after", type=float, metavar="SECONDS", help="see STALLED_AFTER below")
    parser.add_argument("--heartbeat-after", type=float, metavar="SECONDS", help="see HEARTBEAT_AFTER below")
    parser.add_argument("--metrics-host", default="127.0.0.1", help="where /metrics is told (default: %(default)s)")
    parser.add_argument("--metrics-port", type=int, help="... and on which port (default: not at all)")
    given = parser.parse_args(arguments)
    if not given.kafka:
        parser.error("where is Kafka? Give --kafka HOST:PORT or set RUNWIRE_KAFKA")
    try:
        numbers = settings.load(stalled_after=given.stalled_after, heartbeat_after=given.heartbeat_after)
        return worker.run(
            given.kafka,
            given.alert_webhook,
            given.home / "alerting",
            given.server,
            numbers,
            metrics_host=given.metrics_host,
            metrics_port=given.metrics_port,
        )
    except RunwireError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
