"""Config and summary: what a run says of itself besides its metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runwire._values import mapping, plain

_Told = Callable[[dict[str, Any]], None]


class Facts:
    """Keys and values of a run, by attribute (``config.epochs``) or item (``config["epochs"]``).

    A change is recorded as it is made. Values are plain data (numbers, strings, booleans, None, lists, dicts); of
    anything else the text is recorded, and the value itself is what one reads back in this process.

    Args:
        told: called with {key: plain value} of each change.
        values: what is there from the start; not told.
    """

    __slots__ = ("_told", "_values")
    _told: _Told
    _values: dict[str, Any]

    def __init__(self, told: _Told, values: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_told", told)
        object.__setattr__(self, "_values", dict(values or {}))

    def update(self, values: Any = None, /, **more: Any) -> None:
        """Set several keys at once.

        Args:
            values: a dict, a dataclass or an argparse namespace.
            more: further keys.

        Raises:
            UsageError: ``values`` is none of these.
        """
        told = mapping({} if values is None else values, "update()'s argument")
        own = dict(values) if isinstance(values, Mapping) else told
        self._values.update({str(key): value for key, value in own.items()} | more)
        told |= {key: plain(value) for key, value in more.items()}
        if told:
            self._told(told)

    def as_dict(self) -> dict[str, Any]:
        """Return a copy of the keys and values."""
        return dict(self._values)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default``."""
        return self._values.get(key, default)

    def keys(self) -> Any:
        """Return the keys."""
        return self._values.keys()

    def items(self) -> Any:
        """Return the keys with their values."""
        return self._values.items()

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __getattr__(self, key: str) -> Any:
        try:
            return self._values[key]
        except KeyError:
            have = ", ".join(sorted(self._values)) or "nothing"
            raise AttributeError(f"no {key!r} here; there is: {have}") from None

    def __setattr__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._values!r})"


class Config(Facts):
    """What a run was configured with."""


class Summary(Facts):
    """What a run came to: set by the training, beside the last value of each metric."""
