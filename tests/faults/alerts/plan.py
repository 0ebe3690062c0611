"""What goes wrong in a round, what that is to be told as, and which faults come when. Made from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Does = Literal["nan", "killed", "raises", "well", "messages"]
#: A rule, a title where the rule tells alerts of one run apart by it, the episode, and the state that it took.
Transition = tuple[str, str, int, str]

#: What the attempts of a run do, one after the other, and how often that is chosen among the others.
STORIES: dict[str, tuple[tuple[Does, ...], int]] = {
    "NaN": (("nan",), 2),
    "NaN, resumed": (("nan", "well"), 3),
    "killed": (("killed",), 2),
    "killed, resumed": (("killed", "well"), 3),
    "exception, resumed": (("raises", "well"), 2),
    "killed, killed again": (("killed", "killed"), 2),
    "messages": (("messages",), 3),
}
#: The faults, and how often each is chosen.
WEIGHTS = {
    "kill alerting": 4,
    "freeze alerting": 2,
    "add worker": 3,
    "stop worker": 2,
    "kill worker": 2,
    "freeze worker": 2,
    "webhook answers 500": 2,
    "webhook hangs": 2,
}
#: Past the session of alerting's group, 6 s: others get the partitions meanwhile.
FROZEN_SECONDS = 8.0
_MESSAGES_MAX = 4
_ALERT_SECONDS, _FAULT_SECONDS = 1.2, 5.0
#: Attempts are told apart by the second at which they begin.
_PAUSES = (1.5, 6.0)


@dataclass(frozen=True)
class Story:
    """What one run goes through.

    Attributes:
        kind: one of STORIES.
        at: when it begins, seconds after the round has.
        pause: seconds between its attempts.
        messages: how many alerts it raises itself, where it does.
    """

    run: str
    kind: str
    at: float
    pause: float
    messages: int = 0

    @property
    def attempts(self) -> Sequence[Does]:
        """What its attempts do."""
        return STORIES[self.kind][0]

    @property
    def alerts(self) -> int:
        """How many episodes of alerts that makes."""
        return self.messages or sum(does != "well" for does in self.attempts)

    def transitions(self) -> Iterator[Transition]:
        """Yield what somebody is to be told."""
        for number in range(self.messages):
            yield "user", title(number), 1, "firing"
        if self.messages:
            return
        rule = "nonfinite" if self.attempts[0] == "nan" else "crash"
        for episode in range(1, self.alerts + 1):
            yield rule, "", episode, "firing"
            if len(self.attempts) > episode:
                yield rule, "", episode, "resolved"


@dataclass(frozen=True)
class Fault:
    """Something that happens to a worker or to the webhook: one of WEIGHTS, when, for how long, and to whom."""

    kind: str
    at: float
    seconds: float
    pick: int


@dataclass(frozen=True)
class Plan:
    """A round."""

    stories: Sequence[Story]
    faults: Sequence[Fault]


def make(seed: int, alerts: int, kinds: Sequence[str] | None = None) -> Plan:
    """Return the round that a seed names.

    Args:
        seed: of what happens.
        alerts: how many episodes of alerts there are to be.
        kinds: the faults; None to choose.
    """
    rng = random.Random(f"{seed}/{alerts}")
    span = alerts * _ALERT_SECONDS
    if kinds is None:
        kinds = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=max(round(span / _FAULT_SECONDS), 1))
    faults = [_fault(rng, kind, span) for kind in kinds]
    return Plan(list(_stories(rng, seed, alerts, span)), sorted(faults, key=lambda fault: fault.at))


def title(number: int) -> str:
    """Return the title of a message."""
    return f"message {number}"


def _stories(rng: random.Random, seed: int, alerts: int, span: float) -> Iterator[Story]:
    # Each kind at least once where there is room, and then as they are drawn.
    first = sorted(STORIES, key=lambda _: rng.random())
    left, number = alerts, 0
    while left:
        kind = first.pop() if first else rng.choices(list(STORIES), [weight for _, weight in STORIES.values()])[0]
        messages = rng.randint(1, min(_MESSAGES_MAX, left)) if kind == "messages" else 0
        story = Story(f"s{seed}-{number}", kind, rng.uniform(0, span), rng.uniform(*_PAUSES), messages)
        if story.alerts > left:
            continue
        yield story
        left, number = left - story.alerts, number + 1


def _fault(rng: random.Random, kind: str, span: float) -> Fault:
    seconds = FROZEN_SECONDS if kind.startswith("freeze") else rng.uniform(1, 6)
    return Fault(kind, rng.uniform(0, span), seconds, rng.randrange(1 << 16))
