"""ClickHouse without a ClickHouse server: chDB, the same engine as a library, behind ClickHouse's HTTP protocol.

One program owns one data folder and serves it on loopback, so whatever speaks to a ClickHouse server
(clickhouse-connect, Grafana, curl) speaks to this one in the same way. A request goes through these modules, in this
order::

    server     sockets, threads, and the program's life from lock to exit code
    handler    one HTTP exchange: paths, headers, status codes
    request    what a request asks for: parameters, headers, body
    statement  where an INSERT ends and its data begin
    guard      what no query may do, and what a read-only one may not
    engine     chDB: one session a request

Beside them: `settings` (what can be chosen), `config` (the engine's own configuration), `metrics` and `errors`.
"""

from __future__ import annotations

from runwire_storage.embedded.errors import EmbeddedError, EngineError, StartError
from runwire_storage.embedded.server import serve
from runwire_storage.embedded.settings import EmbeddedSettings

__all__ = ["EmbeddedError", "EmbeddedSettings", "EngineError", "StartError", "serve"]
