"""Rules files: what they may hold, and that each mistake is told with its line."""

from __future__ import annotations

import re

import pytest
from timeline import FINE, SETTINGS, Timeline, event, nan_loss, pulse

from runwire.wire import RuleSet, dumps, loads
from runwire_alerting import rulesfile
from runwire_alerting.errors import DeclarationError
from runwire_alerting.rules import rules

WHOLE = """
rules:
  - name: nonfinite
    where: {project: [digits, "vision-*"], tags: prod, config: {model.depth: "> 10", optimizer: adam*}, rank: [0, 1]}
    severity: warning
    for: 30s
    keep_firing_for: 1h 30m
    mode: observe
    actions: [stop, {tag: nan}, {webhook: "https://example.org/hook?key=1"}]
  - {name: slow, kind: stalled, params: {after: 600, after_max: 900}}
  - {name: host_lost, enabled: false}
routes: whoever reads them checks them
"""


def test_a_whole_file_is_read_and_comes_through_the_wire_as_it_was() -> None:
    """Times with units are seconds; what `RuleSet` carries is read as the same declarations."""
    declared = rulesfile.read(WHOLE, "rules.yaml")
    first = declared[0]
    assert (first.for_, first.keep_firing_for, first.mode, first.severity) == (30.0, 5400.0, "observe", "warning")
    assert [one.judges for one in declared] == ["nonfinite", "stalled", "host_lost"]
    carried = loads(dumps([one.wire() for one in declared]))
    assert rulesfile.taken(RuleSet(carried, "somebody", 1)) == declared


def test_a_declared_rule_takes_the_standard_ones_place_and_one_of_its_own_name_is_added() -> None:
    """`host_lost` is off, `slow` is a second stall rule with its own limits, and its alerts have its name."""
    armed = {one.name: one.rule for one in rules(SETTINGS, rulesfile.read(WHOLE, "rules.yaml"))}
    assert [name for name in armed if name in ("nonfinite", "stalled", "slow")] == ["nonfinite", "stalled", "slow"]
    assert "host_lost" not in armed
    assert (armed["slow"].name, armed["stalled"].name) == ("slow", "stalled")
    line = Timeline(given=rulesfile.read("rules: [{name: slow, kind: stalled, params: {after: 9, after_max: 9}}]", "-"))
    line.live(1, 21)
    line.live(21, 40, progressed=20, step=200)
    assert line.said == [("slow", "firing", 1)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("rules:\n  - name: crash\n   bad", "f:3: expected <block end>, but found '<scalar>'"),
        ("rules: 7", "f:1: rules: expected a list of rules"),
        ("rules: []\nrule: []", "f:2: rule: expected rules, routes or notifiers"),
        ("rules:\n  - name: krash", "f:2: krash: kind: there is no kind 'krash', only "),
        (
            "rules:\n  - name: stalled\n    params:\n      after: -1",
            "f:4: stalled: params.after: Input should be greate",
        ),
        (
            "rules:\n  - name: stalled\n    params:\n      affter: 1",
            "f:4: stalled: params.affter: there is no such sett",
        ),
        ("rules:\n  - name: crash\n    for: soon", "f:3: crash: for: write a time as 30s, 5m, 2h or 1d"),
        ("rules:\n  - name: crash\n    were: {}", "f:3: crash: were: there is no such setting"),
        ("rules:\n  - name: crash\n\n  - name: crash", "f:4: crash: there is a rule of this name in line 2"),
        ("rules:\n  - crash", "f:2: rule 1: expected a rule with a name"),
        ("rules:\n  - name: crash\n    where:\n      rank: -1", "f:4: crash: where.rank.0: Input should be greater"),
        ("rules:\n  - name: Crash", "f:2: Crash: name: expected a small letter"),
        ("rules:\n  - name: crash\n    kind: stalled", "f:3: crash: kind: crash is a kind itself: give this rule"),
        ("rules:\n  - name: high\n    kind: threshold", "f:2: high: say which metric it judges, as where: {metric: "),
        ("rules:\n  - name: crash\n    for: yes", "f:3: crash: for: write a time as 30s, 5m, 2h or 1d"),
        (
            "rules:\n  - name: crash\n    actions:\n      - {tagg: x}",
            "f:4: crash: actions.0: expected stop, {tag: NAME} or {webhook: URL}",
        ),
        ("rules:\n  - name: crash\n    actions: [{tag: ''}]", "f:3: crash: actions.0.tag.tag: String should have at "),
        ("rules:\n  - name: {{ NAME }}", "f:2: a key must be a word"),
        ("rules:\n  - [a, b]: 1", "f:2: a key must be a word"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_reason(text: str, problem: str) -> None:
    """One each, at the line where it is."""
    with pytest.raises(DeclarationError) as error:
        rulesfile.read(text, "f")
    assert str(error.value).startswith(problem)


def test_all_mistakes_of_a_file_are_told_at_once() -> None:
    """Not one a try."""
    with pytest.raises(DeclarationError) as error:
        rulesfile.read("rules:\n  - name: krash\n  - name: crash\n    for: soon\n", "f")
    assert [problem.partition(": ")[0] for problem in str(error.value).splitlines()] == ["f:2", "f:4"]


@pytest.mark.parametrize(
    ("url", "got"),
    [
        ("https:/x", "one without a host"),
        ("https:///t0ken", "one without a host"),
        ("https://user:t0ken@/x", "one without a host"),
        ("https://?t0ken", "one without a host"),
        ("https://x.org/t0 ken", "one with a blank or a line's end in it"),
        ("https://x.org/t0ken\\n", "one with a blank or a line's end in it"),
        ("https://x.org:70000/t0ken", "one whose port is none"),
        ("https://x.org:t0ken/", "one whose port is none"),
        ("https://x.org:0/", "one whose port is none"),
        ("https://[t0ken/", "one whose host is none"),
        ("https://<t0ken>/", "one whose host is none"),
        ("x.org/t0ken", "something else"),
        ("ftp://x.org/t0ken", "something else"),
    ],
)
def test_a_webhook_without_a_host_with_a_blank_or_a_bad_port_is_refused_without_being_told(url: str, got: str) -> None:
    """With file and line, what is expected and what is wrong with it, and nothing of the address."""
    with pytest.raises(DeclarationError) as error:
        rulesfile.read(f'rules:\n  - name: crash\n    actions:\n      - webhook: "{url}"\n', "f")
    assert re.fullmatch(
        rf"f:4: crash: actions\.0\.webhook\.webhook: expected an address such as https://example\.org/hook, got {got}",
        str(error.value),
    )
    assert "t0ken" not in str(error.value)


@pytest.mark.parametrize("url", ["http://[::1]:8080/x", "HTTPS://u:p@münchen.example/?a=%20", "http://localhost"])
def test_any_address_of_the_web_is_a_webhook(url: str) -> None:
    """Numbers, names beyond ASCII, passwords, and whatever stands behind the host."""
    [one] = rulesfile.read(f'rules: [{{name: crash, actions: [{{webhook: "{url}"}}]}}]', "f")
    assert one.wire()["actions"] == [{"webhook": url}]


@pytest.mark.parametrize(
    ("where", "fires"),
    [
        ("{project: dig*}", True),
        ("{project: vision}", False),
        ("{run: bold-*}", True),
        ("{run: [other, run]}", True),
        ("{tags: prod}", True),
        ("{tags: [prod, big]}", False),
        ("{config: {model.depth: '> 10', name: r*}}", True),
        ("{config: {model.depth: '<= 10'}}", False),
        ("{config: {model.depth: 12}}", True),
        ("{config: {lr: '*'}}", False),
        ("{rank: 1}", False),
        ("{metric: 'train/*'}", True),
        ("{metric: 'val/*'}", False),
    ],
)
def test_a_rule_judges_the_runs_that_its_selector_names(where: str, *, fires: bool) -> None:
    """By project, run, tags, config and rank as the run's events told them, and by metric."""
    line = Timeline(given=rulesfile.read(f"rules: [{{name: nonfinite, where: {where}}}]", "-"))
    line.read(1, event(1, "start", project="digits", tags=["prod"], config={"model": {"depth": 12}, "name": "resnet"}))
    line.read(2, pulse(2, metrics={"train/loss": nan_loss(5, 1.5)}))
    assert bool(line.alerts) is fires


def test_a_tag_that_comes_later_counts_from_then_on() -> None:
    """And one that is removed counts no more."""
    line = Timeline(given=rulesfile.read("rules: [{name: nonfinite, where: {tags: watch}}]", "-"))
    line.read(1, pulse(1, metrics={"loss": nan_loss(5, 0.5)}))
    assert line.said == []
    line.read(2, event(2, "tags", tags=["watch"]), pulse(2, metrics={"loss": nan_loss(5, 0.5)}))
    assert line.said == [("nonfinite", "firing", 1)]


def test_a_metric_that_is_defined_as_a_loss_is_one() -> None:
    """By its role, whatever it is called."""
    line = Timeline()
    line.read(1, pulse(1, metrics={"objective": nan_loss(5, 0.5), "other": FINE}))
    assert line.said == []
    line.read(2, event(2, "metric", objective={"role": "loss"}), pulse(2, metrics={"objective": nan_loss(5, 0.5)}))
    assert line.said == [("nonfinite", "firing", 1)]
