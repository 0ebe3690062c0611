"""Files on their way from a run's spool to the server's store: there once, to the byte, whatever is away or killed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from parts import ready, until
from scrape import parse

from producers.conftest import shipper, spools
from runwire.artifacts.remote import Remote
from runwire.errors import UnavailableError
from runwire.spool.files import Files, Kept, changed, drop, held, names, uploaded, waiting
from runwire.spool.folder import found
from runwire_server.local import ports

Train = Callable[..., "subprocess.Popen[str]"]

CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()

_LOGGING = """
import runwire, sys
run = runwire.init(project="tests", settings={"finish_timeout": 30})
for number in range(20):
    run._recorder.file(lambda files: files.keep(bytes([number]) * 100_000))
    run.log({"loss": number})
print("logged", flush=True)
"""
_DIGESTS = [hashlib.sha256(bytes([number]) * 100_000).hexdigest() for number in range(20)]


@contextlib.contextmanager
def serving(home: Path, port: int) -> Iterator[str]:
    """A server, of whose parts these tests need the file store alone; its URL."""
    home.mkdir(exist_ok=True)
    argv = ["server", "--home", str(home), "--clickhouse", "http://127.0.0.1:1", "--port", str(port)]
    with ready([sys.executable, "-m", "runwire", *argv], home / "server.log"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with serving(tmp_path / "server", ports.free()) as url:
        yield url


def stored(url: str, digest: str) -> bytes | None:
    """What the server has of a file; None if it has none, or is away."""
    with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{url}/api/files/{digest}") as answer:
        content: bytes = answer.read()
        return content
    return None


def all_stored(url: str) -> bool:
    return all(stored(url, digest) == bytes([number]) * 100_000 for number, digest in enumerate(_DIGESTS))


def left(home: Path) -> list[Path]:
    """The spools that are there."""
    return list(found(spools(home)))


def test_a_file_is_kept_once_by_its_content(tmp_path: Path) -> None:
    """Bytes, a copy and a link of the same content are one file of the spool, and the original stays as it was."""
    original = tmp_path / "model.pt"
    original.write_bytes(CONTENT)
    files = Files(tmp_path)
    kept = Kept(DIGEST, len(CONTENT))
    assert files.keep(CONTENT) == kept
    with original.open("rb") as source:
        assert files.copy(source) == kept
    for _ in range(2):
        assert files.link(original) == kept
        assert [(one.path.name, one.path.read_bytes()) for one in waiting(tmp_path)] == [(DIGEST, CONTENT)]
        assert len(list((tmp_path / "files").iterdir())) == 1, "no rest of the other ways is left"
    assert (tmp_path / "files" / DIGEST).samefile(original)
    next(waiting(tmp_path)).path.unlink()
    assert original.read_bytes() == CONTENT


def test_a_spool_that_holds_all_that_it_may_takes_no_further_file(tmp_path: Path) -> None:
    """What would be beyond the bound is refused with the setting's name, and leaves nothing; what fits is taken."""
    files = Files(tmp_path, bytes_max=2 * len(CONTENT))
    files.keep(CONTENT)
    with pytest.raises(OSError, match="spool_bytes_max"):
        files.keep(CONTENT + CONTENT)
    big = tmp_path / "big"
    big.write_bytes(CONTENT + CONTENT)
    with big.open("rb") as source, pytest.raises(OSError, match="spool_bytes_max"):
        files.copy(source)
    assert held(tmp_path) == len(CONTENT)
    assert files.link(big).size == 2 * len(CONTENT), "what is linked takes no room"
    assert held(tmp_path) == len(CONTENT)
    files.keep(CONTENT[1:])
    big.unlink()
    assert held(tmp_path) == 4 * len(CONTENT) - 1, "until it is the spool's alone"


def test_a_file_that_was_dropped_and_comes_again_as_it_was_is_not_missing(tmp_path: Path) -> None:
    """That it was changed is known until the server has it."""
    files = Files(tmp_path)
    kept = files.keep(CONTENT)
    path = tmp_path / "files" / kept.digest
    drop(path)
    assert (names(tmp_path), changed(tmp_path)) == (set(), {kept.digest})
    files.keep(CONTENT)
    assert (names(tmp_path), changed(tmp_path)) == ({kept.digest}, {kept.digest})
    uploaded(path)
    assert (names(tmp_path), changed(tmp_path)) == (set(), set())


def test_files_reach_the_server_before_finish_returns_and_the_spool_is_gone(
    kafka: str, server: str, home: Path, train: Train
) -> None:
    """Each is stored to the byte, counted, and nothing of it is left on the host."""
    process = train(_LOGGING + "run.finish()", RUNWIRE_KAFKA=kafka, RUNWIRE_SERVER=server)
    out, said = process.communicate(timeout=60)
    assert (out, process.returncode) == ("logged\n", 0), said
    assert "they are delivered as soon as" not in said
    assert all_stored(server)
    until(lambda: not left(home), "the spool is removed")
    counted = "runwire_shipper_files_total"
    told = until(
        lambda: now if (now := parse((spools(home) / "shipper.prom").read_text()))[counted] == 20 else None,
        "all files are counted",
    )
    assert told["runwire_shipper_file_bytes_total"] == 2_000_000


def test_without_a_server_metrics_go_on_and_the_files_come_when_it_is_there(
    kafka: str, tmp_path: Path, home: Path, train: Train
) -> None:
    """The run's rows and end are delivered, the files wait, which finish() says; a server that comes gets them all."""
    port = ports.free()
    url = f"http://127.0.0.1:{port}"
    process = train(
        _LOGGING.replace('"finish_timeout": 30', '"finish_timeout": 10') + "run.finish()",
        RUNWIRE_KAFKA=kafka,
        RUNWIRE_SERVER=url,
    )
    _, said = process.communicate(timeout=60)
    assert f"the server at {url} takes no files" in said
    [spool] = left(home)
    assert '"carried": true' in (spool / "delivered.json").read_text(), "all else is delivered"
    assert len(list(waiting(spool))) == 20
    with serving(tmp_path / "server", port):
        until(lambda: all_stored(url), "all files are stored")
        until(lambda: not left(home), "the spool is removed")


def test_where_nothing_names_a_server_finish_does_not_wait_and_sync_delivers_later(
    kafka: str, server: str, home: Path, train: Train
) -> None:
    """It says what is missing, in less than the time that it might wait; `runwire sync --server` needs no more."""
    patient = _LOGGING.replace('"finish_timeout": 30', '"finish_timeout": 600')
    process = train(patient + "run.finish()", RUNWIRE_KAFKA=kafka)
    _, said = process.communicate(timeout=100)
    assert "20 files" in said
    assert "RUNWIRE_SERVER" in said
    sync = [sys.executable, "-m", "runwire", "sync", "--home", str(home), "--kafka", kafka]
    refused = subprocess.run(sync, check=False, capture_output=True, text=True, timeout=60)
    assert (refused.returncode, "--server" in refused.stderr) == (1, True), refused.stderr
    done = subprocess.run([*sync, "--server", server], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all_stored(server)
    assert left(home) == []


def test_files_survive_a_sigkill_of_the_training_and_of_the_shipper(
    kafka: str, tmp_path: Path, home: Path, train: Train
) -> None:
    """What was kept when both died is uploaded by the next shipper; files that the server has already do no harm."""
    port = ports.free()
    url = f"http://127.0.0.1:{port}"
    process = train(_LOGGING + "sys.stdin.read()", RUNWIRE_KAFKA=kafka, RUNWIRE_SERVER=url)
    assert process.stdout is not None
    assert process.stdout.readline() == "logged\n"
    process.kill()
    os.kill(until(lambda: shipper(home), "a shipper runs"), signal.SIGKILL)
    [spool] = left(home)
    with serving(tmp_path / "server", port):
        # As if the shipper had been killed between an upload and its acknowledgement.
        first = next(waiting(spool)).path
        put = urllib.request.Request(f"{url}/api/files/{first.name}", first.read_bytes(), method="PUT")
        with urllib.request.urlopen(put) as answer:
            assert answer.status == 200
        sync = [sys.executable, "-m", "runwire", "sync", "--home", str(home), "--kafka", kafka]
        done = subprocess.run(sync, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert all_stored(url)
        assert left(home) == []


def test_a_linked_file_that_was_changed_is_dropped_and_said(
    kafka: str, server: str, home: Path, tmp_path: Path, train: Train
) -> None:
    """Whoever says that a file is never changed, and changes it, loses that file alone, and no run waits for it."""
    original = tmp_path / "model.pt"
    original.write_bytes(CONTENT)
    code = f"""
import pathlib
path = pathlib.Path({str(original)!r})
run._recorder.file(lambda files: files.link(path))
with path.open("r+b") as file:
    file.write(b"changed")
run.finish()
"""
    # It is linked and changed before a shipper can look, for that knows of no server until then.
    process = train(_LOGGING + code, RUNWIRE_KAFKA=kafka)
    process.communicate(timeout=60)
    sync = [sys.executable, "-m", "runwire", "sync", "--home", str(home), "--kafka", kafka, "--server", server]
    done = subprocess.run(sync, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert stored(server, DIGEST) is None
    assert all_stored(server)
    assert left(home) == []


def test_a_server_that_dies_while_it_sends_is_no_end_of_a_file(tmp_path: Path) -> None:
    """Whoever fetches is told so, and not that the content is another one."""
    content = CONTENT * (1 + (64 << 20) // len(CONTENT))  # more than lies in the buffers of a connection
    digest = hashlib.sha256(content).hexdigest()
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(serving(tmp_path / "server", ports.free()))
        put = urllib.request.Request(f"{url}/api/files/{digest}", content, method="PUT")
        with urllib.request.urlopen(put) as answer:
            assert answer.status == 200
        with pytest.raises(UnavailableError), Remote(url).file(digest) as body:  # noqa: PT012 -- it is read in pieces
            assert body.read(1000) == content[:1000]
            stack.close()  # which kills it
            while body.read(1 << 20):
                pass
