"""What was to be told, what the store holds of it, and what the webhook got: compared, and counted."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feed import Store
from receiver import Receiver

from faults.alerts.plan import Story
from faults.alerts.watchers import signed
from faults.tally import Tally

#: What somebody is told once: an alert's id, the episode, and the state.
Told = tuple[str, int, str]


@dataclass
class Verdict(Tally):
    """How the alerts of some runs came out.

    Attributes:
        runs: how many there were.
        alerts: episodes that the history holds.
        transitions: states that these took, of which somebody was to be told.
        requests: how often the webhook was asked.
        again: notices that it took a second time.
        lost: transitions of which it took no notice.
        rekeyed: transitions of which notices came under more than one key.
        unlogged: notices of transitions that the history does not hold.
        backwards: alerts of which the end came before the begin.
        unsigned: requests whose signature is not right.
        missing: what went wrong, and is not in the history; and what is there and did not.
    """

    runs: int = 0
    alerts: int = 0
    transitions: int = 0
    requests: int = 0
    again: int = 0
    lost: int = 0
    rekeyed: int = 0
    unlogged: int = 0
    backwards: int = 0
    unsigned: int = 0
    missing: int = 0

    @property
    def wrong(self) -> int:
        """How much is wrong."""
        return self.lost + self.rekeyed + self.unlogged + self.backwards + self.unsigned + self.missing


def of(store: Store, hook: Receiver, stories: Sequence[Story]) -> Verdict:
    """Compare what is known of some runs.

    Args:
        store: where the history of alerts is.
        hook: who was told.
        stories: what the runs went through.
    """
    runs = {story.run: story for story in stories}
    verdict = Verdict(runs=len(runs))
    rows = [row for row in history(store) if row["run"] in runs]
    verdict.alerts = len(rows)
    logged: set[Told] = set()
    happened: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        for state in _states(row):
            logged.add((row["id"], row["episode"], state))
            about = row["title"] if row["rule"] == "user" else ""
            happened[row["run"], row["rule"], about, str(row["episode"]), state] += 1
    verdict.transitions = len(logged)
    planned = Counter(
        (story.run, rule, about, str(episode), state)
        for story in stories
        for rule, about, episode, state in story.transitions()
    )
    verdict.missing = verdict.note("not in the history", (planned - happened).elements())
    verdict.missing += verdict.note("in the history, and did not happen", (happened - planned).elements())
    _judge_notices(verdict, hook, runs, logged)
    return verdict


def history(store: Store) -> list[dict[str, Any]]:
    """Return the episodes of alerts of which somebody was to be told, as the store has them."""
    names = ("id", "episode", "state", "rule", "run", "title", "part_of", "details")
    rows = store.client.query(f"SELECT {', '.join(names)} FROM runwire.alerts").result_rows
    found = [dict(zip(names, row, strict=True)) for row in rows]
    return [row for row in found if json.loads(row["details"])["told_at"] is not None]


def _states(row: dict[str, Any]) -> tuple[str, ...]:
    return ("firing", "resolved") if row["state"] == "resolved" else ("firing",)


def _judge_notices(verdict: Verdict, hook: Receiver, runs: dict[str, Story], logged: set[Told]) -> None:
    keys: defaultdict[Told, set[str]] = defaultdict(set)
    for headers, body in list(hook.requests):
        said = json.loads(body)
        if said["run"] not in runs:
            continue
        verdict.requests += 1
        keys[said["id"], said["episode"], said["state"]].add(headers["Idempotency-Key"])
        if not signed(headers, body):
            verdict.unsigned += verdict.note("not signed", [headers])
    taken = [(said["id"], said["episode"], said["state"]) for _, said in list(hook.taken) if said["run"] in runs]
    first = {told: place for place, told in reversed(list(enumerate(taken)))}
    verdict.again = len(taken) - len(first)
    verdict.lost = verdict.note("never told", sorted(logged - first.keys()))
    verdict.rekeyed = verdict.note("under several keys", (one for one in keys.items() if len(one[1]) > 1))
    owners = Counter(key for its in keys.values() for key in its)
    verdict.rekeyed += verdict.note("a key of two notices", (key for key, count in owners.items() if count > 1))
    verdict.unlogged = verdict.note("nobody logged", sorted(keys.keys() - logged))
    ends = ((id_, episode) for id_, episode, state in first if state == "resolved")
    verdict.backwards = verdict.note(
        "told of the end first",
        (one for one in ends if first.get((*one, "firing"), len(taken)) > first[(*one, "resolved")]),
    )
