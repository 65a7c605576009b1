"""The estimators' names, as JSON and tables carry them, and their labels, as people read them."""

from __future__ import annotations

from enum import StrEnum


class EstimatorName(StrEnum):
    """Every estimator that a fit runs, and the headline beside them."""

    PARABOLA = "parabola"
    """Minima of a parabola through each budget's curve, and power laws through them."""
    PARABOLA_NEAR_MINIMUM = "parabola_near_minimum"
    """The parabola through the five sizes nearest the lowest loss, where the whole curve is not one."""
    CUBIC = "cubic"
    """As `PARABOLA`, with a cubic."""
    AKIMA = "akima"
    """As `PARABOLA`, with an Akima spline."""
    ADDITIVE = "additive"
    """The surface E + A/N^α + B/D^β by least squares."""
    SKALING = "skaling"
    """The surface E + (A/N^α + B/D^β)^γ."""
    JOINT_SKEW = "joint_skew"
    """A skewed valley in ln N whose floor follows a power law."""
    JOINT_SKEW_BENT = "joint_skew_bent"
    """As `JOINT_SKEW`, with a path of N* that may bend."""
    ADDITIVE_HUBER = "additive_huber"
    """Chinchilla's approach 3: the additive surface by Huber loss on ln L."""
    ENVELOPE = "envelope"
    """Chinchilla's approach 1: the least loss of training curves at each C."""
    HEADLINE = "headline"
    """What a law answers with: a valley fitted to all runs, whose path and floor may drift."""

    @property
    def label(self) -> str:
        """The name for people: joint_skew → joint skew."""
        return self.value.replace("_", " ")
