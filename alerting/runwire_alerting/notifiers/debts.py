"""What one receiver is owed: of each alert its notices, one behind the other, of which only the first is offered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runwire.wire import Alert


@dataclass(eq=False, slots=True)
class Owed:
    """A notice that a receiver is owed.

    Attributes:
        repeat: 0 when it is told at first, then counts up.
        due: when it is to be offered next, by the monotonic clock.
        began: when it was first due.
        attempts: how often it was refused.
    """

    alert: Alert
    repeat: int
    due: float
    began: float
    attempts: int = 0


class Debts:
    """All notices that are owed, those of the alert that has waited longest first."""

    def __init__(self) -> None:
        self._of: dict[str, list[Owed]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Owed]:
        return (owed for notices in self._of.values() for owed in notices)

    def alerts(self) -> list[str]:
        """Return the ids of the alerts of which something is owed."""
        return list(self._of)

    def of(self, alert: str) -> list[Owed]:
        """Return what is owed of an alert, in order."""
        return self._of.get(alert, [])

    def first(self, alert: str) -> Owed | None:
        """Return the notice of an alert that is to be taken before the others, None if none is owed."""
        return next(iter(self.of(alert)), None)

    def put(self, alert: str, notices: list[Owed]) -> None:
        """Owe these notices of an alert, and no others."""
        self._count += len(notices) - len(self.of(alert))
        if notices:
            self._of[alert] = notices
        else:
            self._of.pop(alert, None)

    def remove(self, owed: Owed) -> None:
        """Owe a notice no more."""
        self.put(owed.alert.id, [one for one in self.of(owed.alert.id) if one is not owed])
