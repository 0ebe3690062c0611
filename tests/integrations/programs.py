"""Programs written for wandb, run as such, and the runs that they leave."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: They reach nobody, and say so to nobody.
_ALONE = {"HF_HUB_OFFLINE": "1", "YOLO_OFFLINE": "true", "RAY_USAGE_STATS_ENABLED": "0", "CUDA_VISIBLE_DEVICES": ""}


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
    done = subprocess.run(
        [sys.executable, "-m", "runwire.compat", str(program), *words],
        env={**os.environ, **_ALONE, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    found = Path(os.environ["RUNWIRE_HOME"]).glob("spool/*/*/*/*/meta.json")
    return sorted((meta.parent for meta in found), key=lambda spool: (spool / "meta.json").stat().st_mtime_ns)
