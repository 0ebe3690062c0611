"""Hugging Face transformers: a callback of its Trainer, and so of TRL's."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from accelerate.utils import reduce
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

import runwire
from runwire.integrations._runs import asked_to_stop
from runwire.integrations.steps import StepTimer

#: What the Trainer logs once, at the end, about the whole of it.
_TOTALS = {"train_runtime", "train_samples_per_second", "train_steps_per_second", "train_loss", "total_flos"}


class RunwireCallback(TrainerCallback):
    """Logs what the Trainer logs, at its global step, as ``train/…``, ``eval/…`` and ``test/…``.

    Arguments and model are the run's config. How long steps take is logged beside, by every rank for itself:
    see `runwire.integrations.steps.StepTimer`. Evaluation is the phase "eval", and saved checkpoints are told. A run
    that it begins ends with the process.

    A run that is asked to stop ends the training, with a checkpoint where the arguments save any: of one process after
    the step, of several after one of ``logging_steps`` or at the end of an epoch, in all of them at once.

    ::

        Trainer(model, args, train_dataset=data, callbacks=[RunwireCallback(project="language")]).train()

    Args:
        run: the run to log into; None for the one that is current when training begins, else one that is begun then.
        init: what `runwire.init` is called with in that case; the name is the arguments' ``run_name`` if there is none.
    """

    def __init__(self, run: runwire.Run | None = None, **init: Any) -> None:
        self._run = run
        self._init = init
        self._timer = StepTimer()
        self._eval = ExitStack()
        self._evaluating = False
        self._tokens = 0
        self._forward: Any = None

    @property
    def run(self) -> runwire.Run | None:
        """The run; None before there is one."""
        return self._run

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None, **_more: Any
    ) -> None:
        """Begin a run if there is none, and tell what is trained; called by the Trainer, as all below."""
        run = self._begun(args)
        if state.is_world_process_zero:
            told = {"trainer": args.to_dict()}
            if getattr(model, "config", None) is not None:
                told["model"] = model.config if isinstance(model.config, dict) else model.config.to_dict()
            if callable(getattr(model, "num_parameters", None)):
                told["parameters"] = model.num_parameters()
            run.config.update(told, allow_val_change=True)
        if state.global_step:
            run.checkpoint_loaded(state.global_step, args.resume_from_checkpoint)
        self._tokens = state.num_input_tokens_seen
        if model is not None:
            # The last pass forward of a step is the last that a rank does by itself: backward, gradients are exchanged.
            self._forward = model.register_forward_hook(partial(_passed, self._timer))
        self._timer.wait()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_more: Any) -> None:
        """Note that the data is there."""
        self._timer.begin()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_more: Any) -> None:
        """Note that a step is over, and stop if asked to."""
        tokens, self._tokens = state.num_input_tokens_seen - self._tokens, state.num_input_tokens_seen
        self._timer.step(int(tokens) // max(args.world_size, 1))
        if args.world_size <= 1 or state.global_step % max(int(state.logging_steps), 1) == 0:
            self._obey(args, control)

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_more: Any) -> None:
        """Stop if asked to."""
        self._obey(args, control)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_more: Any,
    ) -> None:
        """Log what the Trainer says, on the first rank, and the times of steps, on each."""
        run = self._begun(args)
        row: dict[str, Any] = self._timer.values()
        if state.is_world_process_zero:
            said = dict(logs or {})
            totals = {f"train/{_bare(key)}": said.pop(key) for key in _TOTALS & said.keys()}
            if totals:
                run.summary.update(totals)
            row |= {_name(key): value for key, value in said.items() if not isinstance(value, str)}
        if row:
            run.log(row, step=state.global_step)
        self._timer.wait()

    def on_prediction_step(self, args: TrainingArguments, state: Any, control: Any, **_more: Any) -> None:
        """Begin the phase "eval" at its first step."""
        if not self._evaluating:
            self._evaluating = True
            self._eval.enter_context(self._begun(args).phase("eval"))

    def on_evaluate(self, args: Any, state: Any, control: Any, **_more: Any) -> None:
        """End the phase "eval"."""
        self._eval.close()
        self._evaluating = False
        self._timer.wait()

    def on_predict(
        self, args: TrainingArguments, state: TrainerState, control: Any, metrics: dict[str, Any], **_more: Any
    ) -> None:
        """Log what a prediction came to."""
        self.on_evaluate(args, state, control)
        if state.is_world_process_zero:
            self._begun(args).log({_name(key): value for key, value in metrics.items()}, step=state.global_step)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_more: Any) -> None:
        """Tell of a checkpoint."""
        if state.is_world_process_zero:
            path = f"{args.output_dir}/checkpoint-{state.global_step}"
            self._begun(args).checkpoint_saved(state.global_step, path)
        self._timer.wait()

    def on_train_end(self, args: Any, state: Any, control: Any, **_more: Any) -> None:
        """Measure no longer."""
        if self._forward is not None:
            self._forward.remove()
            self._forward = None

    def _obey(self, args: TrainingArguments, control: TrainerControl) -> None:
        """End the training if one of its processes was asked to; each calls this at the same step."""
        asked = not control.should_training_stop and asked_to_stop(self._begun(args))
        if args.world_size > 1:
            asked = bool(reduce(torch.tensor(float(asked), device=args.device)))
        if asked:
            control.should_training_stop = True
            control.should_save = args.save_strategy != "no"

    def _begun(self, args: TrainingArguments) -> runwire.Run:
        if self._run is None or self._run.finished:
            self._run = runwire.run or runwire.init(**{"name": args.run_name or None, **self._init})
        return self._run


def _passed(timer: StepTimer, *_pass: Any) -> None:
    """A pass forward is done; a function of this module's, since models are copied and pickled with their hooks."""
    timer.local()


def _bare(key: str) -> str:
    return key.removeprefix("train_")


def _name(key: str) -> str:
    """Return what a value of the Trainer's is called: ``eval_loss`` is ``eval/loss``, ``loss`` is ``train/loss``."""
    for kind in ("eval", "test"):
        if key.startswith(f"{kind}_"):
            return f"{kind}/{key.removeprefix(f'{kind}_')}"
    return f"train/{_bare(key)}"
