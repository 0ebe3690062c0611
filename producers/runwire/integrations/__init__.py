"""What logs for a library that trains, tunes or writes logs of its own: a module each, named as the library.

A module imports its library, so it is imported by whoever uses that library, and by nobody else::

    from runwire.integrations.xgboost import RunwireCallback

Those that are called after each step end a training, by its library's own means, whose run was asked to stop; nothing
else of it do they change. They log into the run that is given to them, else into the current one.
"""
