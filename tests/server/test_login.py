"""`runwire login`: addresses and a key in the config file, and the key on its way to the server alone."""

from __future__ import annotations

import contextlib
import os
import pty
import stat
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import serving

from runwire_server.local import ports

KEY = "hush-0123456789-hush"
_BEFORE = """\
# of the lab
clickhouse = "http://clickhouse.lab:8123"  # not the server's

[settings]
finish_timeout = 60
"""


class Door(ThreadingHTTPServer):
    """What stands before a server and lets in who has the key, as a proxy does; it remembers what it was sent."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__((ports.HOST, 0), _Handler)
        self.behind = behind
        self.url = f"http://{ports.HOST}:{self.server_address[1]}"
        self.shown: list[str | None] = []
        self.moved: str | None = None


class _Handler(BaseHTTPRequestHandler):
    server: Door

    def do_GET(self) -> None:
        self.server.shown.append(self.headers["Authorization"])
        if self.headers["Authorization"] != f"Bearer {KEY}":
            self.send_error(401)
            return
        if self.server.moved is not None:
            self.send_response(307)
            self.send_header("Location", self.server.moved + self.path)
            self.end_headers()
            return
        with urllib.request.urlopen(self.server.behind + self.path) as answer:
            body = answer.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def opened(behind: str) -> Iterator[Door]:
    with Door(behind) as door:
        threading.Thread(target=door.serve_forever, daemon=True).start()
        yield door
        door.shutdown()


@pytest.fixture(scope="module")
def door(clickhouse: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A server that holds a run, behind a door."""
    with serving.filled(clickhouse, tmp_path_factory.mktemp("server")) as server, opened(server.url) as door:
        yield door


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The config file, with something in it that is to stay."""
    path = tmp_path / "config.toml"
    path.write_text(_BEFORE)
    path.chmod(0o644)
    return path


def environment(config: Path, **more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("RUNWIRE_")}
    home = str(config.parent / "home")
    return {**own, "RUNWIRE_HOME": home, "RUNWIRE_CONFIG": str(config), "COLUMNS": "160", **more}


def runwire(*words: str, config: Path, into: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "runwire", *words]
    return subprocess.run(
        command, input=into, env=environment(config, **more), capture_output=True, text=True, check=False, timeout=60
    )


def test_login_writes_the_server_and_its_key_and_leaves_the_rest(door: Door, config: Path) -> None:
    """Comments and tables stay, nobody else may read the file, the key is not said, and the next command uses it."""
    refused = runwire("runs", "--server", door.url, config=config)
    assert refused.returncode == 1
    assert "asks for a key, or does not take this one: give it one by `runwire login --server URL`" in refused.stderr
    done = runwire("login", "--server", f"{door.url}/", "--key-stdin", config=config, into=f"{KEY}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{config}: server {door.url}, the key\n"
    lines = config.read_text().splitlines()
    assert sorted(lines[:4]) == sorted([*_BEFORE.splitlines()[:2], f'server = "{door.url}"', f'api_key = "{KEY}"'])
    assert [line for line in lines[4:] if line] == _BEFORE.splitlines()[3:]
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert serving.RUN in runwire("runs", config=config).stdout


def test_a_training_that_asks_for_its_last_step_shows_the_key(door: Door, config: Path) -> None:
    """``resume="must"`` of a run that only the server knows goes on behind its last step."""
    config.write_text(f'server = "{door.url}"\napi_key = "{KEY}"\n')
    code = f"import runwire; print(runwire.init(id={serving.RUN!r}, resume='must', mode='offline').step)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(config), capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"{serving.STEPS}\n"


def test_a_key_goes_to_no_other_server(door: Door, config: Path) -> None:
    """The file's key is of the file's server; the environment's is of the one that is asked."""
    config.write_text(f'server = "http://runwire.example.org"\napi_key = "{KEY}"\n')
    door.shown.clear()
    assert runwire("runs", "--server", door.url, config=config).returncode == 1
    assert door.shown == [None]
    assert runwire("runs", "--server", door.url, config=config, RUNWIRE_API_KEY=KEY).returncode == 0
    assert door.shown == [None, f"Bearer {KEY}"]
    assert runwire("login", "--server", door.url, config=config, RUNWIRE_API_KEY=KEY).returncode == 0
    assert "api_key" not in config.read_text(), "the key of the server before is of no use any more"


def test_a_key_does_not_follow_to_where_the_server_sends_one(door: Door, config: Path) -> None:
    """A server that redirects to another is followed without the key."""
    door.shown.clear()
    with opened("") as other:
        other.moved = door.url
        done = runwire("runs", "--server", other.url, config=config, RUNWIRE_API_KEY=KEY)
        assert other.shown == [f"Bearer {KEY}"]
    assert door.shown == [None]
    assert done.returncode == 1


def test_a_key_that_is_typed_is_not_shown(door: Door, config: Path) -> None:
    """On a terminal it is asked for, and what is typed does not appear."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "runwire", "login", "--server", door.url]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment(config), start_new_session=True
    )
    os.close(theirs)
    screen = b""
    while b"Key (none" not in screen:
        screen += os.read(ours, 1000)
    os.write(ours, f"{KEY}\n".encode())
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while more := os.read(ours, 1000):
            screen += more
    os.close(ours)
    assert process.wait(60) == 0, screen
    assert KEY.encode() not in screen
    assert KEY in config.read_text()


@pytest.mark.parametrize(
    ("words", "into", "code", "said"),
    [
        (("--server", "http://127.0.0.1:9"), "", 1, "the Runwire server at http://127.0.0.1:9 does not answer"),
        (("--server", "runwire.lab"), "", 2, "--server is 'runwire.lab': expected a URL"),
        (("--kafka", "127.0.0.1:9"), "", 1, "Kafka at 127.0.0.1:9 cannot be reached"),
        (("--kafka", "kafka"), "", 2, "--kafka is 'kafka': expected host:port"),
        ((), "", 2, "there is nothing to write down: say --server URL, --kafka HOST:PORT, or both"),
        (("--kafka", "127.0.0.1:9", "--key-stdin"), KEY, 2, "say for which by --server URL"),
        (("--server", "http://127.0.0.1:9", "--key-stdin"), "\n", 2, "stdin holds no key"),
        (("--server", "http://127.0.0.1:9", "--key-stdin"), f"{KEY} {KEY}\n", 2, "stdin holds no key"),
    ],
)
def test_what_cannot_be_written_down_is_said(
    config: Path, words: tuple[str, ...], into: str, code: int, said: str
) -> None:
    """One sentence with what to do, no traceback, no key, and the file is as it was."""
    done = runwire("login", *words, config=config, into=into)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert KEY not in done.stderr
    assert config.read_text() == _BEFORE


def test_a_wrong_key_is_not_written(door: Door, config: Path) -> None:
    """Nor is it said."""
    done = runwire("login", "--server", door.url, "--key-stdin", config=config, into="wrong-key\n")
    assert done.returncode == 1
    assert "answered 401" in done.stderr
    assert "wrong-key" not in done.stderr
    assert config.read_text() == _BEFORE


def test_what_is_no_runwire_server_is_not_written(config: Path) -> None:
    """Something else that answers in JSON."""

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((ports.HOST, 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        done = runwire("login", "--server", f"http://{ports.HOST}:{other.server_address[1]}", config=config)
        other.shutdown()
    assert done.returncode == 2
    assert "is no Runwire server: check the URL; nothing was written" in done.stderr
    assert config.read_text() == _BEFORE


def test_a_file_that_is_no_toml_is_left_as_it_is(door: Door, config: Path) -> None:
    """The error names it."""
    config.write_text("server =")
    done = runwire("login", "--server", door.url, "--key-stdin", config=config, into=f"{KEY}\n")
    assert done.returncode == 2
    assert f"the config file {config} is no TOML" in done.stderr
    assert config.read_text() == "server ="
