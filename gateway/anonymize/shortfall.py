"""How far a class is from what it must hold: a guide for growing it, never the judge (``models.failing`` is)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gateway.anonymize.ladders import Codes
from gateway.anonymize.models import Grouped, Models, Reals, SensitiveDemand, distance_of, pairs_of


def shortfall(models: Models, grouped: Grouped, reference: Sequence[Reals]) -> Reals:
    """Return for each class the sum over all demands of what it lacks, each as a share of the demand; 0 lacks nothing.

    ``grouped.sensitive`` and ``reference`` follow ``models.sensitive``. Every class must have rows.
    """
    sizes = grouped.sizes()
    lacking: Reals = np.maximum(0.0, models.k - sizes) / models.k
    for demand, codes, whole in zip(models.sensitive, grouped.sensitive, reference, strict=True):
        lacking += _of_demand(demand, grouped, codes, sizes, whole)
    return lacking


def _of_demand(demand: SensitiveDemand, grouped: Grouped, codes: Codes, sizes: Reals, whole: Reals) -> Reals:
    lacking = np.zeros(sizes.size)
    pairs = pairs_of(grouped, codes, int(whole.size))
    if demand.distinct_l is not None:
        lacking += np.maximum(0, demand.distinct_l - pairs.distinct()) / demand.distinct_l
    if demand.entropy_l is not None and demand.entropy_l > 1:
        lacking += np.maximum(0.0, 1 - pairs.entropy(sizes) / math.log(demand.entropy_l))
    if demand.recursive is not None:
        c, least = demand.recursive
        largest, rest = pairs.largest_and_rest(least)
        lacking += np.maximum(0.0, largest - c * rest) / sizes
    if demand.alpha is not None:
        lacking += np.maximum(0.0, pairs.largest() / sizes - demand.alpha)
    if demand.t is not None:
        lacking += np.maximum(0.0, distance_of(pairs, sizes, whole, demand.t_tree) - demand.t)
    return lacking
