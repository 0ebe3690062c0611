"""``python -m runwire.compat SCRIPT …`` runs a program with Runwire's wandb.

The program takes this process' place, so that it finds all else as if it had been started by itself: its name, its
folder on the path, its signals, and whatever it starts.
"""

from __future__ import annotations

import os
import sys

from runwire import compat

_USAGE = "usage: python -m runwire.compat SCRIPT [ARGUMENT …], or -m MODULE [ARGUMENT …], or -c CODE"


def main() -> int:
    """Run the program. Return, with an exit code, only if there is none to run."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    flags = sys.orig_argv[1 : len(sys.orig_argv) - len(arguments) - 2]  # Python's own, before `-m runwire.compat`
    compat.hand_on(os.environ)
    return os.execv(sys.executable, [sys.executable, *flags, *arguments])  # noqa: S606 -- what we are told to run


if __name__ == "__main__":
    sys.exit(main())
