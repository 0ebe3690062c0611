"""What other libraries ship for wandb, unmodified, under ``runwire.compat``: real trainings, and what is stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from producers.spooled import logged, parts, told
from programs import ran

MODEL = """
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

torch.manual_seed(0)
model = LlamaForCausalLM(LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                                     num_attention_heads=2, max_position_embeddings=16))
data = [{"input_ids": [number % 30 + 1] * 8, "labels": [number % 30 + 1] * 8} for number in range(16)]
"""


def column(spool: Path, name: str) -> list[float]:
    return [row[name] for _, row in logged(spool) if name in row]


def test_transformers(tmp_path: Path) -> None:
    """``report_to="wandb"``: its WandbCallback begins the run, logs losses against its step, and watches the model."""
    code = f"""{MODEL}
args = TrainingArguments(output_dir="out", max_steps=4, logging_steps=1, eval_strategy="steps", eval_steps=2,
                         per_device_train_batch_size=2, report_to="wandb", use_cpu=True, disable_tqdm=True,
                         run_name="hf", save_strategy="no")
trainer = Trainer(model, args, train_dataset=data, eval_dataset=data[:4])
trainer.train()
import json
json.dump(trainer.state.log_history, open("history.json", "w"))
"""
    (spool,) = ran(code, tmp_path, WANDB_PROJECT="hf-project", WANDB_WATCH="all")
    history = json.loads((tmp_path / "history.json").read_text())
    assert column(spool, "train/loss") == [entry["loss"] for entry in history if "loss" in entry]
    assert column(spool, "eval/loss") == [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    (start,) = told(spool, "start")
    assert (start["project"], start["name"]) == ("hf-project", "hf")
    definitions = {key: said for one in told(spool, "metric") for key, said in one.items()}
    assert definitions["train/loss"] == {"step_metric": "train/global_step", "step_sync": True}
    assert any(said.get("max_steps") == 4 for said in told(spool, "config"))
    assert "train_runtime" in {key for said in told(spool, "summary") for key in said}
    assert len(column(spool, "gradients/global_norm")) == 1
    assert len(column(spool, "parameters/global_norm")) == 1


def test_trl(tmp_path: Path) -> None:
    """Its SFTTrainer reports through transformers' callback; its LogCompletions logs a frame as a table."""
    code = f"""{MODEL}
import datasets
from trl import LogCompletionsCallback, SFTConfig, SFTTrainer
from tokenizers import Tokenizer, models
from transformers import GenerationConfig, PreTrainedTokenizerFast

words = {{f"w{{number}}": number for number in range(30)}} | {{"<eos>": 30, "<pad>": 31}}
tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")),
                                    eos_token="<eos>", pad_token="<pad>")
train = datasets.Dataset.from_list([{{"input_ids": row["input_ids"]}} for row in data])
config = SFTConfig(output_dir="out", max_steps=3, logging_steps=1, per_device_train_batch_size=2, report_to="wandb",
                   use_cpu=True, disable_tqdm=True, save_strategy="no", run_name="sft", max_length=8, bf16=False,
                   gradient_checkpointing=False)
trainer = SFTTrainer(model, args=config, train_dataset=train, processing_class=tokenizer)
trainer.eval_dataset = datasets.Dataset.from_list([{{"prompt": "w1"}}, {{"prompt": "w2"}}])
generation = GenerationConfig(max_new_tokens=2, pad_token_id=31)
trainer.add_callback(LogCompletionsCallback(trainer, generation, freq=3))
trainer.train()
"""
    (spool,) = ran(code, tmp_path)
    assert len(column(spool, "train/loss")) == 3
    assert column(spool, "train/mean_token_accuracy")
    assert told(spool, "start")[0]["name"] == "sft"
    (completions,) = parts(spool)
    assert (completions.key, completions.columns) == ("completions", ["step", "prompt", "completion"])
    assert [row[:2] for row in completions.rows] == [["3", "w1"], ["3", "w2"]]


def test_lightning(tmp_path: Path) -> None:
    """Its WandbLogger begins the run, logs metrics against its step, hyperparameters, tables, and watches."""
    here = Path(__file__).parent
    code = f"""
import sys
sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]
import json
import lightning.pytorch as pl
from lightning.pytorch.loggers import WandbLogger
from test_lightning import Module

logger = WandbLogger(project="pl", name="by-lightning", save_dir="logs", tags=["x"])
module = Module()
logger.watch(module, log_freq=1)
pl.Trainer(max_epochs=1, accelerator="cpu", logger=logger, log_every_n_steps=1, enable_progress_bar=False,
           enable_model_summary=False).fit(module)
logger.log_table("samples", columns=["a"], data=[[1], [2]])
assert logger.experiment.dir.startswith(str(__import__("pathlib").Path("logs").absolute())), logger.experiment.dir
json.dump(module.losses, open("losses.json", "w"))
"""
    (spool,) = ran(code, tmp_path)
    assert column(spool, "train/loss") == json.loads((tmp_path / "losses.json").read_text())
    assert sorted(set(column(spool, "trainer/global_step")))[:3] == [0.0, 1.0, 2.0]
    assert len(column(spool, "gradients/global_norm")) == 4
    assert {"rate": 0.1} in told(spool, "config")
    (start,) = told(spool, "start")
    assert (start["project"], start["name"], start["tags"]) == ("pl", "by-lightning", ["x"])
    assert [(table.key, table.rows) for table in parts(spool)] == [("samples", [[1], [2]])]


def test_optuna_one_run(tmp_path: Path) -> None:
    """Its WeightsAndBiasesCallback logs each trial as a row of one run."""
    code = """
import warnings
warnings.simplefilter("ignore")
import optuna
from optuna_integration.wandb import WeightsAndBiasesCallback

callback = WeightsAndBiasesCallback(metric_name="error", wandb_kwargs={"project": "tuned"})
study = optuna.create_study()
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3, callbacks=[callback])
"""
    (spool,) = ran(code, tmp_path)
    rows = [row for _, row in logged(spool)]
    assert len(rows) == 3
    assert all(row["error"] == row["x"] for row in rows)
    assert {"direction": ["MINIMIZE"]} in told(spool, "config")


def test_optuna_a_run_each(tmp_path: Path) -> None:
    """With ``as_multirun`` each trial is a run, named and tagged by it."""
    code = """
import warnings
warnings.simplefilter("ignore")
import optuna, wandb
from optuna_integration.wandb import WeightsAndBiasesCallback

callback = WeightsAndBiasesCallback(wandb_kwargs={"project": "tuned"}, as_multirun=True)

@callback.track_in_wandb()
def objective(trial):
    wandb.log({"inside": trial.number})
    return trial.suggest_float("x", 0, 1)

optuna.create_study(study_name="study").optimize(objective, n_trials=2, callbacks=[callback])
"""
    spools = ran(code, tmp_path)
    assert len(spools) == 2
    for number, spool in enumerate(spools):
        assert column(spool, "inside") == [float(number)]
        assert told(spool, "about")[0]["name"].startswith(f"trial/{number}/")
        assert told(spool, "tags")[-1]["tags"] == ["study"]
        assert told(spool, "finish") == [{"exit_code": 0}]


def test_ray_tune(tmp_path: Path) -> None:
    """Its WandbLoggerCallback logs each trial from an actor of its own; no key is asked for."""
    code = f"""
import ray
from ray import tune
from ray.air.integrations.wandb import WandbLoggerCallback

def train(config):
    for step in range(2):
        tune.report({{"loss": config["x"] * (1 + step)}})

if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    run_config = tune.RunConfig(name="experiment", storage_path={str(tmp_path / "results")!r}, verbose=0,
                                callbacks=[WandbLoggerCallback(project="raytune")])
    tune.Tuner(train, param_space={{"x": tune.grid_search([1, 2])}}, run_config=run_config).fit()
"""
    spools = ran(code, tmp_path)
    by_x = {told(spool, "start")[0]["config"]["x"]: spool for spool in spools}
    assert {x: column(spool, "loss") for x, spool in by_x.items()} == {1: [1.0, 2.0], 2: [2.0, 4.0]}
    assert all(told(spool, "start")[0]["group"] == "experiment" for spool in spools)


def test_ultralytics(tmp_path: Path) -> None:
    """A YOLO of random weights, trained an epoch on two images that are made here: losses and rates are stored."""
    code = """
import pathlib
import numpy as np
from PIL import Image

for kind in ("train", "val"):
    images, labels = pathlib.Path("data/images", kind), pathlib.Path("data/labels", kind)
    images.mkdir(parents=True), labels.mkdir(parents=True)
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64, 3), dtype="uint8")
        Image.fromarray(pixels).save(images / f"{number}.png")
        (labels / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5")
pathlib.Path("data.yaml").write_text(f"path: {pathlib.Path('data').absolute()}\\ntrain: images/train\\n"
                                     "val: images/val\\nnames: {0: thing}\\n")
from ultralytics import YOLO, settings

settings.update({"wandb": True})
YOLO("yolov8n.yaml").train(data="data.yaml", epochs=1, imgsz=32, batch=2, workers=0, device="cpu",
                           project=str(pathlib.Path("runs").absolute()),
                           name="tiny", plots=False, amp=False, verbose=False)
"""
    (spool,) = ran(code, tmp_path, YOLO_CONFIG_DIR=str(tmp_path))
    assert len(column(spool, "train/box_loss")) == 1
    assert column(spool, "lr/pg0")
    assert told(spool, "start")[0]["name"] == "tiny"
    definitions = {key: said for one in told(spool, "metric") for key, said in one.items()}
    assert definitions["train/box_loss"]["step_metric"] == "epoch"
    assert told(spool, "finish") == [{"exit_code": 0}]


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_the_callbacks_that_wandb_itself_has_for_trees(library: str, tmp_path: Path) -> None:
    """``wandb.integration.xgboost`` and ``.lightgbm``, by their names and arguments there, log under wandb's names."""
    code = """
import numpy as np, wandb
x = np.random.default_rng(0).normal(size=(100, 2))
wandb.init(project="trees")
""" + {
        "xgboost": """
import xgboost
from wandb.integration.xgboost import WandbCallback
model = xgboost.XGBRegressor(n_estimators=3, callbacks=[WandbCallback(log_model=False)])
model.fit(x, x[:, 0], eval_set=[(x, x[:, 0])], verbose=False)
""",
        "lightgbm": """
import lightgbm
from wandb.integration.lightgbm import log_summary, wandb_callback
data = lightgbm.Dataset(x, x[:, 0])
model = lightgbm.train({"metric": "rmse", "verbose": -1}, data, 3, valid_sets=[data], valid_names=["validation_0"],
                       callbacks=[wandb_callback()])
log_summary(model)
""",
    }[library]
    (spool,) = ran(code, tmp_path)
    assert len(column(spool, {"xgboost": "validation_0-rmse", "lightgbm": "validation_0_rmse"}[library])) == 3
    assert len(parts(spool)) == 1


def test_the_callback_that_wandb_itself_has_for_keras(tmp_path: Path) -> None:
    """``wandb.integration.keras.WandbMetricsLogger`` logs each epoch."""
    code = """
import keras, numpy as np, wandb
from wandb.integration.keras import WandbMetricsLogger
wandb.init(project="keras")
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile(loss="mse")
model.fit(np.ones((8, 2)), np.ones(8), epochs=2, verbose=0, callbacks=[WandbMetricsLogger()])
"""
    (spool,) = ran(code, tmp_path, KERAS_BACKEND="jax", KERAS_HOME=str(tmp_path))
    assert len(column(spool, "epoch/loss")) == 2
