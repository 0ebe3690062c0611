"""The page at ``/``: the built files, or a few words on how to build them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Runwire</title></head>
<body><h1>Runwire</h1>
<p>The page is not built. In Runwire's repository, where npm's registry can be reached, do <code>make page</code>
and load this again.</p>
<p>All else works: <code>runwire runs</code>, <code>runwire show RUN</code>, <code>runwire alerts ls</code>,
<code>runwire sql "SELECT …"</code>, and <a href="/api/docs">the HTTP API</a>.</p>
</body></html>
"""
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_ASK = {"Cache-Control": "no-cache"}


class Page(StaticFiles):
    """Serves the files of the built page; every other path is one of the page's own views."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, check_dir=False)
        self.config_checked = True  # else the first request would demand the folder, which may not be built
        self._index = folder / "index.html"

    async def get_response(self, path: str, scope: Any) -> Response:
        """Return a file; for a path that names none, the page itself."""
        if path == "api" or path.startswith("api/"):
            raise HTTPException(404)
        if not self._index.exists():
            return HTMLResponse(_NOT_BUILT, headers=_ASK)
        hashed = path.startswith("assets/")  # Vite names these by their content
        try:
            response = await super().get_response("index.html" if path == "." else path, scope)
        except HTTPException as error:
            if error.status_code != 404 or hashed:
                raise
            response = await super().get_response("index.html", scope)
        response.headers.update(_FOREVER if hashed else _ASK)
        return response
