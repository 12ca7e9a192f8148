"""Looks at a cluster once, and says what it offers."""

from __future__ import annotations

from conformance.features.detectors import DETECTORS
from conformance.features.model import Feature, FeatureSet
from conformance.features.sight import Sight
from conformance.features.vocabulary import feature_names
from conformance.kube.errors import ApiError


def detect(sight: Sight) -> FeatureSet:
    """Every feature of the vocabulary, with its evidence.

    A detector that the API refuses leaves its feature undecided, and the evidence says why.
    """
    return FeatureSet(_one(name, sight) for name in feature_names())


def _one(name: str, sight: Sight) -> Feature:
    try:
        present, evidence = DETECTORS[name](sight)
    except ApiError as error:
        return Feature(name, None, f"could not be found out: {error}")
    return Feature(name, present, evidence)
