"""What is silent, and until when."""

from __future__ import annotations

from fnmatch import fnmatchcase

from runwire.wire import Alert, Silence


class Silences:
    """The silences that hold, by their ids."""

    def __init__(self) -> None:
        self._silences: dict[str, Silence] = {}

    def take(self, silence: Silence) -> None:
        """Have a silence hold, in place of one of the same id."""
        self._silences[silence.id] = silence

    def until(self, alert: Alert, now: int) -> int | None:
        """Return until when an alert is silent, None if it is not."""
        return max((one.until for one in self._silences.values() if means(one, alert, now)), default=None)

    def expire(self, now: int) -> None:
        """Forget those that are over."""
        for id_ in [id_ for id_, one in self._silences.items() if one.until <= now]:
            del self._silences[id_]


def means(silence: Silence, alert: Alert, now: int) -> bool:
    """Return whether an alert is one of those that a silence means, and it holds."""
    words = {
        "alert": (alert.id,), "rule": (alert.rule,), "run": (alert.run, alert.name), "project": (alert.project,),
        "host": (alert.host,),
    }  # fmt: skip
    return now < silence.until and all(
        any(fnmatchcase(word, glob) for word in words[about]) for about, glob in silence.match.items()
    )
