"""The ranks to which the same happened: they join the first one's alert."""

from __future__ import annotations

from runwire.wire import Alert
from runwire_alerting import ranks as sets


class Company:
    """Who joined which firing alert.

    Attributes:
        grown: the ids of alerts whose records do not tell all of their company, or of what they explain, yet.
    """

    def __init__(self) -> None:
        self._ranks: dict[str, set[int]] = {}
        self.grown: set[str] = set()

    def join(self, alert: Alert, rank: int) -> None:
        """Have a rank join."""
        known = self._ranks.get(alert.id)
        if known is None:
            known = self._ranks[alert.id] = sets.parse(alert.ranks)
        if rank not in known:
            known.add(rank)
            self.grown.add(alert.id)

    def ranks(self, alert: Alert) -> str:
        """Return all ranks of an alert as text; its record is to tell of them now."""
        self.grown.discard(alert.id)
        known = self._ranks.get(alert.id)
        return alert.ranks if known is None else sets.text(known)

    def leave(self, id_: str) -> None:
        """Forget the company of an alert that is over; what was not recorded yet is nobody's matter any more."""
        self._ranks.pop(id_, None)
        self.grown.discard(id_)
