"""Uploads the files that wait in spools to the server's file store: a thread of its own, which no lane waits for.

A file is removed from its spool once the server has acknowledged it, so whatever is killed in between, it is there or
in the spool; twice is once, for the server names files by their content.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from runwire import _key
from runwire.errors import ConfigError, UnavailableError, WireError
from runwire.shipper.tally import Tally
from runwire.spool.files import Waiting, drop, uploaded, waiting
from runwire.wire import loads

_LOOK_SECONDS = 0.1
#: Looking for files takes at most so much of the time, however many spools have some.
_LOOK_SHARE = 0.02
_TIMEOUT_SECONDS = 30.0
_BACKOFF_SECONDS_MIN, _BACKOFF_SECONDS_MAX = 0.5, 10.0
_BLOCK_BYTES = 1 << 18
_ANSWER_BYTES_MAX = 1 << 16

log = logging.getLogger(__name__)


class Uploads(threading.Thread):
    """Uploads to one server, a file at a time, until `stop`.

    Args:
        server: its URL.
        tally: what counts them.
        spools: whose files; may be set anew at any time.

    Attributes:
        spools: as given.
        problem: what keeps files from being uploaded, for people; None if nothing does.
    """

    def __init__(self, server: str, tally: Tally, spools: Collection[Path]) -> None:
        super().__init__(name="files", daemon=True)
        self.spools = spools
        self.problem: str | None = None
        self._tally = tally
        self._server = server
        url = urlsplit(server)
        self._shown = f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
        self._path = f"{url.path.rstrip('/')}/api/files/"
        kind = HTTPSConnection if url.scheme == "https" else HTTPConnection
        self._connection = kind(url.netloc.rpartition("@")[2], timeout=_TIMEOUT_SECONDS, blocksize=_BLOCK_BYTES)
        self._halt = threading.Event()

    def stop(self) -> None:
        """End the thread soon; a file that is under way is uploaded again by whoever comes next."""
        self._halt.set()

    def run(self) -> None:
        """Look for files and upload them, until `stop`."""
        backoff = _BACKOFF_SECONDS_MIN
        while not self._halt.is_set():
            began = time.monotonic()
            try:
                found = self._round()
                self.problem = None
            except (UnavailableError, ConfigError, HTTPException, OSError) as error:
                self._connection.close()
                problem = f"the server at {self._shown} takes no files: {error}"
                if problem != self.problem:
                    log.info(problem)
                self.problem = problem
                self._tally.upload_failed()
                self._halt.wait(backoff)
                backoff = min(2 * backoff, _BACKOFF_SECONDS_MAX)
                continue
            backoff = _BACKOFF_SECONDS_MIN
            if not found:
                self._connection.close()  # before the server does so, which would look like a failure
                self._halt.wait(max(_LOOK_SECONDS, (time.monotonic() - began) / _LOOK_SHARE))
        self._connection.close()

    def _round(self) -> bool:
        """Upload what waits in each spool. Return whether something did.

        Raises:
            UnavailableError, ConfigError, HTTPException, OSError: the server takes nothing now.
        """
        found, refusal = False, None
        for spool in self.spools:
            for file in waiting(spool):
                if self._halt.is_set():
                    return True
                try:
                    found |= self._upload(file)
                except UnavailableError as error:  # a file that the server fails at is to hold up no other
                    refusal = error
        if refusal is not None:
            raise refusal
        return found

    def _upload(self, file: Waiting) -> bool:
        """Upload a file, unless the server has it, and remove it. Return whether it is gone."""
        try:
            body = file.path.open("rb")
        except FileNotFoundError:  # somebody removed the spool
            return False
        except OSError as error:
            log.warning("%s cannot be read, and stays: %s", file.path, error)
            return False
        with body:
            digest = file.path.name
            status, _ = self._ask("HEAD", digest)
            if status == 404:
                status, answer = self._ask("PUT", digest, body, file.size)
                if answer.get("code") == "wrong_digest":
                    log.error("%s is dropped: it was changed since it was logged", file.path)
                    self._tally.file_refused()
                    drop(file.path)
                    return True
                if status >= 300:
                    raise UnavailableError(f"{status} {answer.get('message', '')}".strip())
                self._tally.uploaded(file.size)
            elif status >= 300:
                _, answer = self._ask("GET", digest)  # the answer to HEAD has no body that says why
                raise UnavailableError(f"{status} {answer.get('message', '')}".strip())
        uploaded(file.path)
        return True

    def _ask(self, method: str, digest: str, body: object = None, size: int = 0) -> tuple[int, dict[str, object]]:
        """Ask, and return the status, and what the error says if it is one."""
        headers = _key.headers(_key.find(self._server))
        if body is not None:
            headers["Content-Length"] = str(size)
        self._connection.request(method, self._path + digest, body, headers)  # type: ignore[arg-type]
        answer = self._connection.getresponse()
        error = _error(answer)
        if not answer.isclosed():
            self._connection.close()
        return answer.status, error


def _error(answer: HTTPResponse) -> dict[str, object]:
    told = answer.read(_ANSWER_BYTES_MAX)
    if answer.status < 300 or not told:
        return {}
    try:
        error = loads(told).get("error", {})
    except (WireError, AttributeError):  # a proxy's page
        return {}
    return error if isinstance(error, dict) else {}
