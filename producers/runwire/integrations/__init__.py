"""What logs for a library that trains, tunes or writes logs of its own: a module each, named as the library.

A module imports its library, so it is imported by whoever uses that library, and by nobody else::

    from runwire.integrations.xgboost import RunwireCallback

None of them stops or changes a training. They log into the run that is given to them, else into the current one.
"""
