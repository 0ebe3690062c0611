"""Plots of tables: the table is logged, and how the page is to draw it.

::

    table = runwire.Table(columns=["threshold", "recall"], data=rows)
    runwire.log({"recall": runwire.plot.line(table, "threshold", "recall", title="Recall")})
    runwire.log({"confusion": runwire.plot.confusion_matrix(y_true=labels, preds=predictions, class_names=names)})
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from runwire._table import Table
from runwire._values import listed, number
from runwire.errors import UsageError
from runwire.media.base import Keep, Media
from runwire.wire.media import MediaKind

PlotType = Literal["line", "scatter", "bar", "histogram", "confusion"]

#: Scores, from the highest, each with whether it is one of the class.
_Ranked = list[tuple[float, bool]]
_Points = list[tuple[float, float]]

#: A curve is thinned to so many points.
_POINTS_MAX = 500
#: A confusion matrix of more classes is nothing that one looks at.
_CLASSES_MAX = 200


class Plot(Media):
    """A table, and how it is to be drawn; made by the functions of this module.

    Attributes:
        table: what is drawn.
        table_key: the name under which it is logged, once it is.
    """

    kind: ClassVar[MediaKind] = "plot"

    def __init__(self, table: Table, kind: PlotType, title: str, **columns: str) -> None:
        if not isinstance(table, Table):
            raise UsageError(f"a plot draws a runwire.Table, not a {type(table).__name__}")
        for column in columns.values():
            table.get_column(column)
        super().__init__(None, "", title, type=kind, **columns)
        self.table = table
        self.table_key = ""

    def told(self, keep: Keep) -> dict[str, Any] | None:
        """Return what an event tells of it."""
        about = super().told(keep)
        return about and {**about, "data": {**about["data"], "table": self.table_key}}


def line(table: Table, x: str, y: str, stroke: str | None = None, title: str = "") -> Plot:
    """Return a line plot.

    Args:
        table: what is drawn.
        x: a column of numbers, from left to right.
        y: a column of numbers, upwards.
        stroke: a column by whose cells rows are parted into lines.
        title: what to call it.

    Raises:
        UsageError: there is no such column.
    """
    return Plot(table, "line", title, x=x, y=y, **({} if stroke is None else {"group": stroke}))


def scatter(table: Table, x: str, y: str, title: str = "") -> Plot:
    """Return a plot of points.

    Args:
        table: what is drawn.
        x: a column of numbers, from left to right.
        y: a column of numbers, upwards.
        title: what to call it.

    Raises:
        UsageError: there is no such column.
    """
    return Plot(table, "scatter", title, x=x, y=y)


def bar(table: Table, label: str, value: str, title: str = "") -> Plot:
    """Return a bar chart.

    Args:
        table: what is drawn.
        label: the column of what stands at the bars.
        value: the column of how long they are.
        title: what to call it.

    Raises:
        UsageError: there is no such column.
    """
    return Plot(table, "bar", title, x=label, y=value)


def histogram(table: Table, value: str, title: str = "") -> Plot:
    """Return a histogram of a column's numbers.

    Args:
        table: what is drawn.
        value: the column.
        title: what to call it.

    Raises:
        UsageError: there is no such column.
    """
    return Plot(table, "histogram", title, x=value)


def confusion_matrix(
    probs: Any = None, y_true: Any = None, preds: Any = None, class_names: Sequence[str] | None = None, title: str = ""
) -> Plot:
    """Return how often each class was taken for which.

    Args:
        probs: scores of shape (samples, classes): the class of the highest is the prediction. Or:
        preds: the predicted classes, as indexes.
        y_true: the true classes, as indexes.
        class_names: names of the classes; None for their indexes.
        title: what to call it.

    Raises:
        UsageError: an argument is missing, or they do not belong together.
    """
    if y_true is None or (probs is None) == (preds is None):
        raise UsageError("a confusion matrix takes y_true, and either probs or preds")
    actual = _classes(y_true, "y_true")
    predicted = _classes(preds, "preds") if probs is None else [row.index(max(row)) for row in _scores(probs)]
    if len(actual) != len(predicted):
        raise UsageError(f"y_true has {len(actual)} classes and the predictions {len(predicted)}: expected as many")
    names = _names(class_names, max([*actual, *predicted], default=-1) + 1)
    counts: dict[tuple[int, int], int] = {}
    for pair in zip(actual, predicted, strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    rows = [[names[a], names[p], counts.get((a, p), 0)] for a in range(len(names)) for p in range(len(names))]
    table = Table(columns=["actual", "predicted", "count"], data=rows)
    return Plot(table, "confusion", title or "Confusion matrix", x="predicted", y="actual", value="count")


def roc_curve(
    y_true: Any,
    y_probas: Any,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[int] | None = None,
    title: str = "",
) -> Plot:
    """Return the curve of true positives over false ones, of each class against the others.

    Args:
        y_true: the true classes, as indexes.
        y_probas: scores of shape (samples, classes).
        labels: names of the classes; None for their indexes.
        classes_to_plot: their indexes; None for all. A class that has no sample, or all, has no curve.
        title: what to call it.

    Raises:
        UsageError: the arguments do not belong together.
    """
    curves = _curves(y_true, y_probas, labels, classes_to_plot, curve=_roc, columns=["class", "fpr", "tpr"])
    return Plot(curves, "line", title or "ROC", x="fpr", y="tpr", group="class")


def pr_curve(
    y_true: Any,
    y_probas: Any,
    labels: Sequence[str] | None = None,
    classes_to_plot: Sequence[int] | None = None,
    title: str = "",
) -> Plot:
    """Return the curve of precision over recall, of each class against the others; arguments as of `roc_curve`."""
    curves = _curves(y_true, y_probas, labels, classes_to_plot, curve=_pr, columns=["class", "recall", "precision"])
    return Plot(curves, "line", title or "Precision and recall", x="recall", y="precision", group="class")


def _curves(
    y_true: Any,
    y_probas: Any,
    labels: Sequence[str] | None,
    chosen: Sequence[int] | None,
    *,
    curve: Callable[[_Ranked], _Points],
    columns: list[str],
) -> Table:
    actual, scores = _classes(y_true, "y_true"), _scores(y_probas)
    if len(actual) != len(scores):
        raise UsageError(f"y_true has {len(actual)} classes and y_probas {len(scores)} rows: expected as many")
    names = _names(labels, max([*(len(row) for row in scores[:1]), *(one + 1 for one in actual)], default=0))
    rows: list[list[Any]] = []
    for one in range(len(scores[0]) if scores else 0) if chosen is None else chosen:
        ranked = sorted(((row[one], actual[index] == one) for index, row in enumerate(scores)), reverse=True)
        rows += [[names[one], x, y] for x, y in _thinned(curve(ranked))]
    return Table(columns=columns, data=rows)


def _steps(ranked: _Ranked) -> list[tuple[int, int]]:
    """Return how many true and false positives there are at each threshold, from the highest; scores may repeat."""
    found, true, false = [], 0, 0
    for index, (score, positive) in enumerate(ranked):
        true, false = true + positive, false + (not positive)
        if index + 1 == len(ranked) or ranked[index + 1][0] != score:
            found.append((true, false))
    return found


def _roc(ranked: _Ranked) -> _Points:
    steps = _steps(ranked)
    true, false = steps[-1] if steps else (0, 0)
    if not true or not false:
        return []
    return [(0.0, 0.0), *((f / false, t / true) for t, f in steps)]


def _pr(ranked: _Ranked) -> _Points:
    steps = _steps(ranked)
    true = steps[-1][0] if steps else 0
    return [(0.0, 1.0), *((t / true, t / (t + f)) for t, f in steps)] if true else []


def _thinned(points: _Points) -> _Points:
    if len(points) <= _POINTS_MAX:
        return points
    last = len(points) - 1
    return [points[index * last // (_POINTS_MAX - 1)] for index in range(_POINTS_MAX)]


def _classes(value: Any, what: str) -> list[int]:
    try:
        return [int(number(one, lambda _: None)) for one in listed(value)]
    except Exception as error:  # noqa: BLE001 -- whatever it holds
        raise UsageError(f"{what} is a {type(value).__name__}: expected indexes of classes ({error!s:.80})") from None


def _scores(value: Any) -> list[list[float]]:
    try:
        rows = [[number(one, lambda _: None) for one in listed(row)] for row in listed(value)]
    except Exception as error:  # noqa: BLE001 -- whatever it holds
        raise UsageError(f"scores are a {type(value).__name__}: expected (samples, classes) ({error!s:.80})") from None
    if any(len(row) != len(rows[0]) or not row for row in rows):
        raise UsageError("scores have rows of different lengths: expected (samples, classes)")
    return rows


def _names(names: Sequence[str] | None, count: int) -> list[str]:
    chosen = [str(index) for index in range(count)] if names is None else [str(name) for name in names]
    if len(chosen) < count:
        raise UsageError(f"there are {count} classes, and names of {len(chosen)}")
    if len(chosen) > _CLASSES_MAX:
        raise UsageError(f"there are {len(chosen)} classes: a plot takes at most {_CLASSES_MAX}")
    return chosen
