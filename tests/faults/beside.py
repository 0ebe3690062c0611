"""What trainings log beside rows and tables, as known by seed and number of the call; and what is stored of it.

Lines that are printed, pages of HTML in the file store, and artifacts. Not on the disk that is filled: there they may
be dropped, as rows are, and no count tells of them.
"""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from feed import Store

from faults import things
from faults.trainings import Attempt, Training

#: Some words, and the things that they are about.
Found = tuple[str, Sequence[object]]
Known = Callable[[int, int], "str | None"]


@dataclass
class Findings:
    """What is wrong: what is lost, and what is there twice, is altered, or was not logged."""

    lost: list[Found] = field(default_factory=list)
    strange: list[Found] = field(default_factory=list)

    def judge(self, words: str, stored: Iterable[str], sure: set[str], doubtful: set[str]) -> None:
        """Take in what is stored of things of which some are to be there, and some may be."""
        counts = Counter(stored)
        self.lost.append((f"{words} lost", sorted(sure - counts.keys())))
        self.strange.append((f"{words} twice", [text for text, count in counts.items() if count > 1]))
        self.strange.append((f"{words} that nobody logged", sorted(counts.keys() - sure - doubtful)))


def compare(store: Store, server: str, trainings: Sequence[Training]) -> Findings:
    """Compare what is stored of a run with what its ranks logged beside rows and tables.

    Args:
        store: where it is stored.
        server: the address of who keeps the files.
        trainings: all ranks of the run.
    """
    findings = Findings()
    for training in trainings:
        who = f"{training.rank.run}/{training.rank.rank}"
        printed = _column(store, training, "SELECT text FROM runwire.console WHERE text LIKE 'seed %'")
        findings.judge(f"line of {who}", printed, *_known(training, things.line))
        _compare_artifacts(store, server, training, findings)
        _compare_pages(store, server, training, findings)
    return findings


def _compare_artifacts(store: Store, server: str, training: Training, findings: Findings) -> None:
    """Each is a version, numbered without a gap, and its file is there."""
    who = f"{training.rank.run}/{training.rank.rank}"
    table = "FROM runwire.stored_artifacts FINAL WHERE true"
    contents = [str(json.loads(text)["content"]) for text in _column(store, training, f"SELECT metadata {table}")]
    findings.judge(f"artifact of {who}", contents, *_known(training, things.artifact))
    versions = _column(store, training, f"SELECT toString(version) {table} ORDER BY version")
    if versions != [str(number) for number in range(len(versions))]:
        findings.strange.append((f"versions of {who}", [versions]))
    missing = [text for text in contents if _content(server, hashlib.sha256(text.encode()).hexdigest()) != text]
    findings.lost.append((f"file of an artifact of {who}", missing))


def _compare_pages(store: Store, server: str, training: Training, findings: Findings) -> None:
    """Of one step the page that was logged last must be there; one that was on its way at a kill may be."""
    who = f"{training.rank.run}/{training.rank.rank}"
    sql = f"SELECT concat(toString(step), ' ', digest) FROM runwire.media WHERE name = '{things.PAGE}'"
    stored = [text.split(" ") for text in _column(store, training, sql)]
    allowed: dict[int, list[str | None]] = {}
    for attempt in training.attempts:
        begun, returned = attempt.ledger.read()
        for call, (step, _) in enumerate(attempt.known(), 1):
            text = things.page(attempt.seed, call)
            if text is not None and call <= returned:
                allowed[step] = [text]
            elif text is not None and call <= begun:
                allowed.setdefault(step, [None]).append(text)
    there = {int(step): _content(server, digest) for step, digest in stored}
    wrong = [step for step, ways in allowed.items() if there.get(step) not in ways]
    findings.lost.append((f"page of {who} lost, or not as it was logged", wrong))
    steps = Counter(int(step) for step, _ in stored)
    findings.strange.append((f"page of {who} twice", [step for step, count in steps.items() if count > 1]))
    findings.strange.append((f"page of {who} that nobody logged", sorted(there.keys() - allowed.keys())))


def _known(training: Training, what: Known) -> tuple[set[str], set[str]]:
    """Return what is to be there, and what may be: it was on its way when its process was killed."""
    sure: set[str] = set()
    doubtful: set[str] = set()
    for attempt in training.attempts:
        begun, returned = attempt.ledger.read()
        sure |= _of(attempt, range(1, returned + 1), what)
        doubtful |= _of(attempt, range(returned + 1, begun + 1), what)
    return sure, doubtful


def _of(attempt: Attempt, calls: range, what: Known) -> set[str]:
    return {text for call in calls if (text := what(attempt.seed, call)) is not None}


def _column(store: Store, training: Training, sql: str) -> list[str]:
    """Return the texts that a query, which ends in its condition or its order, yields of one rank."""
    sql, order, by = sql.partition(" ORDER BY ")
    query = f"{sql} AND run = {{run:String}} AND rank = {{rank:UInt32}}{order}{by}"
    rank = training.rank
    return [row[0] for row in store.client.query(query, {"run": rank.run, "rank": rank.rank}).result_rows]


def _content(server: str, digest: str) -> str | None:
    try:
        with urllib.request.urlopen(f"{server}/api/files/{digest}", timeout=30) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError:
        return None
