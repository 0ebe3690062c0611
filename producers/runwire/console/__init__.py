"""Console output: what a training process, its C code and its children write to their standard output and error.

::

    capture   the training's end: descriptors 1 and 2 lead to a pipe, or to a terminal of our own
    protocol  what the training and the tee agree on
    tee       a process of its own: passes each byte on at once, and records lines
    lines     what a terminal would show of it: a progress bar that is rewritten is one line
    flood     how much of it is recorded
    record    the record in the spool's folder

The tee starts without the rest of `runwire`, so that it is there at once: what it consists of imports the standard
library and modules of this package alone, and this one imports nothing.
"""
