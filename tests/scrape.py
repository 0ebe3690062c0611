"""Reading `/metrics`, `/healthz` and `/readyz` as whoever watches the programs does."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import partial

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Told:
    """What was told at one moment.

    Attributes:
        kinds: by the name that stands behind ``# TYPE``: counter, gauge, histogram.
        samples: (name, labels, value), in order.
    """

    kinds: dict[str, str]
    samples: list[tuple[str, dict[str, str], float]]

    def __getitem__(self, name: str) -> float:
        """The sum of what is told under this name, whatever the labels."""
        return self.of(name)

    def of(self, name: str, **labels: str) -> float:
        """The sum of what is told under this name with these labels."""
        return sum(value for this, those, value in self.samples if this == name and labels.items() <= those.items())


def parse(text: str) -> Told:
    """Read Prometheus' text format by Prometheus' own reader."""
    families = list(text_string_to_metric_families(text))
    kinds = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE "))
    samples = [(sample.name, sample.labels, sample.value) for one in families for sample in one.samples]
    # The reader adds "_total" to the name of a counter that was told without.
    return Told(
        kinds,
        [(name if (bare := name.removesuffix("_total")) not in kinds else bare, *rest) for name, *rest in samples],
    )


def scrape(url: str) -> Told:
    """What the program at ``url`` tells now."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as reply:
        return parse(reply.read().decode())


def ask(url: str, path: str) -> tuple[int, str]:
    """Status and words of a health check; status 0 if nobody answers."""
    try:
        with urllib.request.urlopen(f"{url}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def listening(url: str) -> bool:
    """Whether somebody answers there."""
    return ask(url, "/healthz")[0] != 0


health = partial(ask, path="/healthz")
readiness = partial(ask, path="/readyz")
