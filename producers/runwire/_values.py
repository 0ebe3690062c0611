"""What can be logged, as numbers, and what can be told, as plain data.

Nothing here raises for a value that it does not understand: it says what is wrong, and the rest is kept.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runwire.errors import UsageError, WireError
from runwire.wire.leaves import PATH_MAX, bounded
from runwire.wire.names import METRIC_BYTES_MAX, SYSTEM, check_metric, is_system

#: Called with (what it is about, kind of problem, text).
Warn = Callable[[str, str, str], None]

_DEPTH_MAX = 16
#: What a training logs under a name of the machine's figures gets this before it.
LOGGED = "logged/"
#: Libraries whose figures and pictures are taken as they are.
_FIGURES = {"PIL", "matplotlib", "plotly"}
#: A text is cut at so many characters.
TEXT_MAX = 1 << 16


class Logged:
    """What may be logged besides numbers, alone or several in a list."""


class _UnloggableError(Exception):
    pass


def loggable(data: Mapping[Any, Any], warn: Warn) -> tuple[dict[str, float], dict[str, list[Logged]]]:
    """Return what ``data`` holds under flat names, nested mappings joined by ``/``: numbers as floats, and the others.

    Args:
        data: as it was logged.
        warn: told of what is none of these.
    """
    found: dict[str, float] = {}
    others: dict[str, list[Logged]] = {}
    _flatten(data, "", 0, (found, others), warn)
    return found, others


def number(value: Any, warn_inexact: Callable[[str], None]) -> float:
    """Return the float64 that a value is.

    Accepted are floats, integers, booleans, and whatever says that it is one number by ``item()``, ``numpy()``,
    ``__float__`` or ``__index__`` (scalars and one-element arrays of numpy, torch, jax, TensorFlow, ...; decimals;
    fractions).

    Args:
        value: what was logged.
        warn_inexact: told so where float64 does not hold an integer exactly.

    Raises:
        _UnloggableError: it is no number; the message says what it is.
    """
    if isinstance(value, float):
        return float(value)
    if not isinstance(value, int):
        if isinstance(value, (str, bytes, bytearray, complex)) or value is None:
            raise _UnloggableError(f"{value!r:.60} is a {type(value).__name__}, not a number")
        value = held(value)
        if callable(getattr(value, "item", None)):
            value = _item(value)
        if isinstance(value, float):
            return float(value)
        if not isinstance(value, int):
            return _float(value)
    try:
        rounded = float(value)
    except OverflowError:
        raise _UnloggableError(f"an integer of {value.bit_length()} bits is beyond the range of float64") from None
    if int(rounded) != value:
        warn_inexact(f"{value} is stored as {rounded:.17g}: values are float64, exact for integers up to 2^53")
    return rounded


def step_number(step: Any) -> int | None:
    """Return the int64 that a step is, itself or as a variable of TensorFlow holds it; None if it is none."""
    if isinstance(step, bool) or step is None:
        return None
    if isinstance(step, float):
        if not step.is_integer():
            return None
        step = int(step)
    try:
        chosen = (step if hasattr(step, "__index__") else held(step)).__index__()
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
    return int(chosen) if -(2**63) <= chosen < 2**63 else None


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value as plain JSON data: what is none becomes its text, cut at 64 KiB."""
    try:
        return _plain(value, depth)
    except Exception:  # noqa: BLE001 -- whatever a foreign type raises of which one asks its text or its members
        return f"<{type(value).__name__} that cannot be read>"


def _plain(value: Any, depth: int) -> Any:
    value = _unwrapped(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, Mapping) and depth < _DEPTH_MAX:
        return {_text(str(key)): plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)) and depth < _DEPTH_MAX:
        return [plain(one, depth + 1) for one in value]
    return _text(value if isinstance(value, str) else repr(value))


def listed(value: Any) -> Any:
    """Return an array of a library as lists of Python's numbers, all at once; anything else as it is."""
    array = held(value)
    return array.tolist() if callable(getattr(array, "tolist", None)) else value


def held(value: Any) -> Any:
    """Return what a tensor or variable of TensorFlow holds, which tells it by ``numpy()`` alone; all else as it is."""
    if callable(getattr(value, "item", None)) or not callable(getattr(value, "numpy", None)):
        return value
    try:
        return value.numpy()
    except Exception:  # noqa: BLE001 -- whatever a foreign type raises: one that is not computed yet, say
        return value


def mapping(value: Any, what: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the keys and values that something holds, as they are and as plain data.

    Args:
        value: a mapping, a dataclass, an argparse namespace, absl flags, an OmegaConf, or the path of a YAML file.
        what: how to call it in an error.

    Raises:
        UsageError: it is none of these, or a file that cannot be read.
    """
    if isinstance(value, (str, os.PathLike)):
        value = _yaml(os.fspath(value), what)
    elif callable(getattr(value, "flag_values_dict", None)):  # absl
        value = value.flag_values_dict()
    elif _is_omegaconf(value):
        from omegaconf import OmegaConf  # noqa: PLC0415 -- there, since this is one

        value = OmegaConf.to_container(value, resolve=True)
    told = plain(value)
    if not isinstance(told, dict):
        raise UsageError(
            f"{what} is a {type(value).__name__}: pass a dict, a dataclass, an argparse namespace, absl flags, an "
            "OmegaConf, or the path of a YAML file"
        )
    own = {_text(str(key)): one for key, one in value.items()} if isinstance(value, Mapping) else told
    return own, told


def short(told: dict[str, Any], what: str, warn: Warn) -> dict[str, Any]:
    """Return plain data with no key that leads further than readers follow; all else is as it was.

    Args:
        told: as `plain` returns it.
        what: how to call it.
        warn: told of what is cut.
    """
    kept, cut = bounded(told)
    if cut is not None:
        warn(
            f"{what}.{cut:.80}",
            "path",
            f"the key {cut!r:.80} of the {what} is cut: with those around it, it has more than {PATH_MAX} characters; "
            "a dict or list in it is not recorded",
        )
    return kept


def texts(value: Any, what: str) -> list[str]:
    """Return a sequence of strings as a list without repetitions.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise UsageError(f"{what} is {value!r:.80}: pass a list of strings, as {what}=['baseline']")
    return list(dict.fromkeys(_text(str(one)) for one in value))


def _flatten(
    data: Mapping[Any, Any], prefix: str, depth: int, into: tuple[dict[str, float], dict[str, list[Logged]]], warn: Warn
) -> None:
    found, others = into
    for key, value in data.items():
        if not isinstance(key, str):
            kept = f" in {prefix[:-1]!r}" if prefix else ""
            warn(repr(key), "key", f"the key {key!r:.80}{kept} is a {type(key).__name__}, not a string: not logged")
            continue
        name = prefix + key
        if isinstance(value, Mapping):
            if _leads_on(name, depth, warn):
                _flatten(value, name + "/", depth + 1, into, warn)
            continue
        if is_system(name):
            name = _made_ours(name, warn)
        try:
            check_metric(name)
            if (logged := _logged(value)) is not None:
                others[name] = logged
                continue
            chosen = number(value, lambda text, name=name: warn(name, "inexact", f"{name!r:.80}: {text}"))  # type: ignore[misc]
        except WireError as error:
            warn(name, "key", f"{error}: not logged")
            continue
        except (_UnloggableError, UsageError) as error:
            warn(name, "value", f"{name!r:.80}: {error}: not logged; the call's other values are")
            continue
        if name in found:
            warn(name, "twice", f"{name!r:.80} is named twice in one call: the later value is kept")
        found[name] = chosen


def _leads_on(name: str, depth: int, warn: Warn) -> bool:
    """Return whether there can be names of metrics in a mapping of this name."""
    if len(name) > METRIC_BYTES_MAX:  # to join it to the key of each of many values takes long
        warn(
            name[:METRIC_BYTES_MAX],
            "key",
            f"{name!r:.80} begins names of more than {METRIC_BYTES_MAX} bytes: not logged",
        )
        return False
    if depth >= _DEPTH_MAX:
        warn(name, "depth", f"{name!r:.80} is nested deeper than {_DEPTH_MAX} levels: not logged")
        return False
    return True


def _made_ours(name: str, warn: Warn) -> str:
    """Return under which name is logged what is called as the machine's figures are, whose steps are times."""
    warn(
        name,
        "system",
        f"{name!r:.80} is logged as {LOGGED + name!r:.90}: the machine's own figures are called {SYSTEM}…",
    )
    return LOGGED + name


def _logged(value: Any) -> list[Logged] | None:
    """Return what is no number, alone or in a list: tables, media, figures of other libraries; None for all else.

    Raises:
        UsageError: a figure cannot be drawn.
    """
    if isinstance(value, Logged):
        return [value]
    if isinstance(value, (list, tuple)) and value:
        found = [_logged(one) for one in value]
        return None if None in found else [one for some in found for one in some or ()]
    if type(value).__module__.partition(".")[0] in _FIGURES:
        from runwire.media import as_media  # noqa: PLC0415 -- only where there is something to be shown

        media = as_media(value)
        return None if media is None else [media]
    return None


def _yaml(path: str | bytes, what: str) -> Any:
    try:
        import yaml  # noqa: PLC0415 -- not ours to install on a GPU node, and mostly there
    except ImportError:
        raise UsageError(f"{what} is the path {path!r:.200}: to read YAML takes `pip install pyyaml`") from None
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- may be bytes
            return yaml.safe_load(file)
    except OSError as error:
        raise UsageError(f"{what} is the path {path!r:.200}, which cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{what} is the file {path!r:.200}, which is no YAML: {error!s:.300}") from None


def _is_omegaconf(value: Any) -> bool:
    return any(kind.__module__.partition(".")[0] == "omegaconf" for kind in type(value).__mro__)


def _item(value: Any) -> Any:
    try:
        return value.item()
    except Exception as error:  # noqa: BLE001 -- whatever a foreign array type raises
        shape = getattr(value, "shape", None)
        what = f"a {type(value).__name__} of shape {tuple(shape)}" if shape is not None else f"a {type(value).__name__}"
        raise _UnloggableError(f"{what} is not one number ({error!s:.80})") from None


def _float(value: Any) -> float:
    if isinstance(value, (str, bytes, bytearray)):
        raise _UnloggableError(f"{value!r:.60} is a {type(value).__name__}, not a number")
    try:
        return float(value)
    except Exception:  # noqa: BLE001 -- whatever a foreign type's __float__ raises
        why = "is not a number"
        if hasattr(value, "dtype") and _is_tracing():
            why = "has no value while its tf.function is traced (return it and log that, or log within tf.py_function)"
        raise _UnloggableError(f"a {type(value).__name__} {why}") from None


def _is_tracing() -> bool:
    """Tell whether TensorFlow is making a graph of the function that runs, whose tensors are computed later."""
    executing_eagerly = getattr(sys.modules.get("tensorflow"), "executing_eagerly", None)
    return executing_eagerly is not None and not executing_eagerly()


def _unwrapped(value: Any) -> Any:
    """Return what a dataclass, a namespace, a path or a foreign scalar holds; anything else as it is."""
    if isinstance(value, type):
        return value
    if dataclasses.is_dataclass(value):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if (argparse := sys.modules.get("argparse")) is not None and isinstance(value, argparse.Namespace):
        return vars(value)
    if isinstance(value, os.PathLike):
        return os.fsdecode(os.fspath(value))
    return _scalar(value) if any(callable(getattr(value, name, None)) for name in ("item", "numpy")) else value


def _scalar(value: Any) -> Any:
    try:
        scalar = held(value).item()
    except Exception:  # noqa: BLE001 -- whatever a foreign array type raises
        return value
    return scalar if isinstance(scalar, (bool, int, float, str)) else value


def _text(value: str) -> str:
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode("utf-8")  # lone surrogates are no Unicode
    return value if len(value) <= TEXT_MAX else value[:TEXT_MAX] + "…"
