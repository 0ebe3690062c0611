"""Media in the store: each once, the newest of its name and step, and gone with its run."""

from __future__ import annotations

from typing import Any

import known_runs
import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded

from runwire.wire import EVENTS, Event, MediaItem
from runwire_faust.message import Message
from runwire_storage import queries, removal
from runwire_storage.queries import NoSuchMediaError
from runwire_stream.ingest import Ingest

_TS = 1_770_000_000_000_000
_DIGEST = "5" * 64


@pytest.fixture(scope="module")
def ingest(embedded: Embedded, client: Client) -> Ingest:  # noqa: ARG001 - the schema is there
    """What the stream stores with."""
    return known_runs.ingest(embedded.url)


def said(run: str, seq: int, *, rank: int = 0, **more: Any) -> Message:
    """A message that tells of an image."""
    item = {"key": "seen", "step": 3, "index": 0, "count": 1, "kind": "image", "format": "png", "digest": _DIGEST}
    event = Event("media", run, rank, seq, _TS, MediaItem(**{**item, **more}).told())  # type: ignore[arg-type]
    return Message(EVENTS, 0, 0, run.encode(), event.encode())


def test_what_comes_twice_is_there_once_as_it_was_told(ingest: Ingest, client: Client) -> None:
    """Caption, size and what else belongs to it are read as they were said, in the order of their places."""
    data = {"boxes": {"b": {"labels": {"1": "é\n"}, "boxes": []}}, "width": 3}
    messages = [
        said("once", 9, index=1, count=2, caption="two"),
        said("once", 8, index=0, count=2, size=2**40, data=data),
    ]
    for message in (*messages, *messages):
        assert ingest.store([message]) == []
    first, second = queries.shown(client, "once", "seen")
    assert (first["place"], first["size"], first["digest"], first["data"]) == (0, 2**40, _DIGEST, data)
    assert (second["place"], second["caption"], second["kind"], second["format"]) == (1, "two", "image", "png")


def test_of_a_step_the_later_log_counts_also_where_it_has_fewer(ingest: Ingest, client: Client) -> None:
    """Three, then one at the same step: the one is shown, whatever comes again; other steps and ranks stay."""
    three = [said("again", 8 + index, index=index, count=3) for index in range(3)]
    one = said("again", 20, caption="later")
    other = [said("again", 21, step=7), said("again", 22, rank=1, kind="html", format="html")]
    for message in (*three, one, three[0], *other):
        assert ingest.store([message]) == []
    assert [item["caption"] for item in queries.shown(client, "again", "seen", step=3, rank=0)] == ["later"]
    assert [item["step"] for item in queries.shown(client, "again", "seen")] == [7]
    assert queries.media(client, "again") == [
        {"name": "seen", "rank": 0, "kind": "image", "steps": [3, 7]},
        {"name": "seen", "rank": 1, "kind": "html", "steps": [3]},
    ]


def test_what_there_is_not_is_answered_with_what_there_is(ingest: Ingest, client: Client) -> None:
    """A name that is nearly right gets the right one, a wrong step what to do."""
    assert ingest.store([said("asked", 8)]) == []
    with pytest.raises(NoSuchMediaError) as unknown:
        queries.shown(client, "asked", "sen")
    assert "seen" in unknown.value.hint
    with pytest.raises(NoSuchMediaError, match="at step 9"):
        queries.shown(client, "asked", "seen", step=9)


def test_a_deleted_run_has_no_media(ingest: Ingest, client: Client) -> None:
    """Neither what was there nor what still comes is shown or kept."""
    start = Event("start", "media-gone", 0, 1, _TS, {"project": "p"})
    assert ingest.store([Message(EVENTS, 0, 0, b"media-gone", start.encode()), said("media-gone", 8)]) == []
    removal.delete(client, "media-gone", force=True)
    assert queries.media(client, "media-gone") == []
    assert ingest.store([said("media-gone", 9)]) == []
    assert queries.media(client, "media-gone") == []
    removal.sweep(client)
    assert client.query("SELECT count() FROM stored_media WHERE run = 'media-gone'").result_rows == [(0,)]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kind": "hologram"}, "kind is"),
        ({"digest": "../../etc/passwd"}, "digest is"),
        ({"format": "x-html; charset"}, "format is"),
        ({"format": ""}, "format is"),
        ({"index": 1}, "index is"),
        ({"count": 10**6}, "count is"),
        ({"caption": None}, "caption is"),
        ({"key": "a\nb"}, "no metric name"),
        ({"data": []}, "data is"),
        ({"step": 2**63}, "step is"),
    ],
)
def test_what_is_no_medium_is_refused_with_the_reason_and_the_rest_is_stored(
    ingest: Ingest, client: Client, changed: dict[str, Any], why: str
) -> None:
    """A record that something else wrote stops nothing."""
    run = f"bad-{next(iter(changed))}"
    good, bad = said(run, 8), said(run, 9, **changed)
    ((refused, reason),) = ingest.store([bad, good])
    assert refused is bad
    assert why in reason
    assert len(queries.shown(client, run, "seen")) == 1
