"""Samples of a machine, as pulses tell them."""

from __future__ import annotations

from runwire.wire import MetricPulse


def sample(**values: float) -> dict[str, MetricPulse]:
    """Return a pulse's metrics with a sample of the machine, by names with ``__`` for ``/``."""
    told = {"process__cpu": 100.0, **values}
    return {f"system/{key.replace('__', '/')}": MetricPulse(1, one, one, one, one) for key, one in told.items()}
