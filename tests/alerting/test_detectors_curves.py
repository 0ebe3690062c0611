"""The detectors on curves of real trainings: who is found, how soon, and that none is called ill that is well."""

from __future__ import annotations

import sys
from collections import Counter
from typing import NamedTuple

import pytest
from courses import CHOSEN_ON, FOLDER, HELD_BACK, PER_PULSE, arrays, course, sighted, sighted_beside

from runwire_alerting.detectors import DETECTORS, Detector

BY_NAME = {detector.name: detector for detector in DETECTORS}
METRICS = {
    "loss_frozen": "loss",
    "loss_spike": "loss",
    "divergence": "loss",
    "plateau": "loss",
    "gradient_spike": "gradient_norm",
    "vanishing": "first_layer",
    "overfit": "val_loss",
    "slowdown": "step_seconds",
}
#: Who must find which kind, within how many steps after its onset: the rule that the kind was made for.
FINDS = {
    ("filtered", "loss_frozen"): 60,
    ("dead", "loss_frozen"): 60,
    ("spike", "loss_spike"): 24,
    ("lost", "divergence"): 90,
    ("diverging", "divergence"): 250,
    ("exploding", "gradient_spike"): 4,
    ("vanishing", "vanishing"): 120,
    ("overfitting", "overfit"): 200,
}
#: Who may speak of a kind besides, for it is what the rule is about, or its docstring names it as a false alarm.
MAY = {
    ("dead", "loss_spike"), ("dead", "divergence"), ("lost", "loss_spike"), ("diverging", "loss_spike"),
    ("diverging", "gradient_spike"), ("lost", "gradient_spike"), ("spike", "gradient_spike"),
    ("spike", "divergence"), ("exploding", "loss_spike"), ("harder", "loss_spike"), ("harder", "divergence"),
}  # fmt: skip
KINDS = sorted(file.stem for file in FOLDER.glob("*.npz"))
HEALTHY = [kind for kind in KINDS if (arrays(kind)["onset"] < 0).all()]


class Found(NamedTuple):
    """What a rule at its default settings said of one curve: steps before its onset (or at all) and after."""

    rule: str
    kind: str
    seed: int
    per_pulse: int
    before: list[int]
    after: list[int]


def judged(detector: Detector, kind: str, seed: int, per_pulse: int) -> Found:
    points, onset = course(kind, METRICS[detector.name], seed, 1 if detector.name == "overfit" else per_pulse)
    if detector.name == "overfit":
        steps = sighted_beside(detector, points, course(kind, "loss", seed, per_pulse).points)
    else:
        steps = sighted(detector, points)
    before = [step for step in steps if onset is None or step < onset]
    after = [step - onset for step in steps if onset is not None and step >= onset]
    return Found(detector.name, kind, seed, per_pulse, before, after)


@pytest.fixture(scope="module")
def found() -> list[Found]:
    """What the rules that are on by default said of all curves."""
    return [
        judged(BY_NAME[rule](BY_NAME[rule].Params()), kind, seed, per_pulse)
        for rule, metric in METRICS.items()
        if BY_NAME[rule].on
        for kind in KINDS
        if metric in arrays(kind)
        for seed in (*CHOSEN_ON, *HELD_BACK)
        for per_pulse in PER_PULSE
    ]


@pytest.mark.parametrize("seeds", [CHOSEN_ON, HELD_BACK], ids=["chosen on", "held back"])
def test_precision_and_recall_by_rule(found: list[Found], seeds: range, capsys: pytest.CaptureFixture[str]) -> None:
    """Each rule finds every curve that was made for it, and speaks of none that it should not."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    lines: list[str] = []
    for one in found:
        if one.seed not in seeds:
            continue
        within = FINDS.get((one.kind, one.rule))
        late = within is not None and not any(step <= within for step in one.after)
        false = bool(one.before) or (within is None and bool(one.after) and (one.kind, one.rule) not in MAY)
        right[one.rule] += within is not None and not late
        missed[one.rule] += late
        wrong[one.rule] += false
    for rule in sorted({one.rule for one in found}):
        precision = right[rule] / max(right[rule] + wrong[rule], 1)
        recall = right[rule] / max(right[rule] + missed[rule], 1)
        lines.append(f"{rule:15} precision {precision:4.0%}  recall {recall:4.0%}")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines))
    assert missed.total() == 0, missed
    assert wrong.total() == 0, wrong


def test_no_healthy_training_is_called_ill(found: list[Found]) -> None:
    """Noise, bad batches, warm restarts, resumes, losses about 0, float16: at default settings nobody says a word."""
    assert len(HEALTHY) == 12
    assert [one for one in found if one.kind in HEALTHY and one.before] == []


@pytest.mark.parametrize(("kind", "rule"), FINDS)
def test_each_sick_training_is_found_by_the_rule_it_was_made_for(found: list[Found], kind: str, rule: str) -> None:
    """Within a stated number of steps after its onset, and not before, be it logged slowly or fast."""
    ours = [one for one in found if (one.kind, one.rule) == (kind, rule)]
    assert len(ours) == len(PER_PULSE) * (len(CHOSEN_ON) + len(HELD_BACK))
    assert [one for one in ours if one.before or not one.after or one.after[0] > FINDS[kind, rule]] == []


def test_what_is_off_by_default_finds_its_kind_and_is_off_for_a_reason() -> None:
    """A plateau and a slower step are found, but healthy curves have plateaus and slow moments, too."""
    for rule, kind, healthy in (("plateau", "plateaued", "policy"), ("slowdown", "slowdown", "")):
        detector = BY_NAME[rule]
        assert not detector.on
        for seed in range(8):
            assert judged(detector(detector.Params()), kind, seed, 1).after
        if healthy:
            assert judged(detector(detector.Params()), healthy, 0, 1).before


def test_the_curves_are_small_and_made_by_the_script_beside_them() -> None:
    """Below a megabyte together, and a function of make.py for each."""
    assert sum(file.stat().st_size for file in FOLDER.glob("*.npz")) < 1_000_000
    script = (FOLDER / "make.py").read_text()
    assert [kind for kind in KINDS if f"@kind\ndef {kind}(" not in script] == []
