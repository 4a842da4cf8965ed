"""A text with all that was found in it, as the readers of places see it."""

from __future__ import annotations

from typing import NamedTuple

from gateway.anonymize.text.places.anchors import Anchors
from gateway.anonymize.text.places.words import Words


class Scene(NamedTuple):
    """A normalised text, its anchors and its words."""

    text: str
    anchors: Anchors
    words: Words
