"""The filter language of runs: what it reads, what it refuses, and that ClickHouse answers it as Python would."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from embedded_process import Embedded
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from known_runs import START, KnownRun, holds, ingest, look, store

from runwire_storage import queries
from runwire_storage.queries.filter import FilterError, parse, parse_operand, parse_sort
from runwire_storage.queries.filter.tree import (
    FIELDS,
    FUNCTIONS,
    Among,
    And,
    Compare,
    Condition,
    Config,
    Field,
    Has,
    IsNaN,
    Metric,
    Not,
    Operand,
    Or,
    SortKey,
    Summary,
)

NOW = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
PROJECT = "filtered"
#: Names as metrics, keys and tags have them, awkward ones among them.
NAMES = ("loss", "val/loss", "lr", "opt.name", "two words", 'od"d`\\', "min", "name", "5xx/rate", "größe", "and")
TEXTS = ("adam", "sgd", "", "true", "null", "0.5", "NaN", "finished", "a b", "it's", "x\\y\n", "ß", "run-3", "[1,2]")
NUMBERS = (0.0, -0.0, 0.1, 0.30000000000000004, 1.0, -1.5, 1e-3, 1e300, 5e-324, math.inf, -math.inf, 3.0)
VALUES = st.sampled_from([*NUMBERS, math.nan, 2, 10**15 + 1, True, False, None, *TEXTS])


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", And(())),
        ("min(val/loss) < 0.1", Compare(Metric("min", "val/loss"), "<", 0.1)),
        ("MAX(loss, rank=3)>=-1e-3", Compare(Metric("max", "loss", 3), ">=", -1e-3)),
        ("config.lr >= 1e-3", Compare(Config("lr"), ">=", 1e-3)),
        ("config.opt.name == adam", Compare(Config("opt.name"), "=", "adam")),
        ("config.`two words` = 'it\\'s'", Compare(Config("two words"), "=", "it's")),
        ("summary.best != .5", Compare(Summary("best"), "!=", 0.5)),
        ("val/loss < inf", Compare(Summary("val/loss"), "<", math.inf)),
        ('"train loss" > 1', Compare(Summary("train loss"), ">", 1.0)),
        ("`state` > 1", Compare(Summary("state"), ">", 1.0)),
        ("5xx/rate = 0", Compare(Summary("5xx/rate"), "=", 0.0)),
        ("state = finished and tag:prod", And((
            Compare(Field("state"), "=", "finished"), Compare(Field("tag"), "=", "prod")))),
        ("tags ~ '^a'", Compare(Field("tag"), "~", "^a")),
        ("name = calm-otter-417", Compare(Field("name"), "=", "calm-otter-417")),
        ("id = 7b2xk", Compare(Field("id"), "=", "7b2xk")),
        ("state in (failed, 'crashed')", Among(Field("state"), ("failed", "crashed"))),
        ("config.n in (1, adam)", Among(Config("n"), (1.0, "adam"))),
        ("started > 2d ago", Compare(Field("started"), ">", NOW - timedelta(days=2))),
        ("started > 2 days ago", Compare(Field("started"), ">", NOW - timedelta(days=2))),
        ("ended < 2026-01-05T13:00:05+01:00", Compare(Field("ended"), "<", NOW + timedelta(seconds=5))),
        ("ended < 2026-01-05T12:00Z", Compare(Field("ended"), "<", NOW)),
        ("started >= today", Compare(Field("started"), ">=", datetime(2026, 1, 5, tzinfo=timezone.utc))),
        ("duration > 1h30m", Compare(Field("duration"), ">", 5400.0)),
        ("duration > 90 s", Compare(Field("duration"), ">", 90.0)),
        ("not isnan(loss)", Not(IsNaN(Summary("loss")))),
        ("has(config.lr)", Has(Config("lr"))),
        ("exit_code=0 or exit_code=1 and ranks>2", Or((
            Compare(Field("exit_code"), "=", 0.0),
            And((Compare(Field("exit_code"), "=", 1.0), Compare(Field("ranks"), ">", 2.0)))))),
        ("(exit_code=0 OR exit_code=1) AND NOT ranks>2", And((
            Or((Compare(Field("exit_code"), "=", 0.0), Compare(Field("exit_code"), "=", 1.0))),
            Not(Compare(Field("ranks"), ">", 2.0))))),
    ],
)  # fmt: skip
def test_a_filter_means_what_it_says(text: str, meaning: Condition) -> None:
    """Fields, config, summary, metrics, ranks, quotes, times; `and` binds before `or`, `not` before both."""
    assert parse(text, NOW) == meaning


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("state", "at 6: expected one of = != < <= > >= ~ in after state, found the end"),
        ("state =", "at 8: expected a text after =, found the end"),
        ("state = finished tag:prod", "at 18: expected and, or, or the end after finished, found tag"),
        ("config.lr < adam", "at 13: expected a number after <, found adam"),
        ("config. < 1", "expected a key after config."),
        ("state < 3", "at 7: expected = != ~ or in"),
        ("ranks ~ 3", "~ searches text"),
        ("tag != x", "several tags"),
        ("started > soon", "at 11: expected a time after >, found soon"),
        ("started > 99999999d ago", "expected a time"),
        ("duration > 5", "expected a duration"),
        ("loss = nan", "at 8: expected a number or a text after =, found nan"),
        ("min(loss < 1", "at 10: expected ) after loss, found <"),
        ("min(loss, rank=x) < 1", "expected a rank"),
        ("min(loss, rank=99999999999) < 1", "expected a rank"),
        ("isnan(state)", "expected a number in isnan"),
        ("(loss < 1", "at 10: expected ) after 1, found the end"),
        ("loss < 1)", "at 9: expected and, or, or the end"),
        ("loss < 'x", "at 8: the quote ' is not closed"),
        ("loss < 1 & lr < 2", "at 10: '&' means nothing here"),
        ("'loss' < 1", "at 1: expected a field or a metric, found 'loss'"),
        ("0.1 > ", "expected a number or a text"),
        ("and", "expected a field or a metric"),
        ("state in ()", "at 11: expected a text after (, found )"),
        ("name ~ '('", "expected a pattern"),
        ("`` = 1", "a name that is not empty"),
        ("(" * 200 + "a=1" + ")" * 200, "fewer parentheses"),
        ("not " * 200 + "a=1", "fewer parentheses"),
        ("a" * 5000, "the filter has 5000 characters"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place_and_a_hint(text: str, words: str) -> None:
    """The message names the position, what was expected and what was found; the hint says what to write."""
    with pytest.raises(FilterError) as refused:
        parse(text, NOW)
    assert words in str(refused.value)
    assert refused.value.hint
    assert "\n" not in str(refused.value)


def test_sort_keys_are_operands_with_a_minus_before_those_that_descend() -> None:
    """Several, by commas; nothing is no key."""
    assert parse_sort("-val/acc, name,-min(loss, rank=1),-5xx/rate") == [
        SortKey(Summary("val/acc"), descending=True),
        SortKey(Field("name")),
        SortKey(Metric("min", "loss", 1), descending=True),
        SortKey(Summary("5xx/rate"), descending=True),
    ]
    assert parse_sort(" ") == []
    assert parse_operand("min(val/loss)") == Metric("min", "val/loss")
    with pytest.raises(FilterError, match="at 6: expected ,"):
        parse_sort("name state")


@settings(max_examples=400)
@given(st.one_of(st.text(), st.text(alphabet="abin(),=<>~!'\"`\\ .:-+0129demTZ/|&%")))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the parser fail in another way."""
    for read in (parse, parse_sort, parse_operand):
        with contextlib.suppress(FilterError):
            read(text)


_names = st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=8))
_metrics = st.builds(Metric, st.sampled_from(FUNCTIONS), st.sampled_from(NAMES), st.sampled_from([None, None, 0, 1]))
_any = st.one_of(st.builds(Config, st.sampled_from(NAMES)), st.builds(Summary, st.sampled_from(NAMES)))
_numbers = st.one_of(st.sampled_from(NUMBERS), st.floats(allow_nan=False))
_texts = st.sampled_from((*TEXTS, PROJECT, "prod", "host-1"))
_patterns = st.sampled_from(["a", "^a", "d$", "n.s", "", "[0-9]+", "it's", "ß", "\\\\"])
_times = st.builds(lambda seconds: START + timedelta(seconds=seconds), st.integers(-5, 200))
_ordered = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
_equal = st.sampled_from(["=", "!="])


def _fields(*types: str) -> st.SearchStrategy[Field]:
    return st.sampled_from([Field(name) for name, kind in FIELDS.items() if kind in types])


_tests = st.one_of(
    st.builds(Compare, st.one_of(_metrics, _any, _fields("number")), _ordered, _numbers),
    st.builds(Compare, _fields("duration"), _ordered, st.sampled_from([0.0, 5.0, 60.0, 100.0])),
    st.builds(Compare, _fields("time"), _ordered, _times),
    st.builds(Compare, st.one_of(_any, _fields("text")), _equal, _texts),
    st.builds(Compare, _fields("tags"), st.just("="), _texts),
    st.builds(Compare, st.one_of(_any, _fields("text", "tags")), st.just("~"), _patterns),
    st.builds(Among, _any, st.lists(st.one_of(_numbers, _texts), min_size=1, max_size=3).map(tuple)),
    st.builds(Among, _fields("text", "tags"), st.lists(_texts, min_size=1, max_size=3).map(tuple)),
    st.builds(IsNaN, st.one_of(_metrics, _any)),
    st.builds(Has, st.one_of(_metrics, _any, _fields("text", "tags", "time", "number"))),
)
_conditions: st.SearchStrategy[Condition] = st.recursive(
    _tests,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)


def quoted(text: str, sign: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(sign, f"\\{sign}")
    return f"{sign}{escaped}{sign}"


def written(condition: Condition) -> str:  # noqa: PLR0911 - one for each kind of condition
    """A condition as one may write it."""
    if isinstance(condition, (And, Or)):
        word = " and " if isinstance(condition, And) else " OR "
        return word.join(f"({written(part)})" for part in condition.conditions)
    if isinstance(condition, Not):
        return f"not ({written(condition.condition)})"
    name = named(condition.operand)
    if isinstance(condition, IsNaN):
        return f"isnan({name})"
    if isinstance(condition, Has):
        return f"has( {name})"
    if isinstance(condition, Among):
        return f"{name} in ({','.join(map(value_written, condition.values))})"
    if condition.operand == Field("duration"):
        return f"{name}{condition.operator}{condition.value:g}s"
    return f"{name} {condition.operator}{value_written(condition.value)}"


def named(operand: Operand) -> str:
    if isinstance(operand, Field):
        return operand.name
    if isinstance(operand, Metric):
        rank = "" if operand.rank is None else f", rank = {operand.rank}"
        return f"{operand.function}({quoted(operand.name, '`')}{rank})"
    if isinstance(operand, Config):
        return f"config.{quoted(operand.key, '`')}"
    return quoted(operand.key, '"')


def value_written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return quoted(value, "'") if isinstance(value, str) else repr(value)


@given(_conditions, _names)
def test_what_is_written_is_what_is_read(condition: Condition, name: str) -> None:
    """A condition survives being written down, and so does any name in quotes."""
    assert parse(written(condition)) == condition
    assert parse_operand(named(Config(name))) == Config(name)
    assert parse_operand(named(Metric("min", name))) == Metric("min", name)


_points = st.dictionaries(
    st.integers(-3, 70), st.sampled_from([*range(-4, 5), 0.5, math.nan, math.inf, -math.inf]).map(float), min_size=1,
    max_size=5,
)  # fmt: skip
_runs = st.builds(
    KnownRun,
    id=st.just(""),
    name=st.sampled_from(["", "adam", "a b", "run-3", "ß"]),
    project=st.just(PROJECT),
    group=st.sampled_from(["", "fold 1"]),
    notes=st.sampled_from(["", "adam\nonce more"]),
    commit=st.sampled_from(["", "5f0c1a"]),
    stop_reason=st.sampled_from(["", "SIGTERM"]),
    host=st.sampled_from(["", "host-1"]),
    started=st.integers(0, 100),
    ended=st.one_of(st.none(), st.integers(100, 200)),
    exit_code=st.sampled_from([0, 0, 1]),
    tags=st.frozensets(st.sampled_from(["prod", "a b", "it's", "adam"]), max_size=2),
    config=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
    summary=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=2),
    points=st.dictionaries(st.tuples(st.sampled_from(NAMES), st.sampled_from([0, 1, 2])), _points, max_size=5),
    dropped=st.sampled_from([(), (), (1,), (2, 3)]),
    stands=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["min", "max", "mean", "last", "none"]), max_size=3),
)


@pytest.fixture(scope="module")
def known(embedded: Embedded, client: Client) -> Sequence[KnownRun]:  # noqa: ARG001 - the schema is there
    """Runs of every kind, the same in every session; one of them surely ends in NaN."""
    drawn: list[KnownRun] = []

    @settings(max_examples=40, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(_runs)
    def draw(run: KnownRun) -> None:
        drawn.append(run)

    draw()
    drawn.append(KnownRun("", project=PROJECT, points={("loss", 0): {0: 1.0, 1: math.nan}}, config={"lr": math.nan}))
    for number, run in enumerate(drawn):
        run.id = f"filtered-{number}"
        run.exit_code = run.exit_code if run.ended is not None else None
    store(ingest(embedded.url), drawn)
    return drawn


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=_conditions)
@example(condition=Compare(Metric("last", "loss"), "!=", 1.0))
@example(condition=Compare(Summary("loss"), "!=", 1.0))
@example(condition=Compare(Config("lr"), "!=", 1.0))
def test_clickhouse_answers_a_filter_as_python_does(
    client: Client, known: Sequence[KnownRun], condition: Condition
) -> None:
    """For every run: what is missing, NaN or of another type is neither equal nor unequal, greater nor less."""
    page = queries.runs(client, And((Compare(Field("project"), "=", PROJECT), condition)), brief=True)
    assert {run["id"] for run in page.runs} == {run.id for run in known if holds(condition, run)}
    assert page.total == len(page.runs)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operand=st.one_of(_metrics, _any, _fields("text", "time", "number", "duration")), descending=st.booleans())
def test_runs_are_put_in_order_and_those_without_the_value_come_last(
    client: Client, known: Sequence[KnownRun], operand: Operand, *, descending: bool
) -> None:
    """By number, then NaN, then by text, then what is missing; in either direction; equals by id."""
    page = queries.runs(client, parse(f"project = {PROJECT}"), [SortKey(operand, descending)], brief=True)

    def rank(value: Any) -> int:
        if value is None or value == "":
            return 3
        if isinstance(value, float) and math.isnan(value):
            return 1
        return 2 if isinstance(value, str) else 0

    found = {run.id: look(operand, run) for run in known}
    groups: dict[int, list[str]] = {group: [] for group in range(4)}
    for run in sorted(known, key=lambda run: run.id):
        groups[rank(found[run.id])].append(run.id)
    for group in (0, 2):
        groups[group].sort(key=lambda name: found[name], reverse=descending)
        if descending:  # equals stay by id
            groups[group] = sorted(sorted(groups[group]), key=lambda name: found[name], reverse=True)
    assert [run["id"] for run in page.runs] == [name for group in groups.values() for name in group]


def test_a_page_is_a_part_of_all_and_knows_their_number(client: Client, known: Sequence[KnownRun]) -> None:
    """Limit and offset cut the order; the total stays, also behind the end; brief leaves the large columns out."""
    condition, order = parse(f"project = {PROJECT}"), parse_sort("id")
    names = sorted(run.id for run in known)
    page = queries.runs(client, condition, order, limit=7, offset=5)
    assert ([run["id"] for run in page.runs], page.total) == (names[5:12], len(names))
    behind = queries.runs(client, condition, order, limit=7, offset=1000)
    assert (behind.runs, behind.total) == ([], len(names))
    brief = queries.runs(client, condition, order, limit=1, brief=True).runs[0]
    assert set(page.runs[0]) - set(brief) == {"config", "summary", "notes", "command", "exception"}


def test_a_pattern_beyond_re2_is_refused_in_words(client: Client) -> None:
    """Python reads look-ahead, ClickHouse does not: a sentence, no engine's message."""
    with pytest.raises(FilterError, match="cannot search by") as refused:
        queries.runs(client, parse("name ~ 'a(?=b)'"))
    assert "look-around" in refused.value.hint
