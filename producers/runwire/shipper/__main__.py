"""``python -m runwire.shipper --home H``: carries this host's spools to Kafka, until there is nothing left to do."""

from __future__ import annotations

import argparse
import logging
import sys

from runwire import _addresses
from runwire._say import logger
from runwire.errors import RunwireError
from runwire.shipper.daemon import IDLE_SECONDS, detach, serve


def main() -> int:
    """Run the shipper. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m runwire.shipper",
        description="Carries this host's spools to Kafka. Runs start it by themselves; `runwire sync` does it at once.",
    )
    parser.add_argument("--home", help="the home (default: RUNWIRE_HOME, else ~/.runwire)")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="ends after so many seconds without work")
    parser.add_argument("--detach", action="store_true", help="go on in the background")
    args = parser.parse_args()
    home = _addresses.find_home(args.home)
    if args.detach:
        detach()
    for handler in logger.handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what matters of it is said by the link
    try:
        return serve(home, args.idle)
    except (RunwireError, OSError) as error:
        logger.error("%s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
