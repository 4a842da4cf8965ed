"""The word lists of the name rules, loaded once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ahocorasick_rs import AhoCorasick, MatchKind

from gateway.anonymize.text.lexicons import lexicon
from gateway.anonymize.text.names import weights

PEOPLES = ("tibetan", "mongol", "turkic", "hui", "yi")


@dataclass(frozen=True, slots=True)
class Lexicons:
    """All lists that rules of names look into. Each is described in its file ``lexicons/person_*.txt``."""

    surnames: dict[str, float]
    """A surname of one character and what it adds to the score."""
    compound: frozenset[str]
    compound_heads: frozenset[str]
    given: frozenset[str]
    never_given: frozenset[str]
    titles: frozenset[str]
    before: dict[str, float]
    """What may stand right before a name and what it adds."""
    after: dict[str, float]
    """What may stand right behind a name and what it adds."""
    roles: frozenset[str]
    before_sizes: dict[str, tuple[int, ...]]
    """The lengths of the entries of ``before`` by their last character, longest first."""
    after_sizes: dict[str, tuple[int, ...]]
    """The lengths of the entries of ``after`` by their first character, longest first."""
    labels: frozenset[str]
    kin: frozenset[str]
    not_names: frozenset[str]
    word_names: frozenset[str]
    never_alone: frozenset[str]
    """Words of time and function, part of ``not_names``."""
    syllables: frozenset[str]
    interplay: frozenset[str]
    determiners: frozenset[str]
    predicates: frozenset[str]
    acts: frozenset[str]
    school: AhoCorasick
    """What tells that a text is of a school or of its papers."""
    news: AhoCorasick
    """What tells that it is news."""
    heads: frozenset[str]
    """The first two characters of ``parts``."""
    parts: frozenset[str]
    """Parts of names of Tibetan, Mongol, Uyghur, Kazakh, Hui and Yi people."""


@lru_cache(maxsize=1)
def lexicons() -> Lexicons:
    """Return the lists; the first call reads them, some 5,000 entries in 10 ms."""
    words = {name: lexicon(f"person_{name}") for name in _PLAIN}
    surnames = dict.fromkeys(words["surnames_other"], 0.0) | dict.fromkeys(words["surnames_common"], 0.6)
    surnames |= {surname: -1.2 for surname in words["surnames_function"] if surname in surnames}
    before = dict.fromkeys(words["verbs_before"], 1.0)
    before |= dict.fromkeys(words["roles_before"], 3.0) | dict.fromkeys(words["roles_unique"], 3.5)
    after = dict.fromkeys(words["verbs_after"], 1.2)
    after |= dict.fromkeys(words["roles_after"], 2.5) | {"同学": 3.0, "小朋友": 3.0, "等同学": 3.0}
    after |= dict.fromkeys(_MANY, -0.5)
    parts = frozenset(part for people in PEOPLES for part in lexicon(f"person_peoples_{people}") if len(part) > 1)
    parts |= {part + end for part in lexicon("person_peoples_tibetan") for end in lexicon("person_peoples_ends")}
    return Lexicons(
        surnames=surnames,
        compound=frozenset(words["surnames_compound"]),
        compound_heads=frozenset(surname[0] for surname in words["surnames_compound"]),
        given=frozenset(words["given_characters"]),
        never_given=frozenset(words["never_given"]),
        titles=frozenset(words["titles"]),
        before=before,
        after=after,
        roles=frozenset(role for role, worth in before.items() if worth >= weights.ROLE and len(role) > 1)
        | {"父母", "祖父", "母子"},
        before_sizes=_sizes(before, -1),
        after_sizes=_sizes(after, 0),
        labels=frozenset(words["labels"]),
        kin=frozenset(words["kin_given"]),
        not_names=frozenset(entry for name in _NOT_NAMES for entry in words[name]),
        word_names=frozenset(words["word_names"]),
        never_alone=frozenset(words["not_names_function"]),
        syllables=frozenset(words["transliteration"]),
        predicates=frozenset(words["predicates"]),
        acts=frozenset(words["acts"]) | frozenset(words["predicates"]),
        school=AhoCorasick(lexicon("person_school_words"), matchkind=MatchKind.LeftmostFirst),
        news=AhoCorasick(lexicon("person_news_words"), matchkind=MatchKind.LeftmostFirst),
        determiners=frozenset(words["determiners"]),
        interplay=frozenset(words["interplay"]),
        heads=frozenset(part[:2] for part in parts),
        parts=parts,
    )


def _sizes(entries: Iterable[str], place: int) -> dict[str, tuple[int, ...]]:
    """Return the lengths of the entries, longest first, by the character at ``place`` of each."""
    found: dict[str, set[int]] = {}
    for entry in entries:
        found.setdefault(entry[place], set()).add(len(entry))
    return {character: tuple(sorted(sizes, reverse=True)) for character, sizes in found.items()}


_NOT_NAMES = ("not_names", "not_names_foreign", "not_names_function", "word_names")
_MANY = (
    "同学们",
    "同学会",
    "同学间",
    "同学之间",
    "老师们",
    "家长们",
    "家长会",
    "家长群",
    "家长学校",
    "家长委员会",
    "家长信",
)
"""What begins like a title and is none."""
_PLAIN = (
    "surnames_common",
    "surnames_other",
    "surnames_compound",
    "given_characters",
    "never_given",
    "titles",
    "roles_before",
    "roles_unique",
    "roles_after",
    "verbs_before",
    "verbs_after",
    "labels",
    "kin_given",
    "not_names",
    "not_names_foreign",
    "not_names_function",
    "word_names",
    "transliteration",
    "surnames_function",
    "interplay",
    "determiners",
    "predicates",
    "acts",
)
