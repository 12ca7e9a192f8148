"""Looks at a cluster once, and says what it offers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from conformance.features import fabric_detectors  # noqa: F401 - registers its detectors
from conformance.features.detectors import DETECTORS
from conformance.features.model import Feature, FeatureSet
from conformance.features.sight import Sight
from conformance.features.vocabulary import feature_names
from conformance.kube.errors import ApiError

AT_ONCE = 8


def detect(sight: Sight) -> FeatureSet:
    """Every feature of the vocabulary, with its evidence.

    A detector that the API refuses leaves its feature undecided, and the evidence says why.
    """
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return FeatureSet(threads.map(lambda name: _one(name, sight), feature_names()))


def _one(name: str, sight: Sight) -> Feature:
    try:
        present, evidence = DETECTORS[name](sight)
    except ApiError as error:
        return Feature(name, None, f"could not be found out: {error}")
    return Feature(name, present, evidence)
