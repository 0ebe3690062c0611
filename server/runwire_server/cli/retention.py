"""`runwire retention`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from typing import Annotated

import typer

from runwire.errors import UsageError
from runwire_server.cli.options import ClickHouse, Home, Json, address
from runwire_server.cli.output import print_json, say

#: So long Kafka keeps what was logged, and a replay could bring back a part of what has gone.
_DAYS_MIN = 8
#: The removal of one run's points may take so long.
_REPLY_SECONDS_MAX = 3600


def retention(
    where: Annotated[
        str | None, typer.Argument(metavar="[FILTER]", help="Only runs for which this holds, as 'not tag:keep'.")
    ] = None,
    home: Home = None,
    clickhouse: ClickHouse = None,
    *,
    points_older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Of runs that ended so long ago, as 90d, 26w; at least 8d.")
    ],
    project: Annotated[str | None, typer.Option(help="Only runs of this project.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    json: Json = False,
) -> None:
    """Remove the points of old runs; their curves stay, at 64 steps. Also removes what came of deleted runs."""
    from runwire_storage import removal  # noqa: PLC0415 - loads the store's driver
    from runwire_storage.client import connect, translated  # noqa: PLC0415
    from runwire_storage.migrations import migrate  # noqa: PLC0415
    from runwire_storage.queries.filter import And, Compare, Field, parse  # noqa: PLC0415
    from runwire_storage.queries.filter.literals import ago, duration  # noqa: PLC0415

    now = datetime.now(timezone.utc)
    seconds = duration(points_older_than)
    before = None if seconds is None else ago(seconds, now)
    if seconds is None or before is None or seconds < _DAYS_MIN * 86400:
        raise UsageError(
            f"--points-older-than is {points_older_than}: give an age of at least {_DAYS_MIN}d, as 90d or 26w; what is "
            "younger may still come through Kafka again"
        )
    named = () if project is None else (Compare(Field("project"), "=", project),)
    condition = And((parse(where or ""), *named))
    url = address("clickhouse", clickhouse, home)
    with translated(url):
        client = connect(url, reply_seconds_max=_REPLY_SECONDS_MAX)
        migrate(client)
        came = 0 if dry_run else removal.sweep(client)
        found = []
        for one in removal.expire(client, before, condition, dry_run=dry_run):
            found.append(one)
            if not json:
                say(f"{one.run}: kept: {one.kept}" if one.kept else f"{one.run}: {one.points:,} points")
    if json:
        print_json({"runs": [asdict(one) for one in found], "came_of_deleted_runs": came})
        return
    done = "would remove" if dry_run else "removed"
    say(f"{done} {sum(one.points for one in found):,} points of {len(found):,} runs that ended before {before:%F}")
    if came:
        say(f"removed {came:,} rows that had come of deleted runs")
