"""What can be chosen about the server."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from runwire_storage.queries import Limits

_PAGE = Path(__file__).parents[1] / "page" / "dist"


@dataclass(frozen=True)
class Settings:
    """The server's settings.

    Attributes:
        clickhouse: URL of the store.
        files: URL of the file store.
        allowed_hosts: names by which it may be called, besides those of loopback. Others are refused, because a web
            page could give this machine any name and so read from it ("DNS rebinding").
        allow_delete: whether whoever may ask may delete runs too. There are no users: who reaches the server may ask.
        allow_stop: whether they may ask runs to stop.
        allow_alerts: whether they may apply rules, and acknowledge and silence alerts.
        kafka: ``host:port`` of Kafka, through which all that goes; None if nobody said.
        page: the folder of the built page.
        sql: what one query of a user may take.
    """

    clickhouse: str
    files: str
    allowed_hosts: tuple[str, ...] = ()
    allow_delete: bool = False
    allow_stop: bool = False
    allow_alerts: bool = False
    kafka: str | None = None
    page: Path = _PAGE
    sql: Limits = field(default_factory=Limits)
