"""Nested data made flat: all of it, and no path longer than it may be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwire.wire import Event, dumps
from runwire.wire.leaves import DEPTH_MAX, PATH_MAX, bounded, leaves

#: Short ones and long ones, and such that are the same where they are cut. None has a dot: two paths are never one.
_KEYS = st.builds(
    lambda text, count, end: text * count + end,
    st.sampled_from(["", "a", "é", "😀", "lr"]),
    st.sampled_from([1, 1, 1, 100, 254, 255, 256, 511, 512, 600]),
    st.sampled_from(["", "b"]),
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.integers(0, 9), st.sampled_from(["text", "…", None, 0.5, {}, []])),
    lambda inner: st.one_of(st.dictionaries(_KEYS, inner, max_size=4), st.lists(inner, max_size=3)),
    max_leaves=12,
)
_DATA = st.dictionaries(_KEYS, _VALUES, max_size=4)


def _lengths(value: Any, before: int = 0) -> Iterator[int]:
    """Yield how long the path of each key is, of those within lists, too."""
    for inner in value if isinstance(value, list) else ():
        yield from _lengths(inner, before)
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield before + len(key)
        yield from _lengths(inner, before + len(key) + 1)


@given(_DATA)
def test_what_has_a_short_path_stays_and_what_has_a_long_one_is_cut(data: dict[str, Any]) -> None:
    """Nothing else is touched; cut once, it is not cut again; that something was is told by the key, whole."""
    kept, cut = bounded(data)
    long = max(_lengths(data), default=0) > PATH_MAX
    assert (cut is not None) == long
    assert kept == data or long
    assert max(_lengths(kept), default=0) <= PATH_MAX + len(".…")
    assert bounded(kept)[0] == kept
    had, has = dict(leaves(data)), dict(leaves(kept))
    short = {path: value for path, value in had.items() if len(path) <= PATH_MAX and not isinstance(value, list)}
    assert {path: has[path] for path in short} == short
    assert {path for path in has if len(path) <= PATH_MAX} == {path for path in had if len(path) <= PATH_MAX}
    assert cut is None or cut in set(_keys(data))


def _keys(value: Any) -> Iterator[str]:
    for inner in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from _keys(inner)
    yield from value if isinstance(value, dict) else ()


def test_a_cut_key_keeps_its_value_and_of_several_that_are_the_same_then_the_last_counts() -> None:
    """What is nested in one is cut with it."""
    long = "k" * PATH_MAX
    data = {"a": {f"{long}1": 1, f"{long}2": 2}, f"{long}3": [3], f"b{long}": "text", "c": {long[:-2]: {"d": 4, "": 5}}}
    assert bounded(data) == (
        {"a": {f"{long[:-2]}…": 2}, f"{long}…": "…", f"b{long[:-1]}…": "text", "c": {long[:-2]: {"…": 5}}},
        f"{long}3",
    )


def test_data_that_are_nested_deeper_than_python_calls_are_cut_and_nothing_beside_them() -> None:
    """Objects and lists of a thousand levels, that anyone may send; what is left can be written."""
    objects: Any = 1
    lists: Any = 1
    for _ in range(1000):
        objects, lists = {"a": objects}, [lists]
    kept, cut = bounded({"x": objects, "y": lists, "z": {"lr": 0.1, "none": [{}, []]}})
    [(path, value), (other, deep), *others] = leaves(kept)
    assert (path, value, cut) == (f"x{'.a' * DEPTH_MAX}", "…", None)
    for _ in range(DEPTH_MAX):
        [deep] = deep
    assert (other, deep) == ("y", "…")
    assert others == [("z.lr", 0.1), ("z.none", [{}, []])]
    assert dumps(kept)


@pytest.mark.parametrize("size", [20_000, PATH_MAX, PATH_MAX - 5])
def test_an_event_that_is_flat_is_not_much_more_than_it_was(size: int) -> None:
    """Ten thousand values beneath one key of 20 kB would else take 200 MB; what is beside them is kept."""
    many = {f"{number:x}": number for number in range(10_000)}
    config = {"lr": 0.1, "k" * size: many, "list": [{"k" * size: many}]}
    for kind, data in (("config", config), ("summary", config), ("start", {"project": "p", "config": config})):
        read = Event.parse(Event(kind, "run", 0, 1, 1, data).encode()).data  # type: ignore[arg-type]
        told = read["config"] if kind == "start" else read
        paths = [path for path, _ in leaves(told)]
        assert {"lr", "list"} < set(paths)
        assert sum(map(len, paths)) <= (PATH_MAX + 2) * len(many)
        assert max(_lengths(told)) <= PATH_MAX + 2
        assert read.get("project") == ("p" if kind == "start" else None)
