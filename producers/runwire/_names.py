"""What a run is called when nobody says so."""

from __future__ import annotations

import base64
import hashlib
import os

_ADJECTIVES = (
    "amber autumn bold brave bright calm clear clever copper crisp daring deep eager early fair fond gentle "
    "glad golden grand green happy hardy hidden honest icy keen kind light lively lucky mellow merry mild "
    "misty noble pale patient polite proud quick quiet rapid red royal silent silver small snowy solid steady "
    "still sunny swift tidy vivid warm wild wise young "
)
_NOUNS = (
    "acorn anchor aspen badger bay beacon birch bison breeze brook canyon cedar cloud comet coral cove crane "
    "creek dawn delta dune elm ember falcon fern field fjord forest fox glacier grove harbor hawk heron hill "
    "island juniper lake lark lynx maple marsh meadow moon mountain oak ocean orchard otter owl pine planet "
    "pond prairie rain raven reef ridge river robin shore sparrow spruce star stone storm stream summit sun "
    "thunder tide trail valley wave willow wind "
)


def new_id() -> str:
    """Return a fresh run id, of 60 random bits: ids are not given out by anyone, and no two runs may meet in one."""
    return _id(os.urandom(8))


def id_of(text: str) -> str:
    """Return a run id for a text: the same for the same one."""
    return _id(hashlib.sha256(text.encode()).digest())


def name_of(run: str) -> str:
    """Return a name for a run's id that a person can say, as ``calm-otter-417``: every rank of it says the same."""
    number = int.from_bytes(hashlib.sha256(run.encode()).digest()[:8], "little")
    adjectives, nouns = _ADJECTIVES.split(), _NOUNS.split()
    number, place = divmod(number, len(adjectives))
    return f"{adjectives[place]}-{nouns[number % len(nouns)]}-{number // len(nouns) % 1000}"


def _id(source: bytes) -> str:
    return base64.b32encode(source[:8]).decode().lower()[:12]
