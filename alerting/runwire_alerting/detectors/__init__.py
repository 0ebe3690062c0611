"""Judgement of one metric's course, point by point; `DETECTORS` lists what there is, one a file."""

from __future__ import annotations

from runwire_alerting.detectors.absent import Absent
from runwire_alerting.detectors.detector import Detector, DetectorParams, Point, Sighting, StateError, Verdict, Well
from runwire_alerting.detectors.divergence import Divergence
from runwire_alerting.detectors.gradient_spike import GradientSpike
from runwire_alerting.detectors.loss_frozen import LossFrozen
from runwire_alerting.detectors.loss_spike import LossSpike
from runwire_alerting.detectors.overfit import Overfit
from runwire_alerting.detectors.plateau import Plateau
from runwire_alerting.detectors.slowdown import Slowdown
from runwire_alerting.detectors.threshold import Threshold
from runwire_alerting.detectors.vanishing import Vanishing

DETECTORS: tuple[type[Detector], ...] = (
    LossFrozen, LossSpike, Divergence, GradientSpike, Slowdown, Vanishing, Overfit, Plateau, Threshold, Absent,
)  # fmt: skip

__all__ = ["DETECTORS", "Detector", "DetectorParams", "Point", "Sighting", "StateError", "Verdict", "Well"]
