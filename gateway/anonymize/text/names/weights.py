"""The weights of the name score by hand, and what its parts are compared with.

All scores are log odds. They were set by trials on own school sentences and on news text. The score by hand chooses
which places are looked at, and is one feature of the fitted score (``fitted.py``).
"""

from __future__ import annotations

from typing import Final

SHORTEST: Final = 2
"""Characters of the shortest name, of a given name, of most words."""
FULL: Final = 3
"""Characters of most full names."""
WITH_COMPOUND: Final = 4
"""Characters of most names with a compound surname."""
LONGEST_WORD: Final = 8

ROLE: Final = 2.5
"""A cue of this score and more is a role, a title or a label beside the name."""
TITLE: Final = 2.0
"""A cue behind a name of this score and more belongs to a person alone."""
VERB: Final = 1.0
"""A cue of this score and more is a word that goes with a person among other things."""
SURE: Final = 0.7
"""The model is sure of a word from this confidence on."""
VERY_SURE: Final = 0.8
HALF: Final = 0.5

BIAS: Final = -0.7
"""What speaks against a name before anything is known of it."""
GIVEN, ODD = 0.5, -0.8
"""What a character that given names are made of adds, and one that they are not."""
COMPOUND: Final = 2.0
"""What a compound surname adds: hardly ever chance."""
THREE: Final = 0.4
"""What two characters behind the surname add over one: most full names have three."""
WORD_COST: Final = 3.6
"""What the place of a name that is an ordinary word must outweigh: a role and a verb do, 学生 + 高兴 + 在."""
FLOOR: Final = -3.0
"""The model's word against a name weighs no more than this: it does not know rare names."""
LEAST: Final = -4.0
"""A candidate below this cannot be saved by the names beside it."""
NO_ODDS, NO_BORDER = -2.5, -1.8
"""Below both the model is sure that a word runs across the place, and that it is no name."""
NO_LEFT, NO_RIGHT = -0.4, -0.5
"""What a neighbour that says nothing adds: most names stand beside one that does."""
TAKEN: Final = 0.2
"""What a role adds that stands behind a name already."""
PREDICATE: Final = 3.3
"""What a predicate of persons alone adds behind a name that is a word: 白云因病请假."""
LABEL: Final = 5.0
"""A cue of this score is the label of a form."""
PUPIL: Final = 3.0
"""A cue of this score behind a name is 同学 or 小朋友."""
UNIQUE: Final = 3.5
"""A cue of this score before a name is a role that one person holds: 班主任."""
NUMBERED: Final = 1.0
"""A cue of this score before a name is a number of a list."""
