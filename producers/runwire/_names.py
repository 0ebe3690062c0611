"""What a run is called when nobody says so."""

from __future__ import annotations

import base64
import secrets

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
    """Return a fresh run id: 8 characters of 5 random bytes."""
    return base64.b32encode(secrets.token_bytes(5)).decode().lower()


def new_name() -> str:
    """Return a name that a person can say, as ``calm-otter-417``."""
    return f"{secrets.choice(_ADJECTIVES.split())}-{secrets.choice(_NOUNS.split())}-{secrets.randbelow(1000)}"
