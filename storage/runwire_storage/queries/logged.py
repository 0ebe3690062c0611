"""What runs logged by a name, table or media: where it is, and what to say where there is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from runwire_storage.queries.errors import QueryError


def place(rank: int | None, step: int | None) -> tuple[str, dict[str, int]]:
    """Return the condition for a rank and step of what was logged, and what it binds; None means any."""
    wanted = {key: value for key, value in (("rank", rank), ("step", step)) if value is not None}
    return "".join(f" AND {key} = {{{key}:Int64}}" for key in wanted), wanted


class Kind(NamedTuple):
    """What can be logged by a name.

    Attributes:
        error: that there is none.
        word: what people call it.
        how: what makes one.
    """

    error: type[QueryError]
    word: str
    how: str

    def none(self, run: str, name: str, wanted: Mapping[str, int], known: Iterable[str]) -> QueryError:
        """Return the error that a run has none by a name at a rank and step; ``known`` are the names that it has."""
        names = list(dict.fromkeys(known))
        if name in names:
            where = " and ".join(f"{key} {value}" for key, value in wanted.items())
            return self.error(f"run {run} has no {self.word} {name!r} at {where}", "leave that out for the last")
        near = difflib.get_close_matches(name, names, 3, 0.3) or names[:3]
        return self.error(f"run {run} has no {self.word} {name!r}", f"it has {', '.join(near)}" if near else self.how)
