"""What the machine does beside a run: processors, memory, disk, network, the run's own process, its GPUs.

The run's companion thread takes a `Sampler`'s samples; each becomes a row of the run's spool, and so has what a row
has: it is stored once, whatever is killed meanwhile. Its metrics' names begin with ``system/``, and its step is the
time (`runwire.wire.names`). docs/sdk.md lists the names with their units.

psutil and NVML are loaded by the first look, in that thread. What cannot be read is left out.
"""

from __future__ import annotations

from runwire.system.sampler import Sampler

__all__ = ["Sampler"]
