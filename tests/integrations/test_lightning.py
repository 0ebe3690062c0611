"""Lightning's own Trainer, and what is stored of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from producers.spooled import logged, told
from programs import ran
from stops import ask

import runwire
from runwire.integrations.lightning import RunwireCallback, RunwireLogger


class Module(pl.LightningModule):
    def __init__(self, rate: float = 0.1) -> None:  # noqa: ARG002 -- Lightning keeps it as a hyperparameter
        super().__init__()
        self.save_hyperparameters()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(4, 1)
        self.losses: list[float] = []

    def training_step(self, batch: torch.Tensor, _index: int) -> torch.Tensor:
        loss = self.layer(batch).square().mean()
        self.losses.append(float(loss.detach()))
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, _index: int) -> None:
        self.log("val/loss", self.layer(batch).square().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.hparams["rate"])

    def train_dataloader(self) -> Any:
        return torch.utils.data.DataLoader(torch.ones(8, 4), batch_size=2)

    val_dataloader = train_dataloader


def trainer(folder: Path, *callbacks: Any, logger: Any) -> pl.Trainer:
    return pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=logger,
        log_every_n_steps=2,
        callbacks=list(callbacks),
        default_root_dir=str(folder),
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def test_what_a_module_logs_is_stored_at_lightnings_steps(tmp_path: Path) -> None:
    """Losses, validation, hyperparameters, checkpoints, phases and times; the run is begun by the logger."""
    module = Module()
    logger = RunwireLogger(project="lightning", name="first")
    trainer(tmp_path, RunwireCallback(tokens=torch.numel), ModelCheckpoint(dirpath=tmp_path), logger=logger).fit(module)
    run = logger.experiment
    assert run is runwire.run
    assert (run.project, run.name, logger.name, logger.version) == ("lightning", "first", "lightning", run.id)
    rows = logged(run)
    losses = {step: row["train/loss"] for step, row in rows if "train/loss" in row}
    assert losses == {step: module.losses[step] for step in (1, 3, 5, 7)}
    assert [step for step, row in rows if "val/loss" in row] == [3, 7]
    assert told(run, "config") == [{"rate": 0.1}]
    timed = [(step, row) for step, row in rows if "perf/step_seconds" in row]
    assert [step for step, _ in timed] == [1, 3, 5, 7]
    for _, row in timed:
        assert 0 < row["perf/data_seconds"] < row["perf/local_seconds"] < row["perf/step_seconds"] < 60
        assert row["perf/tokens"] == 8.0
    assert [data["phase"] for data in told(run, "phase")] == ["eval", None] * 3  # Lightning tries it first
    saved = [(data["action"], data["step"]) for data in told(run, "checkpoint")]
    assert saved == [("saved", 4), ("saved", 8)]
    assert all(Path(data["path"]).parent == tmp_path for data in told(run, "checkpoint"))


def test_the_current_run_is_logged_into(tmp_path: Path, run: runwire.Run) -> None:
    """Where there is one, the logger begins no other; going on from a checkpoint is told."""
    trainer(tmp_path, ModelCheckpoint(dirpath=tmp_path, filename="one"), logger=False).fit(Module())
    goes_on = trainer(tmp_path, RunwireCallback(), logger=RunwireLogger(prefix="again/"))
    goes_on.fit_loop.max_epochs = 3
    goes_on.fit(Module(), ckpt_path=str(tmp_path / "one.ckpt"))
    assert told(run, "checkpoint")[0] == {"action": "loaded", "step": 8, "path": str(tmp_path / "one.ckpt")}
    assert [step for step, row in logged(run) if "again/train/loss" in row] == [9, 11]


def test_processes_that_lightning_starts_join_the_first_ones_run(tmp_path: Path) -> None:
    """Two processes by DDP: one run, two ranks, the loss from the first, times from both."""
    here = Path(__file__).parent
    code = f"""
import sys
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]
import lightning.pytorch as pl
from runwire.integrations.lightning import RunwireCallback, RunwireLogger
from test_lightning import Module

if __name__ == "__main__":
    pl.Trainer(max_epochs=1, accelerator="cpu", devices=2, strategy="ddp", log_every_n_steps=1,
               logger=RunwireLogger(project="ranks"), callbacks=[RunwireCallback()], enable_checkpointing=False,
               enable_progress_bar=False, enable_model_summary=False).fit(Module())
"""
    spools = ran(code, tmp_path, OMP_NUM_THREADS="1")
    assert len({spool.parent.parent for spool in spools}) == 1
    by_rank = {int(spool.parent.name): [row for _, row in logged(spool)] for spool in spools}
    assert sorted(by_rank) == [0, 1]
    assert any("train/loss" in row for row in by_rank[0])
    assert not any("train/loss" in row for row in by_rank[1])
    assert all(any("perf/local_seconds" in row for row in rows) for rows in by_rank.values())


def test_a_run_that_is_asked_to_stop_ends_the_training(tmp_path: Path, run: runwire.Run) -> None:
    """After the step, by the trainer's own flag, so that it validates and saves its checkpoint as at any end."""
    ask(run)
    fits = trainer(tmp_path, RunwireCallback(), ModelCheckpoint(dirpath=tmp_path), logger=RunwireLogger())
    fits.fit(Module())
    assert fits.global_step == 1
    assert [(data["action"], data["step"]) for data in told(run, "checkpoint")] == [("saved", 1)]
    run.finish()
    assert told(run, "finish") == [{"exit_code": 0, "stopped": True}]


def test_processes_of_one_training_stop_after_the_same_step(tmp_path: Path) -> None:
    """Only the second is asked to: both end at the first step at which Lightning logs, and none waits for the other."""
    here = Path(__file__).parent
    code = f"""
import sys
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]
import lightning.pytorch as pl
import runwire
from runwire.integrations.lightning import RunwireCallback, RunwireLogger
from stops import ask
from test_lightning import Module

class Asked(pl.Callback):
    def on_train_start(self, trainer, module):
        if trainer.global_rank == 1:
            ask(runwire.run)
    def on_train_end(self, trainer, module):
        runwire.run.summary["reached"] = trainer.global_step

if __name__ == "__main__":
    pl.Trainer(max_epochs=20, accelerator="cpu", devices=2, strategy="ddp", log_every_n_steps=2,
               logger=RunwireLogger(project="ranks"), callbacks=[RunwireCallback(), Asked()],
               enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False).fit(Module())
"""
    spools = ran(code, tmp_path, OMP_NUM_THREADS="1")
    assert {int(spool.parent.name): told(spool, "summary")[-1]["reached"] for spool in spools} == {0: 2, 1: 2}
