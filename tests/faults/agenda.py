"""Many courses of events side by side, each from its own moment on, all in one thread: processes die with theirs."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import Counter
from collections.abc import Iterable

from faults.cluster import Course


def follow(courses: Iterable[tuple[float, str, Course]]) -> Counter[str]:
    """Let them happen; return how many of each name came to pass.

    Args:
        courses: after how many seconds each begins, its name, and what happens.
    """
    began = time.monotonic()
    order = itertools.count()
    agenda = [(began + at, next(order), name, course) for at, name, course in courses]
    heapq.heapify(agenda)
    happened: Counter[str] = Counter()
    try:
        while agenda:
            at, _, name, course = heapq.heappop(agenda)
            time.sleep(max(at - time.monotonic(), 0))
            try:
                wait = next(course)
            except StopIteration as end:
                happened[name] += bool(end.value)
            except BaseException:
                course.close()
                raise
            else:
                heapq.heappush(agenda, (time.monotonic() + wait, next(order), name, course))
    finally:
        for *_, course in agenda:
            course.close()
    return happened
