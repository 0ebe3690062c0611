"""Programs written for wandb, run as such, and the runs that they leave."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

#: They reach nobody, and say so to nobody.
_ALONE = {"HF_HUB_OFFLINE": "1", "YOLO_OFFLINE": "true", "RAY_USAGE_STATS_ENABLED": "0", "CUDA_VISIBLE_DEVICES": ""}

_SECONDS_MAX = 570


def ran(code: str, folder: Path, *words: str, **environment: str) -> list[Path]:
    """Run a program by ``python -m runwire.compat``; return its runs' spools, in the order in which they began.

    Args:
        code: the program.
        folder: where it is written and works.
        words: its arguments.
        environment: more variables.
    """
    program = folder / "program.py"
    program.write_text(code)
    around = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # some ask for it
    with (folder / "output").open("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "runwire.compat", str(program), *words],
            env={**around, **_ALONE, **environment},
            cwd=folder,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            code_of_it = process.wait(_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            code_of_it = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started, too
        process.wait()
        output.seek(0)
        assert code_of_it == 0, output.read()[-8000:]
    found = Path(os.environ["RUNWIRE_HOME"]).glob("spool/*/*/*/*/meta.json")
    return sorted((meta.parent for meta in found), key=lambda spool: (spool / "meta.json").stat().st_mtime_ns)
