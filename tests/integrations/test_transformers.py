"""transformers' own Trainer on a small model of random weights, and what is stored of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from producers.spooled import logged, told
from programs import ran
from stops import ask
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

import runwire
from runwire.integrations.transformers import RunwireCallback


def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=32, max_position_embeddings=16, **sizes))


def data(count: int) -> list[dict[str, list[int]]]:
    return [{"input_ids": [number % 30 + 1] * 8, "labels": [number % 30 + 1] * 8} for number in range(count)]


def arguments(folder: Path, **more: object) -> TrainingArguments:
    settings = {
        "output_dir": str(folder),
        "max_steps": 6,
        "logging_steps": 2,
        "eval_strategy": "steps",
        "eval_steps": 3,
    }
    settings |= {"save_steps": 3, "per_device_train_batch_size": 2, "report_to": "none", "use_cpu": True}
    settings |= {"disable_tqdm": True, "include_num_input_tokens_seen": True, "run_name": "a-name"}
    return TrainingArguments(**{**settings, **more})


def test_what_the_trainer_logs_is_stored_at_its_steps(tmp_path: Path) -> None:
    """Losses equal the Trainer's own history; times, tokens, phases, checkpoints, totals and config are told."""
    trainer = Trainer(
        model(),
        arguments(tmp_path),
        train_dataset=data(16),
        eval_dataset=data(4),
        callbacks=[RunwireCallback(project="language")],
    )
    trainer.train()
    run = runwire.run
    assert run is not None
    assert (run.project, run.name) == ("language", "a-name")
    rows = logged(run)
    losses = [(step, row["train/loss"]) for step, row in rows if "train/loss" in row]
    assert losses == [(entry["step"], entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]
    tested = [(step, row["eval/loss"]) for step, row in rows if "eval/loss" in row]
    history = [(entry["step"], entry["eval_loss"]) for entry in trainer.state.log_history if "eval_loss" in entry]
    assert tested == history
    assert [step for step, _ in tested] == [3, 6]
    timed = [row for _, row in rows if "perf/step_seconds" in row]
    assert len(timed) >= 3
    for row in timed:
        assert 0 < row["perf/data_seconds"] < row["perf/local_seconds"] < row["perf/step_seconds"] < 60
        assert row["perf/tokens"] == 16.0
    assert [data["phase"] for data in told(run, "phase")] == ["eval", None] * 2
    saved = [(data["action"], data["step"], data["path"]) for data in told(run, "checkpoint")]
    assert saved == [("saved", step, str(tmp_path / f"checkpoint-{step}")) for step in (3, 6)]
    assert told(run, "summary")[-1]["train/loss"] == pytest.approx(trainer.state.log_history[-1]["train_loss"])
    config = told(run, "config")[0]
    assert (config["trainer"]["max_steps"], config["model"]["hidden_size"]) == (6, 16)
    assert config["parameters"] == trainer.model.num_parameters()


def test_a_training_that_goes_on_tells_from_where(tmp_path: Path, run: runwire.Run) -> None:
    """Into the current run: the checkpoint is told, and rows go on behind its step."""
    quiet = {"eval_strategy": "no", "logging_steps": 1}
    Trainer(model(), arguments(tmp_path, max_steps=3, **quiet), train_dataset=data(16)).train()
    callback = RunwireCallback()
    trainer = Trainer(model(), arguments(tmp_path, **quiet), train_dataset=data(16), callbacks=[callback])
    trainer.train(resume_from_checkpoint=True)
    assert callback.run is run
    assert told(run, "checkpoint")[0] == {"action": "loaded", "step": 3, "path": None}  # the Trainer does not say
    assert [step for step, row in logged(run) if "train/loss" in row] == [4, 5, 6]


def test_an_evaluation_and_a_prediction_without_training_are_logged(tmp_path: Path, run: runwire.Run) -> None:
    """Each is the phase "eval", and what it came to is a row."""
    trainer = Trainer(model(), arguments(tmp_path), eval_dataset=data(4), callbacks=[RunwireCallback()])
    told_loss = trainer.evaluate()["eval_loss"]
    trainer.predict(data(4))
    rows = [row for _, row in logged(run)]
    assert [row["eval/loss"] for row in rows if "eval/loss" in row] == [told_loss]
    assert sum("test/loss" in row for row in rows) == 1
    assert [data["phase"] for data in told(run, "phase")] == ["eval", None] * 2


def test_a_run_that_is_asked_to_stop_ends_the_training_with_a_checkpoint(tmp_path: Path, run: runwire.Run) -> None:
    """After the step, by the Trainer's own control; the checkpoint of that step is there to go on from."""
    ask(run)
    args = arguments(tmp_path, eval_strategy="no")
    trainer = Trainer(model(), args, train_dataset=data(16), callbacks=[RunwireCallback()])
    trainer.train()
    assert trainer.state.global_step == 1
    assert [(data["action"], data["step"]) for data in told(run, "checkpoint")] == [("saved", 1)]
    assert (tmp_path / "checkpoint-1" / "trainer_state.json").exists()
    run.finish()
    assert told(run, "finish") == [{"exit_code": 0, "stopped": True}]


def test_processes_of_one_training_stop_after_the_same_step(tmp_path: Path) -> None:
    """Only the second is asked to: both end at the first step of ``logging_steps``, and none waits for the other."""
    here = Path(__file__).parent
    code = f"""
import os, sys
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]
from pathlib import Path
from torch.distributed.run import main

if "RANK" not in os.environ:
    main(["--nproc-per-node=2", "--master-port=0", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", __file__])
else:
    import runwire
    from runwire.integrations.transformers import RunwireCallback
    from stops import ask
    from test_transformers import Trainer, arguments, data, model
    run = runwire.init(project="ranks")
    if run.rank == 1:
        ask(run)
    args = arguments(Path("out"), eval_strategy="no", save_strategy="no", ddp_backend="gloo", max_steps=50)
    trainer = Trainer(model(), args, train_dataset=data(16), callbacks=[RunwireCallback()])
    trainer.train()
    run.summary["reached"] = trainer.state.global_step
"""
    spools = ran(code, tmp_path, OMP_NUM_THREADS="1")
    assert len({spool.parent.parent for spool in spools}) == 1
    assert {int(spool.parent.name): told(spool, "summary")[-1]["reached"] for spool in spools} == {0: 2, 1: 2}
