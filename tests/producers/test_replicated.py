"""Of metrics that are to be the same on all ranks, pulses tell of the same steps, whenever they are sent."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from parts import until

from producers.arrival import Reading
from producers.conftest import shipper, spools
from runwire.shipper.replicated import Replicated
from runwire.spool import Reader, Rows, Writer
from runwire.spool.folder import found, read_json


def rows(folder: Path, *logged: tuple[tuple[str, ...], int, list[float]]) -> list[Rows]:
    """Return rows as the shipper reads them."""
    folder.mkdir()
    writer, reader = Writer(folder, 7), Reader(folder)
    for keys, step, values in logged:
        writer.row(keys, step, 0, values)
    items = [item for item in reader.read(gone=True) if isinstance(item, Rows)]
    writer.close()
    reader.close()
    return items


@pytest.mark.parametrize(("apart", "first"), [(1, 0), (10, 0), (50, 49), (7, 3), (1, -100_000)])
@pytest.mark.parametrize("a_pulse", [1, 5, 40, 1000])
def test_ranks_whose_pulses_come_half_a_second_apart_tell_of_the_same_steps(
    tmp_path: Path, apart: int, first: int, a_pulse: int
) -> None:
    """At least of one in three; wherever a run's steps begin and however far they lie from one another."""
    steps = [first + apart * number for number in range(30 * a_pulse)]
    told: list[set[tuple[int, float]]] = []
    for rank in range(2):
        replicated = Replicated(["norm"])
        picked = set()
        for at, end in pairwise(sorted({0, *range(rank * a_pulse // 2, len(steps), a_pulse), len(steps)})):
            for item in rows(tmp_path / f"{rank}-{at}", *((("norm",), step, [step / 2]) for step in steps[at:end])):
                replicated.add(item)
            picked |= set((replicated.drain() or {}).values())
        told.append(picked)
    assert all(value == step / 2 for step, value in told[0] | told[1])
    assert len(told[0] & told[1]) >= 10


def test_the_later_value_of_a_step_is_told_and_nothing_of_other_metrics(tmp_path: Path) -> None:
    """In one look or in two; NaN is a value."""
    replicated = Replicated(["norm"])
    for item in rows(tmp_path / "twice", (("norm",), 5, [1.0]), (("norm",), 5, [2.0])):
        replicated.add(item)
    assert replicated.drain() == {"norm": (5, 2.0)}
    replicated = Replicated()
    assert not replicated
    replicated.define({"norm": {"role": "replicated"}, "loss": {"role": "loss"}})
    assert replicated
    items = rows(tmp_path / "rows", (("norm", "loss"), 5, [1.0, 9.0]), (("norm", "loss"), 5, [2.0, 9.0]),
        (("loss", "norm"), 5, [9.0, math.nan]), (("loss",), 6, [9.0]))  # fmt: skip
    for item in items:
        replicated.add(item)
    told = replicated.drain() or {}
    assert told.keys() == {"norm"}
    assert told["norm"][0] == 5
    assert math.isnan(told["norm"][1])
    assert replicated.drain() is None
    replicated.define({"norm": {"summary": "min"}})
    assert not replicated


def test_pulses_tell_replicated_values_whatever_becomes_of_the_shipper(
    kafka: str, home: Path, train: Callable[..., Any], reading: Callable[[str], Reading]
) -> None:
    """Exactly as they were logged, of steps that were; also by a shipper that did not see the definition."""
    process = train(
        """
import runwire, sys
with runwire.init(id="replicated") as run:
    run.define_metric("norm", role="replicated")
    for step in range(4000):
        if step == 3000:
            sys.stdin.readline()
        run.log({"norm": 1 / (1 + step), "loss": 1.0}, step=step)
""",
        RUNWIRE_KAFKA=kafka,
    )

    def written() -> Any:
        return [
            read_json(folder / "delivered.json").get("watch", {}).get("replicated") for folder in found(spools(home))
        ]

    read = reading("replicated")
    until(lambda: written() == [["norm"]], "it is written down that the definition was read")
    pid = shipper(home)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: shipper(home) not in {None, pid}, "the next shipper")
    process.communicate("\n", timeout=60)
    arrived = read.until(lambda a: a.ended == ["finished"], "the end")
    told = [pulse.replicated["norm"] for pulse in arrived.pulses if pulse.replicated]
    assert all(pulse.replicated.keys() <= {"norm"} for pulse in arrived.pulses)
    assert all(value == 1 / (1 + step) for step, value in told)
    assert any(step < 3000 for step, _ in told)
    assert any(step >= 3000 for step, _ in told)
