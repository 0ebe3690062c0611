"""The HTTP API and the page.

A request goes through `guard` (who may ask), a route (`runs`, `series`, `alerts`, `sql`, `health`, `metrics`, `docs`),
`store` (the one connection to ClickHouse) and `runwire_storage.queries`, and leaves through `reply`, or as one of
`errors`.
"""

from __future__ import annotations

from runwire_server.api.app import create_app
from runwire_server.api.serve import ListenError, serve
from runwire_server.api.settings import Settings

__all__ = ["ListenError", "Settings", "create_app", "serve"]
