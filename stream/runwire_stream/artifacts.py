"""Which version an artifact becomes that was logged: a fold over its collection's messages, in the order of the log.

Content that the collection has already is the version that it was then; other content is the next one. Each message is
counted once, however often it comes, so its row, and the number in it, is a matter of the log alone: whoever folds the
same messages again makes the same rows of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runwire.wire import LoggedArtifact
from runwire_storage.artifacts import Collection, Known, Numbered


def fold(known: Mapping[Collection, Known], logged: Sequence[LoggedArtifact]) -> list[Numbered]:
    """Return the rows of those that are not stored yet, each with its place in the collection's log and its version.

    Args:
        known: what the store holds of each collection of those logged; it is brought up to them.
        logged: in the order of the log.
    """
    rows = []
    for one in logged:
        collection = known[one.project, one.name]
        message = one.run, one.rank, one.seq
        if message in collection.messages:
            continue
        collection.messages.add(message)
        version = collection.versions.setdefault(one.digest, collection.next_version)
        collection.next_version = max(collection.next_version, version + 1)
        collection.places += 1
        rows.append(Numbered(one, collection.places, version))
    return rows
