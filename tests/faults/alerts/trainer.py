"""A training of the fault rounds of alerting: goes wrong in one way, or in none.

python trainer.py RUN nan|killed|raises|well|messages [COUNT]
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time

import runwire
from faults.alerts.plan import title

_STEPS, _STEP_SECONDS = 10, 0.05


def main(name: str, does: str, count: int) -> None:
    """Train."""
    run = runwire.init(project="faults", id=name)
    for step in range(_STEPS):
        run.log({"loss": 1 / (1 + step)})
        time.sleep(_STEP_SECONDS)
    if does == "nan":
        run.log({"loss": math.nan})
    elif does == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif does == "raises":
        raise RuntimeError("on purpose")
    for number in range(count):
        run.alert(title(number), "on purpose")
    run.finish()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
