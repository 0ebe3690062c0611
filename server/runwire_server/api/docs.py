"""`/api/docs`: what the API has, as a page that needs nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>Runwire: HTTP API</title></head>
<body><h1>HTTP API</h1>
<p>The whole description is <a href="/api/openapi.json">OpenAPI</a>. JSON has no NaN and no infinities: they are the
strings "NaN", "Infinity" and "-Infinity". An error is <code>{"error": {"code", "message", "hint"}}</code>.</p>
<dl>%s</dl>
<h2>Examples</h2>
<pre>curl %s/api/runs
curl %s/api/sql --json '{"sql": "SELECT run, metric, max(step) FROM points GROUP BY run, metric"}'
curl %s/api/series --json '{"series": [{"run": "RUN", "metric": "train/loss"}], "columns": 100}'</pre>
</body></html>
"""


@router.get("/api/docs")
async def docs(request: Request) -> HTMLResponse:
    """List the routes."""
    here = escape(str(request.base_url).rstrip("/"))
    routes = "".join(
        _entry(method, path, route)
        for path, methods in request.app.openapi()["paths"].items()
        for method, route in methods.items()
    )
    return HTMLResponse(_PAGE % (routes, here, here, here))


def _entry(method: str, path: str, route: dict[str, Any]) -> str:
    names = ", ".join(parameter["name"] for parameter in route.get("parameters", ()) if parameter["in"] == "query")
    query = f" ?{escape(names)}" if names else ""
    about = escape(route.get("description", "")).replace("``", "")
    return f"<dt><code>{method.upper()} {escape(path)}</code>{query}</dt><dd>{about}</dd>"
