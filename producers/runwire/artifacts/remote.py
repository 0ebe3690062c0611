"""The server, as artifacts ask it: which versions there are, and for their files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

from runwire import _addresses, _key
from runwire.artifacts.reference import Reference
from runwire.errors import ArtifactNotFoundError, RunwireError, UnavailableError, UsageError, WireError
from runwire.wire import loads

_TIMEOUT_SECONDS = 30.0


class Remote:
    """The server at a URL; any number of threads may ask it."""

    def __init__(self, url: str) -> None:
        import urllib.request  # noqa: PLC0415 -- takes longer to load than all else of the SDK

        self.url = url
        loopback = urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}
        # A proxy that the environment names has no way to this machine's own server.
        self._opener = urllib.request.build_opener(*[urllib.request.ProxyHandler({})] if loopback else [])

    @classmethod
    def find(cls, home: Path) -> Remote:
        """Return the server that is known.

        Raises:
            UnavailableError: none is.
        """
        url = _addresses.find_server(home)
        if url is None:
            raise UnavailableError(
                "nothing says where the Runwire server is: start one with `runwire up -d`, or name it by "
                f"RUNWIRE_SERVER or in {_addresses.config_file()}"
            )
        return cls(url)

    def version(self, reference: Reference) -> dict[str, Any]:
        """Return what the server says of a version.

        Raises:
            ArtifactNotFoundError: there is none.
            UnavailableError: the server does not answer.
        """
        place = f"{quote(reference.project, safe='')}/{reference.name}:{quote(reference.word, safe='')}"
        return self._get(f"/api/artifacts/{place}")

    def logged(self, run: str, rank: int, seq: int) -> dict[str, Any] | None:
        """Return what the server says of what a run logged; None while it knows nothing of it.

        Raises:
            UnavailableError: the server does not answer.
        """
        told = self._get(f"/api/runs/{run}/artifacts?{urlencode({'rank': rank, 'seq': seq})}")
        found: list[dict[str, Any]] = told["artifacts"]
        return found[0] if found else None

    @contextmanager
    def file(self, digest: str) -> Iterator[IO[bytes]]:
        """Give a file of the store, to be read to its end.

        Raises:
            UnavailableError: the server does not answer, has no such file yet, or broke off.
        """
        with self._translated(), self._open(f"/api/files/{digest}") as body:
            yield body
            if left := getattr(body, "length", None):  # a connection that ends too early looks like a file's end
                raise UnavailableError(
                    f"the Runwire server at {self.url} broke off {left} bytes before the end of the file {digest}: its "
                    "log says why. Call it again: files that came whole are not fetched once more"
                )

    def _get(self, path: str) -> dict[str, Any]:
        with self._translated(), self._open(path) as answer:
            found: dict[str, Any] = loads(answer.read())
            return found

    def _open(self, path: str) -> IO[bytes]:
        import urllib.request  # noqa: PLC0415 -- as above

        request = urllib.request.Request(self.url + path)  # noqa: S310 -- find() checked it
        _key.add(request, _key.find(self.url))
        opened: IO[bytes] = self._opener.open(request, timeout=_TIMEOUT_SECONDS)
        return opened

    @contextmanager
    def _translated(self) -> Iterator[None]:
        import http.client  # noqa: PLC0415 -- as above
        import urllib.error  # noqa: PLC0415

        try:
            yield
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(self.url, error.code, error.read()) from None
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, WireError) as error:
            reason = getattr(error, "reason", error)
            raise UnavailableError(
                f"the Runwire server at {self.url} does not answer ({reason}): see that it runs and can be reached "
                "from here (`runwire status`), or say where it is by RUNWIRE_SERVER"
            ) from None


def _refusal(url: str, status: int, body: bytes) -> RunwireError:
    try:
        error = loads(body)["error"]
        code, text = error["code"], f"{error['message']}; {error['hint']}"
    except (WireError, KeyError, TypeError):
        return UnavailableError(f"{url} answers {status}: is it a Runwire server?")
    if code == "no_such_artifact":
        return ArtifactNotFoundError(text)
    return UsageError(text) if status in (400, 422) else UnavailableError(f"the Runwire server at {url}: {text}")
