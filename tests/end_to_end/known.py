"""Data that is known beforehand: what a training logs, and what the store must then hold.

Both are made from a seed, so the process that logs and the test that checks need share nothing but the seed.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator

Row = tuple[int, dict[str, float]]
Identity = tuple[str, int, int]
Bits = int

#: Values that a careless pipeline changes: signed zeros, subnormals, the ends of the range, integers up to 2^53, NaNs
#: with a sign and a payload.
AWKWARD = (
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    5e-324,
    -2.2e-308,
    1.7976931348623157e308,
    2.0**53,
    -(2.0**53) + 1,
    *struct.unpack("<2d", struct.pack("<2Q", 0xFFF8_0000_0000_0001, 0x7FF8_DEAD_BEEF_0001)),
)


def rows(seed: int, count: int, metrics: int, *, start: int | None = None, unrest: float = 0.001) -> Iterator[Row]:
    """Yield (step, values) as a training with a hard life logs them.

    Mostly the step rises by one and each metric wanders; some rows fall back, as a resume from a checkpoint does, leap
    ahead, or repeat a step, one value in 200 is awkward, and now and then only some of the metrics are logged.

    Args:
        seed: the same gives the same.
        count: number of rows.
        metrics: number of metrics.
        start: the step before the first; None for any.
        unrest: how many rows fall back, as a share; as many leap, and half as many repeat the step before.
    """
    rng = random.Random(seed)
    names = [f"group{index % 3}/metric{index}" for index in range(metrics)]
    level = [rng.gauss(0, 1) for _ in names]
    step = rng.choice([0, -3, 10_000])
    if start is not None:
        step = start
    for _ in range(count):
        chance = rng.random()
        if chance < unrest:
            step -= rng.randrange(1, 300)
        elif chance < 2 * unrest:
            step += rng.randrange(1, 5_000)
        elif chance >= 2.5 * unrest:
            step += 1
        logged = names if rng.random() > 0.05 else rng.sample(names, rng.randrange(1, metrics + 1))
        values = {}
        for index, name in enumerate(names):
            level[index] += rng.gauss(0, 0.01)
            if name in logged:
                values[name] = rng.choice(AWKWARD) if rng.random() < 0.005 else level[index]
        yield step, values


def bits(value: float) -> Bits:
    """Return the 64 bits of a float."""
    return int.from_bytes(struct.pack("<d", value), "little")


def points(logged: Iterator[Row], rank: int) -> dict[Identity, Bits]:
    """Return what must be stored of the rows: of one (metric, rank, step) the value that was logged last."""
    return {(metric, rank, step): bits(value) for step, values in logged for metric, value in values.items()}


def number(value: Bits) -> float:
    """Return the float that 64 bits are."""
    return float(struct.unpack("<d", value.to_bytes(8, "little"))[0])
