"""Config and summary: what a run says of itself besides its metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runwire._values import mapping, plain
from runwire.errors import UsageError

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
            values: a dict, or whatever `runwire.init` takes as config.
            more: further keys.

        Raises:
            UsageError: ``values`` is none of these.
        """
        own, told = _read(values, more)
        self._set(own, told)

    def as_dict(self) -> dict[str, Any]:
        """Return a copy of the keys and values."""
        return dict(self._values)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key.

        Args:
            key: its name.
            default: what to return if there is no such key.
        """
        return self._values.get(key, default)

    def keys(self) -> Any:
        """Return the keys."""
        return self._values.keys()

    def values(self) -> Any:
        """Return the values."""
        return self._values.values()

    def items(self) -> Any:
        """Return the keys with their values."""
        return self._values.items()

    def _set(self, own: dict[str, Any], told: dict[str, Any]) -> None:
        self._values.update(own)
        if told:
            self._told(told)

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
    """What a run is configured with.

    ::

        run.config.learning_rate = 3e-4
        for epoch in range(run.config["epochs"]):
            ...

    A value that is changed is recorded, and said once a key: what a run was configured with should not change
    unnoticed. ``update(..., allow_val_change=True)`` changes in silence, ``allow_val_change=False`` refuses to.
    """

    __slots__ = ("_changed",)
    _changed: Callable[[str, Any, Any], None]

    def __init__(self, told: _Told, values: Mapping[str, Any] | None, changed: Callable[[str, Any, Any], None]) -> None:
        super().__init__(told, values)
        object.__setattr__(self, "_changed", changed)

    def update(self, values: Any = None, /, *, allow_val_change: bool | None = None, **more: Any) -> None:
        """Set several keys at once.

        ::

            run.config.update({"optimizer": "adamw", "lr": 3e-4})
            run.config.update(args, allow_val_change=True)

        Args:
            values: a dict, or whatever `runwire.init` takes as config.
            allow_val_change: whether a key may get another value than it has: None for yes, but say so.
            more: further keys.

        Raises:
            UsageError: ``values`` is none of these, or a value would change that may not; nothing is set then.
        """
        own, told = _read(values, more)
        if allow_val_change is not True:
            for key in own.keys() & self._values.keys():
                if _differs(plain(self._values[key]), told[key]):
                    self._differing(key, own[key], refuse=allow_val_change is False)
        self._set(own, told)

    def setdefaults(self, values: Any = None, /, **more: Any) -> None:
        """Set those keys that have no value yet.

        ::

            run.config.setdefaults({"lr": 1e-3, "batch_size": 32})

        Args:
            values: a dict, or whatever `runwire.init` takes as config.
            more: further keys.

        Raises:
            UsageError: ``values`` is none of these.
        """
        own, told = _read(values, more)
        new = {key: value for key, value in own.items() if key not in self._values}
        self._set(new, {key: told[key] for key in new})

    def _differing(self, key: str, value: Any, *, refuse: bool) -> None:
        if refuse:
            raise UsageError(
                f"config.{key} is {self._values[key]!r:.80} and would become {value!r:.80}: pass allow_val_change=True "
                "to change it"
            )
        self._changed(key, self._values[key], value)


class Summary(Facts):
    """What a run came to: set by the training, beside the last value of each metric.

    ::

        run.summary["best_accuracy"] = best
    """


def _read(values: Any, more: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the keys with the values themselves, and with what is recorded of them."""
    own, told = mapping({} if values is None else values, "update()'s argument")
    return own | more, told | {key: plain(value) for key, value in more.items()}


def _differs(one: Any, other: Any) -> bool:
    return bool(one != other and (one == one or other == other))  # noqa: PLR0124 -- a NaN is not another NaN
