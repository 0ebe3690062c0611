"""PyTorch's own passes, and what is stored of the tensors in them."""

from __future__ import annotations

import copy
import importlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from producers.spooled import logged, told
from programs import ran

import runwire
from runwire.errors import UsageError
from runwire.integrations.steps import StepTimer
from runwire.integrations.tensorboard import sync_tensorboard
from runwire.integrations.torch import watch


def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))


def passed(trained: torch.nn.Module, scale: float = 1.0) -> None:
    trained.zero_grad()
    (trained(torch.ones(2, 4)) * scale).sum().backward()


def test_gradients_and_parameters_of_every_so_many_passes_are_logged(run: runwire.Run) -> None:
    """Each norm is that of the tensor as torch computes it; the row is the one that the training logs next."""
    trained = model()
    watch(trained, log="all", every=2)
    for step in range(3):
        passed(trained)
        run.log({"loss": step})
    rows = logged(run)
    assert [step for step, _ in rows] == [0, 0, 1, 2, 2]
    row = rows[0][1]
    squares = 0.0
    for name, value in trained.named_parameters():
        assert row[f"gradients/{name}/norm"] == pytest.approx(float(value.grad.norm()))  # type: ignore[union-attr]
        assert row[f"parameters/{name}/norm"] == pytest.approx(float(value.detach().norm()))
        squares += float(value.grad.norm()) ** 2  # type: ignore[union-attr]
    assert row["gradients/global_norm"] == pytest.approx(math.sqrt(squares))
    assert rows[1] == (0, {"loss": 0.0})
    media = told(run, "media")
    assert len(media) == 2 * 2 * 4
    for name, value in trained.named_parameters():
        last = [one for one in media if one["key"] == f"parameters/{name}"][-1]
        assert (last["kind"], last["step"]) == ("histogram", 2)
        counts, edges = np.histogram(value.detach().numpy(), bins=32)
        assert sum(last["data"]["counts"]) == value.numel() == counts.sum()
        assert last["data"]["bins"] == pytest.approx(edges.tolist(), abs=1e-6)


@pytest.mark.parametrize("every", [0, -1, 0.5, None])
def test_a_period_of_no_passes_is_refused(run: runwire.Run, every: object) -> None:
    """At once, by a sentence that says what to pass."""
    with pytest.raises(UsageError, match=f"every is {every}: pass a number of passes backward, 1 or more"):
        watch(model(), run, every=every)  # type: ignore[arg-type]


def test_passes_that_train_nothing_do_not_count(run: runwire.Run) -> None:
    """Evaluation, with or without gradients, is passed over; so is all after ``stop()``, and a run that is over."""
    trained = model()
    watched = watch(trained, every=1)
    trained.eval()
    passed(trained)
    trained.train()
    with torch.no_grad():
        trained(torch.ones(2, 4))
    assert logged(run) == []
    passed(trained)
    assert len(logged(run)) == 1
    watched.stop()
    passed(trained)
    assert len(logged(run)) == 1
    watch(trained, every=1)
    run.finish()
    passed(trained)


def test_frozen_and_unused_parameters_are_left_out(run: runwire.Run) -> None:
    """What is frozen has no gradient, nor has what a pass does not use; the others' are there."""
    trained = model()
    trained.unused = torch.nn.Linear(2, 2)  # type: ignore[assignment]
    trained[0].weight.requires_grad = False  # type: ignore[index]
    trained.forward = lambda value: trained[2](trained[1](trained[0](value)))  # type: ignore[index,method-assign]
    watch(trained, every=1)
    passed(trained)
    ((_, row),) = logged(run)
    assert set(row) == {f"gradients/{name}" for name in ("0.bias/norm", "2.weight/norm", "2.bias/norm", "global_norm")}


def test_a_watched_model_can_be_copied_and_saved(run: runwire.Run, tmp_path: Path) -> None:
    """Copies work as models do, and nobody watches them."""
    trained = model()
    watch(trained, every=1)
    torch.save(trained, tmp_path / "model.pt")
    for copied in (copy.deepcopy(trained), torch.load(tmp_path / "model.pt", weights_only=False)):
        passed(copied)
    assert logged(run) == []


def test_a_nan_and_a_small_float_show_in_the_norms(run: runwire.Run) -> None:
    """A NaN anywhere makes its norm one, and what would overflow in bfloat16 does not."""
    trained = model().to(torch.bfloat16)
    watch(trained, log="parameters", every=1)
    with torch.no_grad():
        trained[0].weight[0, 0] = math.nan  # type: ignore[index]
        trained[2].weight.fill_(3e38)  # type: ignore[index]
    trained.zero_grad()
    trained(torch.ones(2, 4, dtype=torch.bfloat16)).sum().backward()
    ((_, row),) = logged(run)
    assert math.isnan(row["parameters/0.weight/norm"])
    assert math.isfinite(row["parameters/2.bias/norm"])
    histograms = {one["key"]: one["data"] for one in told(run, "media")}
    assert sum(histograms["parameters/0.weight"]["counts"]) == trained[0].weight.numel() - 1  # type: ignore[index]


def test_what_goes_wrong_while_looking_ends_the_watching_and_not_the_training(
    run: runwire.Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The pass has its gradients, one line says what happened, and the next pass is not watched."""
    trained = model()
    watch(trained, every=1)
    monkeypatch.setattr(torch.linalg, "vector_norm", lambda *_args, **_kwargs: 1 / 0)
    for _ in range(2):
        passed(trained)
        assert trained[0].weight.grad is not None  # type: ignore[index]
    assert capsys.readouterr().err.count("a model is watched no longer: ZeroDivisionError") == 1
    assert logged(run) == []


def test_the_timer_tells_waiting_from_working_and_the_rest() -> None:
    """By a clock that is set by hand: means over the steps since the last values, and nothing of what lies between."""
    now = 0.0
    timer = StepTimer(lambda: now)
    for data, own, rest in ((1, 2, 3), (3, 4, 5)):
        timer.wait()
        now += data
        timer.begin()
        now += own
        timer.local()
        now += rest
        timer.step(tokens=600)
        now += 100  # an evaluation
    assert timer.values() == {
        "perf/step_seconds": 9.0,
        "perf/data_seconds": 2.0,
        "perf/local_seconds": 5.0,
        "perf/tokens": 600.0,
        "perf/tokens_per_second": 1200 / 18,
    }
    assert timer.values() == {}


def test_the_timer_measures_a_loader() -> None:
    """A step is from asking for the batch to ``step()``; the loader's own time is that of the data."""
    now = 0.0
    timer = StepTimer(lambda: now)

    def loader() -> object:
        nonlocal now
        for batch in range(3):
            now += 0.5
            yield batch

    for _ in timer.batches(loader()):  # type: ignore[arg-type,var-annotated]
        now += 1.5
        timer.step()
    assert timer.values() == {"perf/step_seconds": 2.0, "perf/data_seconds": 0.5}


@pytest.mark.parametrize(("library", "several"), [("torch.utils.tensorboard", "both_"), ("tensorboardX", "both/")])
def test_what_a_summary_writer_writes_is_logged(library: str, several: str, run: runwire.Run, tmp_path: Path) -> None:
    """Scalars under their tags and steps, those of other writers under their folders; files are written as ever."""
    module = importlib.import_module(library)
    sync = sync_tensorboard(run)
    writer = module.SummaryWriter(str(tmp_path / "logs"))
    writer.add_scalar("loss", 0.5, 3)
    writer.add_scalar("loss", 0.25, 4)
    writer.add_scalars("both", {"a": 1.0, "b": 2.0}, 5)
    writer.add_text("note", "hello", 5)
    if library == "torch.utils.tensorboard":
        writer.add_scalar("new", 0.75, 6, new_style=True)
    writer.close()
    sync.stop()
    assert logged(run)[:4] == [
        (3, {"loss": 0.5}),
        (4, {"loss": 0.25}),
        (5, {f"{several}a/both": 1.0}),
        (5, {f"{several}b/both": 2.0}),
    ]
    if library == "torch.utils.tensorboard":
        assert logged(run)[4:] == [(6, {"new": 0.75})]
    assert list((tmp_path / "logs").glob("events.*"))
    again = module.SummaryWriter(str(tmp_path / "more"))
    again.add_scalar("loss", 1.0, 9)
    again.close()
    assert all(step != 9 for step, _ in logged(run))


def test_two_ranks_log_their_own_times(tmp_path: Path) -> None:
    """Under torchrun both log into one run, each what it did by itself: the slower one's local time stands out."""
    code = """
import time, torch, runwire
from runwire.integrations.steps import StepTimer
torch.distributed.init_process_group("gloo")
rank = torch.distributed.get_rank()
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
timer = StepTimer()
with runwire.init(project="ranks") as run:
    for step, batch in enumerate(timer.batches([torch.ones(2, 4)] * 5)):
        loss = model(batch).sum()
        time.sleep(0.05 * rank)
        timer.local()
        loss.backward()
        timer.step()
    run.log(timer.values(), step=step)
torch.distributed.destroy_process_group()
"""
    (tmp_path / "train.py").write_text(code)
    launch = "import sys; from torch.distributed.run import main; main(sys.argv[1:])"
    spools = ran(launch, tmp_path, "--standalone", "--nproc-per-node=2", "train.py", OMP_NUM_THREADS="1")
    assert len({spool.parent.parent for spool in spools}) == 1
    by_rank = {int(spool.parent.name): logged(spool)[0][1] for spool in spools}
    assert by_rank[1]["perf/local_seconds"] > 0.05 > by_rank[0]["perf/local_seconds"]
    assert by_rank[0]["perf/step_seconds"] > 0.04  # it waited
    assert told(spools[0], "finish") == [{"exit_code": 0}]


def test_workers_of_a_data_loader_leave_the_run_to_the_training(tmp_path: Path) -> None:
    """Forked, as torch forks them: what they log is not recorded, each says so once, and the training goes on."""
    code = """
import runwire, torch

class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        runwire.log({"in a worker": index})
        return torch.tensor(float(index))

with runwire.init(project="loaded") as run:
    loader = torch.utils.data.DataLoader(Data(), batch_size=2, num_workers=2, multiprocessing_context="fork")
    for step, batch in enumerate(loader):
        run.log({"sum": batch.sum()}, step=step)
"""
    (spool,) = ran(code, tmp_path)
    assert logged(spool) == [(step, {"sum": 4.0 * step + 1}) for step in range(6)]
    assert told(spool, "finish") == [{"exit_code": 0}]
    assert (tmp_path / "output").read_text().count("in a child process") == 2
