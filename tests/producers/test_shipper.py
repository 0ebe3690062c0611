"""The way from ``log()`` to Kafka: nothing lost, nothing changed, whatever is killed."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.partitioner import DefaultPartitioner
from parts import own, until

from producers.arrival import Arrived, Reading
from producers.conftest import shipper, spools, stop_shipper
from runwire.shipper import slots
from runwire.shipper.delivery import Delivery
from runwire.shipper.host import Host
from runwire.shipper.link import Link
from runwire.shipper.partitions import home as home_of
from runwire.shipper.ship import Ship
from runwire.shipper.vitals import Progress
from runwire.shipper.watch import INTERVAL, Mark, Watch
from runwire.spool import DELIVERED, Meta, Position, Reader, Writer
from runwire.spool.folder import found, read_json
from runwire.spool.lock import held
from runwire.wire import ALERTS, METRICS, Alert
from runwire.wire.messages import BEFORE_MAX
from runwire_server.local import ports, topics

Train = Callable[..., "subprocess.Popen[str]"]
Read = Callable[[str], Reading]

#: Logs what `_expected` expects: any 64 bits, mixed key lists, steps that go back.
_KNOWN = """
import random, struct, sys, time, runwire
def rows(seed, count):
    rng = random.Random(seed)
    for index in range(count):
        names = [f"m{number}" for number in range(rng.choice([3, 3, 3, 3, 1, 7]))]
        bits = [rng.getrandbits(64) if rng.random() < 0.1 else 0x3FF << 52 | rng.getrandbits(52) for _ in names]
        yield index - (rng.random() < 0.01) * 50, dict(zip(names, bits, strict=True))
def value(bits):
    return struct.unpack("<d", bits.to_bytes(8, "little"))[0]
"""
_namespace: dict[str, Callable[[int, int], object]] = {}
exec(_KNOWN, _namespace)


def _expected(seed: int, count: int) -> list[tuple[int, dict[str, int]]]:
    return list(_namespace["rows"](seed, count))  # type: ignore[call-overload]


def _logging(run: str, seed: int, count: int, *, rank: int = 0, then: str = "run.finish()") -> str:
    return f"""{_KNOWN}
run = runwire.init(project="tests", name="known", id={run!r}, rank={rank})
print("logging", flush=True)
for index, (step, values) in enumerate(rows({seed}, {count})):
    run.log({{name: value(bits) for name, bits in values.items()}}, step=step)
    if index % 2000 == 1999:
        run.summary["rows"] = index
print("logged", flush=True)
{then}
print("finished", flush=True)
"""


def _new() -> str:
    return f"t-{uuid.uuid4().hex[:10]}"


def _in_order(arrived: Arrived, rank: int = 0) -> list[tuple[int, dict[str, int]]]:
    """A rank's rows in the order in which they were logged."""
    return [row for (of, _), row in sorted(arrived.rows.items()) if of == rank]


def _wait(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    for said in process.stdout:
        if said.strip() == line:
            return
    pytest.fail(f"the training never said {line!r}: {process.stderr.read() if process.stderr else ''}")


def test_what_was_logged_arrives_to_the_bit(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """Every row, in order, any bits; when finish() returns nothing is left on the disk."""
    run = _new()
    process = train(_logging(run, 1, 30_000), RUNWIRE_KAFKA=kafka)
    _, err = process.communicate(timeout=120)
    assert "wait" not in err
    until(lambda: not list(found(spools(home))), "the spool is removed")
    arrived = reading(run).until(lambda a: len(a.rows) >= 30_000 and a.ended, "all arrives")
    assert _in_order(arrived) == _expected(1, 30_000)
    assert [event.type for event in arrived.events] == ["start", *["summary"] * 15, "finish"]
    assert arrived.ended == ["finished"]
    assert arrived.pulses[-1].step == _expected(1, 30_000)[-1][0]
    assert sum(metric.count for p in arrived.pulses for metric in p.metrics.values()) == sum(
        len(values) for _, values in _expected(1, 30_000)
    ), "pulses tell of each value once"


def test_killing_the_shipper_again_and_again_loses_nothing(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """While a training logs, its shipper is killed five times; each time the training gets a new one."""
    run = _new()
    then = "import time\nfor _ in sys.stdin: break\nrun.finish()"
    process = train(_logging(run, 2, 120_000, then=then), RUNWIRE_KAFKA=kafka)
    read = reading(run)
    for number in range(5):
        until(lambda: shipper(home), "a shipper runs")
        read.until(lambda a, least=number * 20_000: len(a.rows) > least, "rows arrive")
        pid = shipper(home)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda gone=pid: shipper(home) != gone, "it is dead")
    process.communicate("go\n", timeout=120)
    arrived = read.until(lambda a: a.ended, "the end arrives")
    read.until(lambda a: len(a.rows) >= 120_000, "all arrives")
    assert _in_order(arrived) == _expected(2, 120_000)
    assert arrived.ended == ["finished"]
    assert arrived.of("lost") == []
    assert len(arrived.of("summary")) == 60


def _step(watch: Watch) -> None:
    now = time.monotonic()
    watch.calls(now)
    watch.step(now, gone=False, waiting=int)


def test_an_acknowledged_event_does_not_stand_for_the_values_before_it(kafka: str, tmp_path: Path) -> None:
    """Events are told at once, values by the next pulse: until that is acknowledged, a successor begins before them."""
    folder = tmp_path / "7"
    folder.mkdir()
    writer = Writer(folder, 7)
    link = Link(kafka)
    until(lambda: link.ready, "connected")
    start = Mark(Position(0, 0), 7 << 32, Progress(None, 0, 0))
    watch = Watch(folder, Meta(_new(), 0, 7, "p", "n", "h", 1, 0), start, link)
    _step(watch)  # the first pulse; the next one is due in a second
    writer.row(("loss",), 0, 0, [1.0])
    writer.event({"type": "summary", "ts": 0, "data": {"best": 1.0}})
    _step(watch)
    until(lambda: link.flush("urgent") or not watch._flight, "pulse and event are acknowledged")
    assert watch.delivered.position == Position(0, 0)

    def told() -> bool:
        _step(watch)
        link.flush("urgent")
        return watch.delivered.position == Position(0, (folder / "00000000.seg").stat().st_size)

    until(told, "the next pulse tells of the values")
    writer.close()
    watch.close()
    link.close(5)


def test_a_killed_training_is_told_and_its_torn_record_harmless(
    kafka: str, home: Path, train: Train, reading: Read
) -> None:
    """SIGKILL: what was logged arrives, then one ``lost`` event and a last pulse that says killed."""
    run = _new()
    process = train(_logging(run, 3, 5_000, then="for _ in sys.stdin: break"), RUNWIRE_KAFKA=kafka)
    _wait(process, "logged")
    (folder,) = found(spools(home))
    process.kill()
    process.wait()
    with (folder / "00000000.seg").open("ab") as segment:
        segment.write(b"\1\2\3\4\x70\0\0\0\2\0\0\0")  # the head of a row
    arrived = reading(run).until(lambda a: a.ended and len(a.rows) >= 5_000, "the end arrives")
    assert _in_order(arrived) == _expected(3, 5_000)
    assert arrived.ended == ["killed"]
    (lost,) = arrived.of("lost")
    assert lost.data == {"reason": "killed"}
    assert lost.seq > max(seq for _, seq in arrived.rows)
    until(lambda: not folder.exists(), "the spool is removed")


def test_an_exception_ends_the_run_as_failed(kafka: str, train: Train, reading: Read) -> None:
    """The exception event comes before the end; nothing is called lost."""
    run = _new()
    train(_logging(run, 4, 10, then="raise ValueError('no')"), RUNWIRE_KAFKA=kafka).communicate(timeout=60)
    arrived = reading(run).until(lambda a: a.ended, "the end arrives")
    assert [event.type for event in arrived.events] == ["start", "exception", "finish"]
    assert arrived.ended == ["failed"]


def test_an_exception_without_a_finish_is_failed_not_lost(kafka: str, train: Train, reading: Read) -> None:
    """Killed while it waited for the delivery after an exception, a run has still failed by that exception."""
    run = _new()
    then = "import os\nrun.raised(ValueError, ValueError('no'), None)\nos._exit(1)"
    train(_logging(run, 4, 10, then=then), RUNWIRE_KAFKA=kafka).communicate(timeout=60)
    arrived = reading(run).until(lambda a: a.ended, "the end arrives")
    assert arrived.ended == ["failed"]
    assert arrived.of("lost") == []


def test_what_waits_offline_is_delivered_by_sync(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """Without any pipeline a training runs as ever and says where the data waits; sync delivers all of it."""
    run = _new()
    _, err = train(_logging(run, 5, 20_000)).communicate(timeout=60)
    (folder,) = found(spools(home))
    assert err.count(str(folder)) == 2, "once at the start, once at the end"
    assert "`runwire sync`" in err
    done = _sync(home, "--kafka", kafka)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("delivered ")
    assert not folder.exists()
    arrived = reading(run).until(lambda a: len(a.rows) >= 20_000 and a.ended, "all arrives")
    assert _in_order(arrived) == _expected(5, 20_000)
    assert arrived.ended == ["finished"]
    again = _sync(home, "--json")
    assert json.loads(again.stdout) == {"runs": 0, "bytes": 0}


def test_an_offline_run_waits_for_sync_though_a_shipper_is_there(
    kafka: str, home: Path, train: Train, reading: Read
) -> None:
    """The shipper of another run, which is delivered meanwhile, leaves it alone; `runwire sync` delivers it."""
    offline, online = _new(), _new()
    train(_logging(offline, 13, 500), RUNWIRE_KAFKA=kafka, RUNWIRE_MODE="offline").communicate(timeout=60)
    train(_logging(online, 14, 500), RUNWIRE_KAFKA=kafka).communicate(timeout=60)
    until(lambda: len(list(found(spools(home)))) == 1, "the online run's spool is removed")
    (left,) = found(spools(home))
    assert left.parts[-3] == offline
    assert not (left / DELIVERED).exists()
    sync = [sys.executable, "-m", "runwire", "sync", "--home", str(home), "--kafka", kafka]
    subprocess.run(sync, check=True, capture_output=True, timeout=60)
    arrived = reading(offline).until(lambda a: len(a.rows) >= 500 and a.ended, "the offline run")
    assert _in_order(arrived) == _expected(13, 500)
    assert not list(found(spools(home)))


def test_sync_shows_on_a_terminal_how_far_it_is(kafka: str, home: Path, train: Train) -> None:
    """A bar that is full when all is delivered; where nobody looks, there is none."""
    train(_logging(_new(), 9, 20_000)).communicate(timeout=60)
    ours, theirs = pty.openpty()
    sync = [sys.executable, "-m", "runwire", "sync", "--home", str(home), "--kafka", kafka]
    subprocess.run(sync, check=True, stdout=subprocess.DEVNULL, stderr=theirs, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert re.fullmatch(r"(\r[█░]{30} \d+\.\d of (\d+\.\d) MB)*\r█{30} (\d+\.\d) of \3 MB\r\n", shown)


def test_sync_of_a_run_leaves_what_waits_of_others(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """It delivers the run that is named, and says so where nothing of it waits."""
    one, other = _new(), _new()
    for seed, run in enumerate((one, other)):
        train(_logging(run, seed, 500), RUNWIRE_MODE="offline").communicate(timeout=60)
    assert json.loads(_sync(home, one, "--kafka", kafka, "--json").stdout)["runs"] == 1
    arrived = reading(one).until(lambda a: len(a.rows) >= 500 and a.ended, "the run that was named")
    assert _in_order(arrived) == _expected(0, 500)
    (left,) = found(spools(home))
    assert left.parts[-3] == other
    assert not (left / DELIVERED).exists()
    assert _sync(home, one, "--kafka", kafka).stdout == f"nothing of {one} waits in {spools(home)}\n"


def test_sync_of_a_run_keeps_others_alive(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """Who takes the shipper's place sees to the pulse of the runs that go on, so that nobody takes them for dead."""
    waiting, living = _new(), _new()
    nowhere = {"RUNWIRE_KAFKA": "127.0.0.1:9", "RUNWIRE_MODE": "offline"}
    train(_logging(waiting, 1, 500), **nowhere).communicate(timeout=60)
    process = train(_logging(living, 2, 500, then="for _ in sys.stdin: break"), RUNWIRE_KAFKA=kafka)
    _wait(process, "logged")
    sync = own([sys.executable, "-m", "runwire", "sync", "--home", str(home), "--timeout", "600", waiting])
    try:
        until(lambda: shipper(home) == sync.pid, "sync takes over")
        read = reading(living)
        began = time.time() * 1e6
        read.until(lambda a: any(pulse.sent > began and pulse.alive for pulse in a.pulses), "a pulse")
        assert sync.poll() is None
    finally:
        sync.kill()
        sync.wait()


def test_sync_beside_a_living_run_delivers_what_is_there(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """It takes the shipper's place, delivers what was logged by then, and the run gets a shipper of its own again."""
    run = _new()
    process = train(_logging(run, 6, 2_000, then="for _ in sys.stdin: break"))
    _wait(process, "logged")
    assert _sync(home, "--kafka", kafka).returncode == 0
    read = reading(run)
    read.until(lambda a: len(a.rows) >= 2_000, "what was logged arrives")
    assert read.arrived.ended == []
    until(lambda: shipper(home), "the run has a shipper again")


def test_sync_beside_a_living_run_counts_what_needs_no_record_of_its_own(kafka: str, home: Path, train: Train) -> None:
    """An event behind a table is carried by another lane: the table's acknowledgement is that of all before there."""
    code = """
import sys, runwire
run = runwire.init()
run.log({"table": runwire.Table(columns=["a"], data=[[1]])})
run.summary["best"] = 1
print("logged", flush=True)
for _ in sys.stdin: break
"""
    _wait(train(code), "logged")
    done = _sync(home, "--kafka", kafka, "--timeout", "5")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no pipeline is known: 0.0 MB wait in"),
        (("--kafka", "127.0.0.1:9", "--timeout", "2"), "Kafka at 127.0.0.1:9: cannot be reached"),
        (("--kafka", "nowhere"), "the argument kafka= is 'nowhere': expected host:port"),
    ],
)
def test_sync_says_what_keeps_it(home: Path, train: Train, arguments: tuple[str, ...], said: str) -> None:
    """One sentence, exit code 1, nothing lost, no traceback."""
    train(_logging(_new(), 7, 10)).communicate(timeout=60)
    done = _sync(home, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("runwire sync: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(list(found(spools(home)))) == 1


def _sync(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runwire", "sync", "--home", str(home), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_two_ranks_of_one_run_stay_apart(kafka: str, train: Train, reading: Read) -> None:
    """Both log the same metrics and steps; each rank's rows are its own, through one shipper."""
    run = _new()
    processes = [train(_logging(run, 10 + rank, 3_000, rank=rank), RUNWIRE_KAFKA=kafka) for rank in range(2)]
    for process in processes:
        process.communicate(timeout=120)
    arrived = reading(run).until(lambda a: len(a.rows) >= 6_000 and len(a.ended) == 2, "all arrives")
    for rank in range(2):
        assert _in_order(arrived, rank) == _expected(10 + rank, 3_000)


def test_eight_trainings_share_one_shipper(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """Started at once, they elect one shipper, which delivers all of them."""
    runs = [_new() for _ in range(8)]
    processes = [
        train(_logging(run, 20, 3_000, then="for _ in sys.stdin: break\nrun.finish()"), RUNWIRE_KAFKA=kafka)
        for run in runs
    ]
    for process in processes:
        _wait(process, "logged")
    until(lambda: len(_shippers(home)) == 1, "one shipper is left")
    for process in processes:
        process.communicate("go\n", timeout=120)
    for run in runs:
        arrived = reading(run).until(lambda a: len(a.rows) >= 3_000 and a.ended, "all arrives")
        assert _in_order(arrived) == _expected(20, 3_000)


def _shippers(home: Path) -> list[str]:
    """The process ids of this home's shippers."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"runwire.shipper" in command and str(home).encode() in command:
            found.append(process.name)
    return found


def test_a_resumed_run_goes_on_with_higher_numbers(kafka: str, train: Train, reading: Read) -> None:
    """After a kill, the same id and rank again: an attempt of its own, whose rows come after the first one's."""
    run = _new()
    first = train(_logging(run, 30, 500, then="for _ in sys.stdin: break"), RUNWIRE_KAFKA=kafka)
    _wait(first, "logged")
    first.kill()
    train(_logging(run, 31, 500), RUNWIRE_KAFKA=kafka).communicate(timeout=60)
    arrived = reading(run).until(lambda a: len(a.rows) >= 1_000 and len(a.ended) == 2, "all arrives")
    assert _in_order(arrived) == _expected(30, 500) + _expected(31, 500)
    (lost,) = arrived.of("lost")
    finish = arrived.of("finish")[0]
    assert lost.seq < finish.seq
    assert sorted(arrived.ended, key=str) == ["finished", "killed"]


def test_a_nan_is_told_before_the_backlog_of_its_own_run(kafka: str, train: Train, reading: Read) -> None:
    """The pulse names step, value and the values before; it comes although most of what was logged waits."""
    run = _new()
    code = f"""{_KNOWN}
run = runwire.init(id={run!r})
for step in range(300_000):
    run.log({{"loss": 1 / (step + 1), "lr": 0.1, "a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}})
run.log({{"loss": float("nan"), "lr": 0.1}})
print("logged", flush=True)
for _ in sys.stdin: break
run.finish()
"""
    process = train(code, RUNWIRE_KAFKA=kafka)
    _wait(process, "logged")
    read = reading(run)
    read.until(lambda a: any("loss" in p.metrics and p.metrics["loss"].nonfinite for p in a.pulses), "the NaN")
    pulse = next(p for p in read.arrived.pulses if "loss" in p.metrics and p.metrics["loss"].nonfinite)
    assert pulse.alive
    first = pulse.metrics["loss"].first_nonfinite
    assert first is not None
    assert first["step"] == 300_000
    assert first["value"] != first["value"]
    assert first["before"] == [(step, 1 / (step + 1)) for step in range(300_000 - BEFORE_MAX, 300_000)]
    assert pulse.waiting_bytes > 0, "bulk of the run was still waiting"
    assert pulse.metrics["lr"].nonfinite == 0


def test_damage_on_the_disk_is_told_and_the_rest_delivered(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """A flipped bit in a waiting spool costs its row, which the run is told as dropped."""
    run = _new()
    train(f"import runwire\nrun = runwire.init(id={run!r})\nfor i in range(100): run.log({{'loss': i}})").communicate()
    (folder,) = found(spools(home))
    stop_shipper(home)
    segment = folder / "00000000.seg"
    content = bytearray(segment.read_bytes())
    content[content.rindex(struct.pack("<d", 50.0))] ^= 1
    segment.write_bytes(content)
    assert _sync(home, "--kafka", kafka).returncode == 0
    arrived = reading(run).until(lambda a: len(a.rows) >= 99 and a.ended, "the rest arrives")
    assert [step for step, _ in _in_order(arrived)] == [step for step in range(100) if step != 50]
    (dropped,) = arrived.of("dropped")
    assert (dropped.data["rows"], dropped.data["bytes"]) == (1, 48)


def test_an_alert_comes_back_to_the_terminal_once(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """What the alerts topic says of a run is printed by its process: rule, metric, step, value, the values before."""
    run = _new()
    process = train(_logging(run, 40, 10, then="for _ in sys.stdin: break\nrun.finish()"), RUNWIRE_KAFKA=kafka)
    _wait(process, "logged")
    reading(run).until(lambda a: a.rows, "the shipper delivers")
    alert = Alert(
        id=uuid.uuid4().hex, episode=1, state="firing", rule="nonfinite", severity="critical", run=run, project="tests",
        name="known", host="h", title="loss is NaN", text="loss of known", fired_at=_now(), told_at=_now(), version=1,
        rank=0, metric="train/loss", step=812, value=float("nan"), before=[(810, 2.5), (811, 3.25)],
    )  # fmt: skip
    other = {**alert.__dict__, "run": _new(), "id": "x"}
    producer = KafkaProducer(bootstrap_servers=kafka)
    for told in (Alert(**other), alert, Alert(**{**alert.__dict__, "version": 2, "delivered_at": {"u": 1}})):
        producer.send(ALERTS, key=told.id.encode(), value=told.encode())
    producer.flush()
    producer.close()
    (folder,) = found(spools(home))
    until((folder / "inbox.jsonl").exists, "the alert is back")
    _, err = process.communicate("go\n", timeout=60)
    assert err.splitlines() == [
        "runwire: ALERT [critical] nonfinite: loss is NaN",
        "  train/loss at step 812, rank 0: NaN; before it 2.5 (step 810), 3.25 (step 811)",
    ]


def _now() -> int:
    return time.time_ns() // 1000


def test_keys_go_to_the_partitions_of_any_client(kafka: str) -> None:
    """The shipper works a key's partition out by itself, and once: it is that of kafka-python, which is Kafka's own."""
    producer = KafkaProducer(bootstrap_servers=kafka)
    producer.partitions_for(METRICS)
    default, count = DefaultPartitioner(), len(producer.partitions_for(METRICS))
    for number in [*range(200), *range(200)]:
        key = f"run-{number}/{number % 3}".encode()
        assert home_of(key, count) == default.partition(METRICS, key, key, b"", b"", producer._metadata)
    producer.close()


def test_what_is_under_way_makes_room_once_it_is_acknowledged(kafka: str) -> None:
    """A lane takes so many bytes and no more until Kafka has them, whoever sent them."""
    topic = f"test-{_new()}"
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()
    link = Link(kafka)
    until(lambda: link.ready, "connected")
    sent = []
    while link.room("urgent"):
        sent.append(link.send("urgent", topic, b"key", bytes(100_000)))
        assert len(sent) < 10_000
    link.flush("urgent")
    until(lambda: link.room("urgent"), "there is room again")
    until(lambda: link.settle("urgent") or all(one.acknowledged for one in sent), "all of it is acknowledged")
    link.close(5)


def test_the_next_pulse_is_due_within_its_interval(kafka: str, tmp_path: Path) -> None:
    """Sent in slots together with those of other runs, it never comes later for that."""
    folder = tmp_path / "7"
    folder.mkdir()
    writer = Writer(folder, 7)
    link = Link(kafka)
    until(lambda: link.ready, "connected")
    start = Mark(Position(0, 0), 7 << 32, Progress(None, 0, 0))
    for number in range(20):
        watch = Watch(folder, Meta(f"run-{number}", 0, 7, "p", "n", "h", 1, 0), start, link)
        for _ in range(2):
            watch.due = 0.0
            _step(watch)
            assert 0 < watch.due <= time.monotonic() + INTERVAL
        watch.close()
    writer.close()
    link.close(5)


@contextlib.contextmanager
def _lanes(kafka: str, tmp_path: Path, **how: int) -> Iterator[tuple[Writer, Reader, Ship, Link, str]]:
    """A spool's writer, what reads it for the urgent lane, its bulk lane, its link and run; ``how`` is it written?"""
    folder = tmp_path / "7"
    folder.mkdir()
    run = _new()
    writer, ahead, link = Writer(folder, 7, **how), Reader(folder), Link(kafka)
    until(lambda: link.ready, "connected")
    ship = Ship(folder, Meta(run, 0, 7, "p", "n", "h", 1, 0), Position(0, 0), link)
    yield writer, ahead, ship, link, run
    ahead.close()
    writer.close()
    ship.close()
    link.close(5)


def _ship_all(ship: Ship, ahead: Reader, link: Link) -> None:
    until(lambda: time.monotonic() >= ship.due, "it is due")
    while ship.step(time.monotonic(), ended=False, told=ahead.position):
        link.flush("bulk")
    link.flush("bulk")


def test_the_bulk_lane_takes_over_what_comes_next_and_reads_the_rest(kafka: str, tmp_path: Path, reading: Read) -> None:
    """A little at a time, or more than it takes over and then a little: each row is sent, and once."""
    rows = 0
    with _lanes(kafka, tmp_path) as (writer, ahead, ship, link, run):
        for counts in ((3, 2), (5_000, 2, 2), (1,), (5_000,), (1, 1)):
            for count in counts:
                for _ in range(count):
                    writer.row(("loss",), rows, 0, [1.0])
                    rows += 1
                start = ahead.position
                ship.follow(ahead.read(gone=False), start, ahead, time.monotonic())
            assert ship.due < math.inf
            _ship_all(ship, ahead, link)
            assert ship.due == math.inf, "all that there is is sent"
        until(lambda: link.settle("bulk") or ship.delivered == ahead.position, "acknowledged")
        arrived = reading(run).until(lambda a: len(a.rows) == rows, "all arrives")
        assert arrived.repeated == 0


def test_a_bulk_lane_that_is_behind_by_a_segment_sends_all_of_it(kafka: str, tmp_path: Path, reading: Read) -> None:
    """The urgent lane has read the next segment, too: that brings no news, and is sent all the same."""
    with _lanes(kafka, tmp_path, segment_bytes=4096) as (writer, ahead, ship, link, run):
        for step in range(200):
            writer.row(("loss",), step, 0, [1.0])
        while items := ahead.read(gone=False):
            # Not where the bulk lane is: it takes nothing over.
            ship.follow(items, items[0].end, ahead, time.monotonic())
        assert ahead.position.segment > 1
        _ship_all(ship, ahead, link)
        reading(run).until(lambda a: len(a.rows) == 200, "all arrives")


def test_a_look_that_comes_after_a_slot_sends_what_it_finds(kafka: str, home: Path, train: Train) -> None:
    """Where looks are rarer than slots, what is found does not wait for another one."""
    code = f"""
import runwire, sys
run = runwire.init(id={_new()!r})
for _ in range(2):
    print("waits", flush=True)
    sys.stdin.readline()
    run.log({{"loss": 1.0}})
"""
    process = train(code)
    _wait(process, "waits")
    host = Host(home, spools(home), kafka)
    until(lambda: host.tick() or host.connected, "connected")
    until(lambda: host.tick() or host.count() or host.tally.records["urgent"], "the run's start is told")
    time.sleep(2 * slots.SECONDS)
    _say(process, "go")
    _wait(process, "waits")
    host.tick()
    until(lambda: host.count() or host.tally.rows == 1, "the row is acknowledged")
    host.close(1)


def test_news_is_told_before_that_all_is_well(kafka: str, home: Path, train: Train, reading: Read) -> None:
    """One look finds a NaN, and another rank's pulse that is due: the NaN goes first, whichever was found first."""
    run = _new()
    code = f"""
import runwire, sys
ranks = [
    runwire.init(id={run!r}, rank=rank, reinit="create_new", settings={{"system_interval": 0}}) for rank in (0, 1)
]
print("waits", flush=True)
sys.stdin.readline()
ranks[1].log({{"loss": float("nan")}})
print("waits", flush=True)
sys.stdin.readline()
"""
    process = train(code)
    _wait(process, "waits")
    host = Host(home, spools(home), kafka)
    until(lambda: host.tick() or host.connected, "connected")
    read = reading(run)
    until(lambda: host.tick() or host.count() or host.tally.records["urgent"] >= 4, "starts and pulses are told")
    known = len(read.until(lambda a: {p.rank for p in a.pulses} == {0, 1}, "both are heard of").pulses)
    due = max(delivery.pulse_due for delivery in host.deliveries.values())
    until(lambda: time.monotonic() > due, "the next pulses are due")
    _say(process, "go")
    _wait(process, "waits")
    host.tick()
    until(lambda: host.count() or host.tally.records["urgent"] >= 6, "the next pulses are told")
    arrived = read.until(lambda a: len(a.pulses) > known + 1, "they arrive")
    assert [(p.rank, "loss" in p.metrics) for p in arrived.pulses[known:]] == [(1, True), (0, False)]
    host.close(1)


def test_what_is_delivered_of_a_living_run_is_written_down(kafka: str, home: Path, train: Train) -> None:
    """A successor of a killed shipper repeats little: all but some kilobytes are written down while the run lives."""
    code = f"""
import runwire, sys
run = runwire.init(id={_new()!r})
for _ in range(2):
    print("waits", flush=True)
    sys.stdin.readline()
    for step in range(20_000): run.log({{"loss": 1.0}})
"""
    process = train(code, RUNWIRE_KAFKA=kafka)
    _wait(process, "waits")
    (folder,) = found(spools(home))
    until((folder / "delivered.json").exists, "the shipper writes down what it finds")
    _say(process, "go")
    _wait(process, "waits")
    size = (folder / "00000000.seg").stat().st_size

    def close() -> bool:
        told = read_json(folder / "delivered.json")
        return min(told["ship"][1], told["watch"]["position"][1]) > size - (64 << 10)

    until(close, "it is written down long before it would be without so many bytes", timeout=12)


def test_kafka_away_and_back_loses_nothing(home: Path, train: Train, tmp_path: Path) -> None:
    """Kafka is killed while a training logs, the shipper ends before it comes back: all of it arrives then."""
    run = _new()
    with _kafka(tmp_path / "kafka") as address:
        process = train(_logging(run, 60, 40_000, then=_PACED), RUNWIRE_KAFKA=address)
        _wait(process, "logged")
        with contextlib.closing(Reading(address, run)) as read:
            read.until(lambda a: len(a.rows) >= 30_000, "rows arrive")
    _say(process, "away")
    _wait(process, "logged away")
    first = shipper(home)
    assert first is not None
    os.kill(first, signal.SIGTERM)
    until(lambda: shipper(home) != first, "the shipper ends, having written down what is delivered")
    with _kafka(tmp_path / "kafka", port=int(address.rpartition(":")[2])):
        process.communicate("go\n", timeout=120)
        with contextlib.closing(Reading(address, run)) as read:
            arrived = read.until(lambda a: a.ended and len(a.rows) >= 41_000, "all arrives")
    assert _in_order(arrived)[:40_000] == _expected(60, 40_000)
    assert [row[1]["away"] for row in _in_order(arrived)[40_000:]] == [
        int.from_bytes(struct.pack("<d", index), "little") for index in range(1_000)
    ]


_PACED = """
for _ in sys.stdin:
    break
for index in range(1000):
    run.log({"away": index})
    time.sleep(0.001)
print("logged away", flush=True)
for _ in sys.stdin:
    break
run.finish()
"""


def _say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


@contextlib.contextmanager
def _kafka(home: Path, port: int | None = None) -> Iterator[str]:
    """A Kafka of the test's own on ``home``; SIGKILL ends it."""
    home.mkdir(exist_ok=True)
    port = port or ports.free()
    address = f"{ports.HOST}:{port}"
    with (home / "said").open("ab") as said:
        process = own(
            [sys.executable, "-m", "runwire", "kafka", "--home", str(home), "--port", str(port)],
            stdout=said,
            stderr=said,
        )
    try:
        topics.create(address, timeout=60)
        yield address
    finally:
        process.kill()
        process.wait()


def test_a_spool_that_cannot_be_written_for_a_while_is_delivered_soon_after(
    kafka: str, home: Path, train: Train, reading: Read, caplog: pytest.LogCaptureFixture
) -> None:
    """As when its disk is full for a moment: it is left alone for a second, and for longer only where that recurs."""
    run = _new()
    train(_logging(run, 8, 100)).communicate(timeout=60)
    (folder,) = found(spools(home))
    (folder / DELIVERED).mkdir()  # which no file can replace
    host = Host(home, spools(home), kafka)
    with caplog.at_level("WARNING"):
        until(lambda: host.tick() or f"{folder} is left alone for 2 s" in caplog.text, "it failed twice")
    assert f"{folder} is left alone for 1 s" in caplog.text
    (folder / DELIVERED).rmdir()
    until(lambda: host.tick() or not folder.exists(), "delivered", 15)
    host.close(1)
    reading(run).until(lambda a: len(a.rows) == 100, "all arrived")


def test_a_spool_over_which_the_shipper_stumbles_holds_up_no_other(
    kafka: str, home: Path, train: Train, reading: Read, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake of ours that one spool brings to light costs that spool a pause, and is written down as what it is."""
    bad, good = _new(), _new()
    for run in (bad, good):
        train(_logging(run, 8, 100)).communicate(timeout=60)
    watch = Delivery.watch

    def stumble(self: Delivery, now: float, due: float) -> bool:
        if self.meta.run == bad:
            raise IndexError("nobody foresaw this")
        return watch(self, now, due)

    host = Host(home, spools(home), kafka)
    with caplog.at_level("ERROR"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Delivery, "watch", stumble)
        until(lambda: host.tick() or len(list(found(spools(home)))) == 1, "the other is delivered", 15)
    assert "IndexError: nobody foresaw this" in caplog.text
    until(lambda: host.tick() or not list(found(spools(home))), "delivered", 15)
    host.close(1)
    for run in (bad, good):
        reading(run).until(lambda a: len(a.rows) == 100, "all arrived")


def test_a_spool_whose_lock_cannot_be_opened_holds_up_no_other(
    kafka: str, home: Path, train: Train, reading: Read, caplog: pytest.LogCaptureFixture
) -> None:
    """One that another user left in the home: it is said once, and tried again."""
    odd, run = _new(), _new()
    for name in (odd, run):
        train(_logging(name, 1, 10), RUNWIRE_MODE="offline").communicate(timeout=60)
    lock = next(folder for folder in found(spools(home)) if odd in str(folder)) / "lock"
    lock.unlink()
    lock.symlink_to("lock")  # whoever opens it goes round in circles
    host = Host(home, spools(home), kafka, offline=True)
    until(lambda: host.tick() or not (spools(home) / run).exists(), "the other one is delivered", 15)
    until(lambda: host.tick() or caplog.text.count("cannot be delivered") == 1, "it is said")
    lock.unlink()
    until(lambda: host.tick() or not (spools(home) / odd).exists(), "it is delivered, too", 15)
    host.close(1)
    reading(odd).until(lambda a: len(a.rows) == 10, "all arrived")
    assert caplog.text.count("cannot be delivered") == 1


def test_a_shipper_without_work_ends_and_leaves_nothing_in_the_way(home: Path, train: Train) -> None:
    """No living run, nothing that could be delivered: it ends by itself, and the lock is free."""
    train("import runwire\nrunwire.init().log({'loss': 1.0})").communicate(timeout=60)
    until(lambda: shipper(home), "the training's own shipper is up")
    stop_shipper(home)
    done = subprocess.run(
        [sys.executable, "-m", "runwire.shipper", "--home", str(home), "--idle", "0.3"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "ends, pid" in done.stderr
    assert not held(spools(home) / "shipper.lock")
    assert len(list(found(spools(home)))) == 1, "what waits still waits"


def test_a_shipper_whose_home_is_removed_ends(kafka: str, home: Path, train: Train) -> None:
    """It holds a lock that nobody can see any more, so it makes way for the next one."""
    process = train(_logging(_new(), 50, 10, then="for _ in sys.stdin: break"), RUNWIRE_KAFKA=kafka)
    _wait(process, "logged")
    until(lambda: shipper(home), "a shipper runs")
    shutil.rmtree(home)
    until(lambda: not _shippers(home), "it ends")


def test_a_second_shipper_leaves_at_once(kafka: str, home: Path, train: Train) -> None:
    """The lock elects one; another ends without a word."""
    process = train(_logging(_new(), 50, 10, then="for _ in sys.stdin: break"), RUNWIRE_KAFKA=kafka)
    _wait(process, "logged")
    until(lambda: shipper(home), "a shipper runs")
    first = shipper(home)
    done = subprocess.run(
        [sys.executable, "-m", "runwire.shipper", "--home", str(home)], capture_output=True, timeout=60, check=True
    )
    assert done.stderr == b""
    assert shipper(home) == first
