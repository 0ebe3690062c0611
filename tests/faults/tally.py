"""What both kinds of rounds do with what they find: count it, for a table tells all of it, and keep some examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

_Its = TypeVar("_Its", bound="Tally")


@dataclass
class Tally:
    """Counts that can be added up.

    Attributes:
        examples: some of what is wrong, in words.
    """

    examples: list[str] = field(default_factory=list)

    def __add__(self: _Its, other: _Its) -> _Its:  # noqa: PYI019 -- Self is not in Python 3.10
        return type(self)(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})

    def note(self, what: str, found: Iterable[object]) -> int:
        """Keep some examples of what is wrong; return how many there are."""
        wrong = list(found)
        self.examples += [f"{what}: {one}" for one in wrong[:3]]
        return len(wrong)
