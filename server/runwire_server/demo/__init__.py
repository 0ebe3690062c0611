"""``runwire demo``: a real training watched by the real pipeline, once well and once into a NaN."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import runwire
from runwire.errors import UnavailableError
from runwire.wire import dumps
from runwire_server import local
from runwire_server.cli.remote import Remote
from runwire_server.demo import report, training
from runwire_server.local import home as homes

_PATIENCE_SECONDS = 60.0
_T = TypeVar("_T")

#: What is trained: name, config, the training, and how many steps it has at most.
_TRAININGS = (
    ("mlp-cosine", {"schedule": "cosine", "learning_rate": 0.5, "seed": 0}, training.healthy),
    (
        "mlp-range-test",
        {"schedule": "range test", "learning_rate": 0.05, "growth": 1.005, "seed": 1},
        training.diverging,
    ),
)


def run(home: Path, json_file: Path | None) -> int:
    """Start the pipeline if it does not run, train twice, and show what came of it.

    Args:
        home: whose pipeline.
        json_file: where to write the same as JSON; None for nowhere.

    Returns:
        The exit code.

    Raises:
        RunwireError: the pipeline does not come up, or does not show in time what was logged.
    """
    report.say("A small network learns to read digits, twice. The second time its learning rate grows too far.\n")
    if homes.holder(home) is None:
        code = local.up(local.UpOptions(home=home, detach=True))
        if code:
            return code
    where = homes.addresses(home)
    if where is None:
        raise UnavailableError(f"the `up` of {home} is still starting: try again when `runwire status` says ready")
    remote = Remote(where.server, home)
    trained = [_train(home, where.kafka, name, config, rows()) for name, config, rows in _TRAININGS]
    runs = [_until(lambda: _complete(remote, id_, steps), f"run {id_}") for id_, steps in trained]  # noqa: B023
    alert = _until(lambda: _nonfinite(remote, trained[1][0]), "the alert")
    curves = [_loss(remote, id_) for id_, _ in trained]
    report.show(runs, curves, alert, where.server, home)
    if json_file is not None:
        json_file.write_bytes(dumps(report.as_json(runs, alert, where.server)))
    return 0


def _train(
    home: Path, kafka: str, name: str, config: dict[str, Any], rows: Iterator[dict[str, float]]
) -> tuple[str, int]:
    """Run a training and return the run's id and how many steps it took."""
    run = runwire.init(
        project="digits",
        name=name,
        config={**config, "batch": training.BATCH, "hidden": training.HIDDEN, "weight_decay": training.WEIGHT_DECAY},
        tags=["demo"],
        dir=home,
        kafka=kafka,
    )
    began, steps = time.perf_counter(), 0
    with report.progress(name) as advance:
        for row in rows:
            run.log(row)
            steps += 1
            advance()
    run.finish()
    report.say(f"{name}: {steps:,} steps in {time.perf_counter() - began:.1f} s")
    return run.id, steps


def _complete(remote: Remote, id_: str, steps: int) -> dict[str, Any] | None:
    """Return the run once the store has its end and its last step."""
    about: dict[str, Any] = remote.get("runs", id_)
    return about if about["state"] == "finished" and about["last_step"] == steps - 1 else None


def _nonfinite(remote: Remote, id_: str) -> dict[str, Any] | None:
    alerts = remote.get("alerts", run=id_)["alerts"]
    return next((alert for alert in alerts if alert["rule"] == "nonfinite"), None)


def _loss(remote: Remote, id_: str) -> dict[str, Any]:
    wanted = {"series": [{"run": id_, "metric": "train/loss", "rank": 0}], "columns": 120}
    curve: dict[str, Any] = remote.post("series", body=wanted)["series"][0]
    return curve


def _until(ask: Callable[[], _T | None], what: str) -> _T:
    """Ask until there is an answer.

    Raises:
        UnavailableError: there was none in time.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while (answer := ask()) is None:
        if time.monotonic() > deadline:
            raise UnavailableError(
                f"{what} did not show up within {_PATIENCE_SECONDS:.0f} s: see `runwire status` and its logs"
            )
        time.sleep(0.05)
    return answer
