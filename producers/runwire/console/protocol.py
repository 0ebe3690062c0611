"""What a training process and its tee agree on.

They say one byte each to the other:

==== ==================================================================================================
d    by the training: say d when all that was written until now is passed on and recorded
0, 1 by the tee: whoever read what the first (second) stream passes on is gone, so nothing is passed on
==== ==================================================================================================
"""

from __future__ import annotations

#: Where the tee finds its descriptors; from STREAMS on there are two a stream, where it reads and where it writes.
CONTROL, LOCK, STREAMS = 3, 4, 5
DRAIN = b"d"
