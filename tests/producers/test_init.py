"""``init()``: what a run is made of, whether it goes on with another, and how it behaves."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parts import until

import runwire
from producers.conftest import shipper, spools
from producers.spooled import logged, told
from runwire.spool import Meta
from runwire.spool.folder import found
from runwire.wire import Event

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"id": "../../etc"}, "id: '../../etc' is no run id"),
        ({"id": ""}, "id: '' is no run id"),
        ({"rank": -1}, "rank: -1 is no rank"),
        ({"rank": "0"}, "rank: '0' is no rank"),
        ({"kafka": "nowhere"}, "the argument kafka= is 'nowhere': expected host:port"),
        ({"config": [1]}, "config is a list: pass a dict, a dataclass"),
        ({"config": "no/such.yaml"}, "config is the path 'no/such.yaml', which cannot be read"),
        ({"tags": "one"}, "tags is 'one': pass a list of strings"),
        ({"resume": "maybe"}, "resume is 'maybe': expected one of allow, must, never, auto"),
        ({"resume": "must"}, "say with which by id="),
        ({"reinit": "again"}, "reinit is 'again': expected finish_previous, return_previous or create_new"),
        ({"mode": "dryrun"}, "mode is 'dryrun': expected one of online, offline, disabled"),
        ({"settings": {"finish_timeout": -1}}, "finish_timeout is -1: expected a number of seconds"),
        ({"settings": {"finnish_timeout": 1}}, "no setting 'finnish_timeout', did you mean 'finish_timeout'?"),
        ({"settings": {"spool_bytes_max": 1000}}, "spool_bytes_max is 1000: expected a number of bytes, 0 or 33554432"),
        ({"settings": {"code": "perhaps"}}, "code is 'perhaps': expected true or false"),
        ({"settings": 5}, "settings is a int: pass a runwire.Settings or a dict"),
    ],
)
def test_init_refuses_what_no_run_can_have(home: Path, arguments: dict[str, object], message: str) -> None:
    """Before anything is begun, with a sentence that says what to pass."""
    with pytest.raises(runwire.errors.UsageError) as raised:
        runwire.init(dir=home, **arguments)  # type: ignore[arg-type]
    assert message in str(raised.value)
    assert not (home / "spool").exists()


def test_what_was_said_of_a_run_is_told_and_what_was_not_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """So an attempt that says less does not hide what the one before it said."""
    monkeypatch.setenv("RUNWIRE_ENTITY", "perception")
    with runwire.init("vision", "first", group="fold", job_type="train", notes="warm start", tags=["a"]) as run:
        pass
    with runwire.init(id=run.id) as again:
        assert (again.name, again.project, again.resumed) == ("first", "vision", True)
    words = {"project", "name", "entity", "group", "job_type", "notes", "default_name"}
    first, second = (
        {name: one[name] for name in words & one.keys()} for one in told(run, "start") + told(again, "start")
    )
    assert first == {
        "project": "vision",
        "name": "first",
        "entity": "perception",
        "group": "fold",
        "job_type": "train",
        "notes": "warm start",
        "default_name": first["default_name"],
    }
    assert second == {"entity": "perception", "default_name": first["default_name"]}


def test_name_notes_and_tags_can_be_changed() -> None:
    """A tag that is taken off is said to be."""
    with runwire.init(name="one", tags=["a", "b"], mode="offline") as run:
        run.name, run.notes = "two", "better"
        run.tags += ("c",)
        run.tags = ["c", "b"]
        assert (run.name, run.notes, run.tags) == ("two", "better", ("c", "b"))
    assert told(run, "about") == [{"name": "two"}, {"notes": "better"}]
    assert told(run, "tags") == [{"tags": ["a", "b", "c"], "removed": []}, {"tags": ["c", "b"], "removed": ["a"]}]


def test_offline_data_waits_although_a_shipper_could_be_had(home: Path) -> None:
    """None is started for it."""
    with runwire.init(mode="offline") as run:
        run.log({"loss": 1.0})
        assert shipper(home) is None
    assert logged(run) == [(0, {"loss": 1.0})]
    (folder,) = found(spools(home))
    meta = Meta.read(folder)
    assert meta is not None
    assert meta.offline


def test_a_disabled_run_records_nothing_and_takes_every_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written, nothing is said, no process is started."""
    monkeypatch.setenv("RUNWIRE_MODE", "disabled")
    with runwire.init(config={"lr": 0.1}, dir=tmp_path / "none", resume="auto") as run:
        run.log({"loss": 1.0})
        run.log({"loss": 1.0}, commit=False)
        run.config.epochs = 3
        run.summary["best"] = 1
        run.alert("there")
        run.tags += ("a",)
        assert (run.config.lr, run.config.epochs, run.step, run.folder) == (0.1, 3, 1, None)
    assert not (tmp_path / "none").exists()
    assert capsys.readouterr().err == ""


def test_settings_come_from_the_call_then_the_environment_then_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong in the environment or the file is said, and the default holds: no training ends by it."""
    for name in ("CODE", "PACKAGES", "MACHINE", "CONSOLE", "SYSTEM_INTERVAL"):
        monkeypatch.delenv(f"RUNWIRE_{name}")
    file = tmp_path / "config.toml"
    monkeypatch.setenv("RUNWIRE_CONFIG", str(file))
    file.write_text('[settings]\nmode = "offline"\nfinish_timeout = 3\n')
    assert runwire.Settings.find() == runwire.Settings(mode="offline", finish_timeout=3)
    monkeypatch.setenv("RUNWIRE_FINISH_TIMEOUT", "4.5")
    assert runwire.Settings.find().finish_timeout == 4.5
    assert runwire.Settings.find({"finish_timeout": 5}) == runwire.Settings(mode="offline", finish_timeout=5)
    assert runwire.Settings.find(runwire.Settings(), mode="disabled") == runwire.Settings(mode="disabled")
    monkeypatch.setenv("RUNWIRE_FINISH_TIMEOUT", "soon")
    file.write_text("settings = 3\n")
    capsys.readouterr()
    assert runwire.Settings.find() == runwire.Settings()
    assert (
        "RUNWIRE_FINISH_TIMEOUT is 'soon': expected a number of seconds; the default holds" in capsys.readouterr().err
    )


@pytest.mark.parametrize("reinit", [None, True, "finish_previous"])
def test_a_second_init_finishes_the_first_run_and_says_so(reinit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Its data is not mixed with the next one's."""
    first = runwire.init(mode="offline")
    second = runwire.init(mode="offline", reinit=reinit)
    assert (first.finished, second.finished, runwire.run) == (True, False, second)
    assert f"init() finishes the run that was current, {first.name}" in capsys.readouterr().err
    second.finish()


def test_a_second_init_may_return_the_first_run_or_leave_it_be() -> None:
    """``return_previous`` passes over all else; with ``create_new`` both go on, and the newer is the current one."""
    first = runwire.init(mode="offline")
    assert runwire.init("other", mode="offline", reinit="return_previous") is first
    assert runwire.init(reinit=False) is first
    second = runwire.init(mode="offline", reinit="create_new")
    runwire.log({"loss": 2.0})
    first.log({"loss": 1.0})
    for run in (second, first):
        run.finish()
    assert (logged(first), logged(second)) == ([(0, {"loss": 1.0})], [(0, {"loss": 2.0})])


def test_runs_that_go_on_side_by_side_all_end_with_the_process(home: Path, train: Callable[..., Any]) -> None:
    """Each of them is finished with the process's exit code."""
    code = """
import runwire, sys
for number in range(3):
    runwire.init(id=f"r{number}", mode="offline", reinit="create_new")
sys.exit(3)
"""
    assert train(code).wait(timeout=60) == 3
    ends = {folder.parts[-3]: told(folder, "finish") for folder in found(spools(home))}
    assert ends == {f"r{number}": [{"exit_code": 3}] for number in range(3)}


def test_commit_false_keeps_the_step_open() -> None:
    """What follows without a step belongs to it; everything is stored at once."""
    with runwire.init(mode="offline") as run:
        run.log({"a": 1.0}, commit=False)
        run.log({"b": 2.0}, commit=False)
        run.log({"c": 3.0})
        run.log({"a": 4.0})
        run.log({"a": 5.0}, step=9, commit=False)
        assert len(logged(run)) == 5
        runwire.log({"b": 6.0}, commit=True)
        run.log({"nested": {"a": 7.0}}, commit=False)
        run.log({"b": 8.0})
    steps = [(step, next(iter(values))) for step, values in logged(run)]
    assert steps == [(0, "a"), (0, "b"), (0, "c"), (1, "a"), (9, "a"), (9, "b"), (10, "nested/a"), (10, "b")]


def test_a_resumed_run_goes_on_behind_its_last_step() -> None:
    """After a finish, by what was written down; without resume= too, since the id says it."""
    with runwire.init(id="r", mode="offline") as run:
        for _ in range(5):
            run.log({"loss": 1.0})
        run.log({"loss": 1.0}, step=7)
    for resume, first in ((None, 8), ("allow", 9), ("must", 10), ("auto", 11)):
        with runwire.init(id="r", resume=resume, mode="offline") as again:  # type: ignore[arg-type]
            assert again.resumed
            assert again.step == first
            again.log({"loss": 2.0})
    assert logged(again) == [(11, {"loss": 2.0})]


def test_a_killed_run_goes_on_behind_its_last_row(train: Callable[..., Any]) -> None:
    """What it logged still waits in its spool, which says how far it was."""
    code = """
import os, runwire, signal
run = runwire.init(id="k", mode="offline")
for step in range(300_000):
    run.log({"a": 1.0, "b": 2.0, "c": 3.0}, step=2 * step)
run.config.x = 1
os.kill(os.getpid(), signal.SIGKILL)
"""
    train(code).wait(timeout=120)
    with runwire.init(id="k", mode="offline") as run:
        assert run.step == 599_999


def test_an_attempt_that_logged_nothing_does_not_forget_how_far_the_run_was(train: Callable[..., Any]) -> None:
    """As where a node fails while the job comes up again."""
    with runwire.init(id="n", mode="offline") as run:
        run.log({"loss": 1.0}, step=41)
    for _ in range(2):
        train("import os, runwire; runwire.init(id='n', mode='offline'); os._exit(1)").wait(timeout=60)
    with runwire.init(id="n", mode="offline") as run:
        assert run.step == 42


def test_auto_goes_on_with_the_run_that_did_not_finish(train: Callable[..., Any]) -> None:
    """Or failed. A finished one is left alone, and so is one that still goes on; the next begins anew."""
    code = """
import os, runwire, sys
run = runwire.init("p", resume="auto", mode="offline")
run.log({"loss": 1.0})
print(run.id, run.step, run.resumed, flush=True)
match sys.stdin.readline().strip():
    case "kill":
        os._exit(1)
    case "raise":
        raise MemoryError
"""

    def begun(process: Any) -> list[str]:
        return str(process.stdout.readline()).split()

    first = train(code)
    one = begun(first)
    beside = train(code)
    other = begun(beside)
    assert (one[1:], other[1:]) == (["1", "False"], ["1", "False"])
    assert one[0] != other[0]
    first.communicate("kill\n", timeout=60)
    beside.communicate("kill\n", timeout=60)
    third = train(code)
    assert begun(third) == [other[0], "2", "True"]
    third.communicate("raise\n", timeout=60)
    fourth = train(code)
    assert begun(fourth) == [other[0], "3", "True"]
    fourth.communicate("end\n", timeout=60)
    fifth = train(code)
    new = begun(fifth)
    fifth.communicate("end\n", timeout=60)
    assert new[0] not in {one[0], other[0]}


_ELSEWHERE = """
import os, socket, sys
host, pid = "%s", %s
socket.gethostname = lambda: host
if pid:
    os.getpid = lambda: pid
import runwire
run = runwire.init("p", resume="auto", mode="offline")
run.log({"loss": 1.0})
print(run.id, run.step, run.resumed, flush=True)
if sys.stdin.readline().strip() == "kill":
    os._exit(1)
"""


def test_auto_goes_on_with_a_run_of_another_host_that_shares_the_home(train: Callable[..., Any]) -> None:
    """Behind its last row, which waits in that host's spool, if it is dead; one that lives there is left alone."""
    first = train(_ELSEWHERE % ("a", 0))
    one = str(first.stdout.readline()).split()
    beside = train(_ELSEWHERE % ("b", 0))
    other = str(beside.stdout.readline()).split()
    assert one[0] != other[0]
    beside.communicate("kill\n", timeout=60)
    first.communicate("end\n", timeout=60)
    out, _ = train(_ELSEWHERE % ("a", 0)).communicate("kill\n", timeout=60)
    assert out.split() == [other[0], "2", "True"]


def test_auto_goes_on_where_each_process_has_the_same_number(train: Callable[..., Any]) -> None:
    """As in containers, where the training is always process 1."""
    out, _ = train(_ELSEWHERE % ("a", 1)).communicate("kill\n", timeout=60)
    again, _ = train(_ELSEWHERE % ("a", 1)).communicate("kill\n", timeout=60)
    assert again.split() == [out.split()[0], "2", "True"]


def test_a_run_that_goes_on_after_the_clock_went_back_comes_after_itself(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what it logs and says would count for less than what it did before."""
    attempts = []
    now = time.time()
    for clock in (now, now - 3600):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        with runwire.init(id="r", mode="offline") as run:
            assert run.folder is not None
            attempts.append(int(run.folder.name))
        shutil.rmtree(home / "spool")  # as when it is delivered
    assert attempts[0] < attempts[1]


def test_must_and_never_are_held_where_the_home_knows() -> None:
    """One refuses a run that is new, the other one that is not."""
    runwire.init(id="r", resume="never", mode="offline").finish()
    with pytest.raises(runwire.errors.UsageError, match=r'resume="never", but there is a run \'r\' already'):
        runwire.init(id="r", resume="never", mode="offline")


def test_ranks_of_one_id_do_not_take_each_other_for_an_earlier_run() -> None:
    """With "never" each begins; one that was there already does not, whichever it is."""
    for rank in (1, 0, 2):
        runwire.init(id="r", rank=rank, resume="never", mode="offline").finish()
    with pytest.raises(runwire.errors.UsageError, match=r'resume="never", but there is a run \'r\' already'):
        runwire.init(id="r", rank=2, resume="never", mode="offline")


def test_a_server_that_is_none_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where something else listens at its address, that is said, and the run goes on."""
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv("RUNWIRE_SERVER", f"http://127.0.0.1:{other.getsockname()[1]}")
        with runwire.init(id="r", resume="must", mode="offline") as run:
            run.log({"loss": 1.0})
        thread.join()
    assert 'going on as with resume="allow"' in capsys.readouterr().err
    assert logged(run) == [(0, {"loss": 1.0})]


def test_config_takes_what_configs_are_made_of(tmp_path: Path) -> None:
    """Dicts, dataclasses, argparse, absl, OmegaConf, YAML: all tell the same."""
    from absl import flags
    from omegaconf import OmegaConf

    @dataclasses.dataclass
    class Options:
        lr: float = 0.1
        layers: tuple[int, ...] = (1, 2)

    absl = flags.FlagValues()
    flags.DEFINE_float("lr", 0.1, "", flag_values=absl)
    flags.DEFINE_list("layers", [1, 2], "", flag_values=absl)
    absl(["program"])
    (tmp_path / "config.yaml").write_text("lr: 0.1\nlayers: [1, 2]\n")
    sources: list[Any] = [
        {"lr": 0.1, "layers": [1, 2]},
        Options(),
        argparse.Namespace(lr=0.1, layers=[1, 2]),
        OmegaConf.create({"lr": 0.1, "layers": [1, 2], "base": {"x": "${lr}"}}),
        tmp_path / "config.yaml",
        str(tmp_path / "config.yaml"),
    ]
    for source in sources:
        with runwire.init(config=source, mode="offline") as run:
            assert (run.config.lr, list(run.config["layers"])) == (0.1, [1, 2])
        (start,) = told(run, "start")
        assert (start["config"]["lr"], start["config"]["layers"]) == (0.1, [1, 2])
    with runwire.init(config=absl, mode="offline") as run:
        assert run.config.lr == 0.1
        run.config.update(OmegaConf.create({"a": {"b": "${c}"}, "c": 5}))
        assert run.config.a == {"b": 5}


def test_a_config_that_changes_is_recorded_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """In silence where that is meant; not at all where it is refused; an equal value is no change."""
    with runwire.init(config={"lr": 0.1, "seed": 1, "nan": float("nan")}, mode="offline") as run:
        run.config.update({"lr": 0.1, "nan": float("nan")}, allow_val_change=False)
        capsys.readouterr()
        for lr in (0.2, 0.3):
            run.config.lr = lr
        assert capsys.readouterr().err.count("config.lr was 0.1 and is 0.2 now") == 1
        run.config.update({"seed": 2}, allow_val_change=True)
        assert capsys.readouterr().err == ""
        with pytest.raises(
            runwire.errors.UsageError, match=r"config.lr is 0.3 and would become 1: pass allow_val_change"
        ):
            run.config.update({"epochs": 3, "lr": 1}, allow_val_change=False)
        run.config.setdefaults({"lr": 5, "epochs": 9})
        assert run.config.as_dict() | {"nan": 0} == {"lr": 0.3, "seed": 2, "nan": 0, "epochs": 9}
    assert told(run, "config")[1:] == [{"lr": 0.2}, {"lr": 0.3}, {"seed": 2}, {"epochs": 9}]


def test_a_key_that_leads_too_far_is_cut_and_said_and_all_else_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """Tens of thousands of values beneath one long key are no gigabytes in the workers, and stop no training: it reads
    back what it set. What is recorded is what readers of events take, so nothing of it is cut again.
    """

    @dataclasses.dataclass
    class Options:
        lr: float
        prompts: dict[str, Any]

    long, many = "k" * 500_000, {f"{number:x}": number for number in range(40_000)}
    prompts = {long: many, "short": {"a": 1}}
    with runwire.init(config=Options(0.1, prompts), mode="offline") as run:
        assert capsys.readouterr().err.count("of the config is cut: with those around it, it has more than 512") == 1
        run.config.update({"answers": {f"a{long}": 1.5, "seed": 3}, "epochs": 2})
        run.config["prompts"] = prompts
        run.summary["best"] = {long: many, "at": {"step": 5}}
        run.summary.update(accuracy=0.5)
        run.log({"loss": 1.0, long: many})
        said = capsys.readouterr().err
        assert run.config.prompts == prompts
        assert run.config.answers[f"a{long}"] == 1.5
    assert (said.count("the config is cut"), said.count("the summary is cut"), said.count("not logged")) == (1, 1, 1)
    cut = {f"{'k' * 504}…": "…", "short": {"a": 1}}
    (start,), changes, summary = told(run, "start"), told(run, "config"), told(run, "summary")
    assert start["config"] == {"lr": 0.1, "prompts": cut}
    assert changes == [{"answers": {f"a{'k' * 503}…": 1.5, "seed": 3}, "epochs": 2}, {"prompts": cut}]
    assert summary == [{"best": {f"{'k' * 507}…": "…", "at": {"step": 5}}}, {"accuracy": 0.5}]
    assert logged(run) == [(0, {"loss": 1.0})]
    for kind, data in (("start", start), ("config", changes[0]), ("summary", summary[0])):
        assert Event.parse(Event(kind, run.id, 0, 1, 1, data).encode()).data == data  # type: ignore[arg-type]


def test_the_url_is_the_servers_page_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """None where nothing says where a server is."""
    with runwire.init(id="r", mode="offline") as run:
        assert run.url is None
        monkeypatch.setenv("RUNWIRE_SERVER", "http://127.0.0.1:8080/")
        assert run.url == "http://127.0.0.1:8080/r/r"


def test_a_run_that_a_shipper_delivered_after_a_kill_goes_on_behind_its_last_row(
    kafka: str, home: Path, train: Callable[..., Any]
) -> None:
    """The spool is gone by then: the shipper wrote down how far it was."""
    code = """
import os, runwire
run = runwire.init(id="d")
for step in range(100):
    run.log({"a": 1.0})
os._exit(1)
"""
    train(code, RUNWIRE_KAFKA=kafka).wait(timeout=60)
    until(lambda: not list(found(spools(home))), "the spool is delivered and removed")
    assert json.loads((home / "runs/d/0.json").read_text())["next_step"] == 100
    with runwire.init(id="d", mode="offline") as run:
        assert run.step == 100
