"""What the stream worker counts of its own; inserts and the rows in them are counted by `runwire_storage.session`."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

BATCH_SECONDS = Histogram(
    "runwire_stream_batch_seconds",
    "From a batch's being taken up to its being acknowledged; the count is the batches.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
INBOX_BYTES = Gauge("runwire_stream_inbox_bytes", "Bytes that have come and wait for the batch before them.")
RECOMPUTED = Counter(
    "runwire_stream_recomputed_buckets",
    "Rollup buckets that were computed anew from the store because late rows fell into them.",
)
SERIES = Gauge("runwire_stream_series", "Series of which the worker holds the open buckets.")
STORE_AWAY_SECONDS = Gauge(
    "runwire_stream_store_away_seconds", "For how long the store has been away, as inserts find it; 0 if it is not."
)
STORE_OUTAGES = Counter("runwire_stream_store_outages", "How often the store went away.")
