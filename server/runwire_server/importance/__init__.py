"""Which parameters matter: rank correlations, and importances by fANOVA and PED-ANOVA.

::

    columns  what each key's values are: numbers, categories, too many to tell
    measure  SciPy's and Optuna's judgement, over resamples of the runs
    apart    runs `measure` in a process of its own

The libraries take two seconds and 200 MB to load and a processor to run, so the server never loads them: a process
does, which is gone afterwards.
"""

from __future__ import annotations

from runwire_server.importance.apart import Importance, ImportanceError, importance

__all__ = ["Importance", "ImportanceError", "importance"]
