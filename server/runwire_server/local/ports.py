"""Loopback ports: finding free ones, and telling who holds a taken one."""

from __future__ import annotations

import random
import socket
from collections.abc import Container

from runwire_server.local.errors import PortError

HOST = "127.0.0.1"

# Below the ports that the kernel gives to clients: one that keeps trying to reach a server which is being started again
# could be given that server's own port, and keep it.
_RANGE = range(10_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    return _refusal(port) is None


def _refusal(port: int) -> OSError | None:
    with socket.socket() as probe:
        # As servers do: a port whose last connections linger in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def free(preferred: int | None = None, *, but: Container[int] = ()) -> int:
    """``preferred`` if that is free, else some free port, and none of ``but``."""
    if preferred is not None and preferred not in but and is_free(preferred):
        return preferred
    while (port := random.choice(_RANGE)) in but or not is_free(port):  # noqa: S311 - no secret
        pass
    return port


def demand(port: int, what: str, flag: str) -> None:
    """Make sure that ``port`` is free.

    Raises:
        PortError: it is taken; the message tells by whom, as far as this user may know.
    """
    refusal = _refusal(port)
    if isinstance(refusal, PermissionError):
        raise PortError(f"Port {port}, which {what} wants, is the system's. Choose one from 1024 on with {flag}.")
    if refusal is not None:
        raise PortError(
            f"Port {port} on {HOST}, which {what} wants, is taken by {_holder(port)}. "
            f"Stop that, or choose another port with {flag}."
        )


def _holder(port: int) -> str:
    import psutil  # noqa: PLC0415 - only for this sentence

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f"process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        pass
    return "another program (perhaps of another user, or a `runwire up` with another home)"
