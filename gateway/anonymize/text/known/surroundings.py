"""What stands beside people in the prose of schools: roles, kin, labels, what people do and what is done to them.

The lists of the name rules (``lexicons/person_*``) and, on top of them, what only the record's own people need: a given
name or an ordinary word is taken for a person here that the rules would not dare to take.
"""

from __future__ import annotations

from functools import lru_cache

from gateway.anonymize.text.known.affixes import Affixes
from gateway.anonymize.text.lexicons import lexicon


@lru_cache(maxsize=1)
def roles_after() -> Affixes:
    """Return roles and relations that follow a person: 同学, 的妈妈."""
    return Affixes((*lexicon("person_roles_after"), *lexicon("known_roles_after")))


@lru_cache(maxsize=1)
def roles_before() -> Affixes:
    """Return roles, relations and labels that lead up to a person: 学生, 父亲, 姓名."""
    return Affixes((*lexicon("person_roles_before"), *lexicon("person_labels"), *lexicon("known_roles_before")))


@lru_cache(maxsize=1)
def takes_person() -> Affixes:
    """Return words that people follow: 和, 把, 表扬."""
    return Affixes((*lexicon("person_verbs_before"), *lexicon("known_takes_person")))


@lru_cache(maxsize=1)
def acts() -> Affixes:
    """Return what people do or have: 说, 请假, 成绩."""
    return Affixes((*(verb for verb in lexicon("person_verbs_after") if len(verb) > 1), *lexicon("known_acts")))


@lru_cache(maxsize=1)
def acts_surely() -> Affixes:
    """Return what nothing but people do."""
    return Affixes(lexicon("known_acts_surely"))


@lru_cache(maxsize=1)
def makes_word_before() -> Affixes:
    """Return what stands before a word, and before no person: 很, 注意."""
    return Affixes(lexicon("known_word_before"))


@lru_cache(maxsize=1)
def makes_word_after() -> tuple[Affixes, Affixes]:
    """Return what stands behind a word, and behind no person (地, 教育), and what only looks like it (上课)."""
    return Affixes(lexicon("known_word_after")), Affixes(lexicon("known_no_word_after"))


@lru_cache(maxsize=1)
def surnames() -> frozenset[str]:
    """Return surnames of one character."""
    return frozenset((*lexicon("person_surnames_common"), *lexicon("person_surnames_other")))


@lru_cache(maxsize=1)
def likely_surnames() -> frozenset[str]:
    """Return surnames that hardly are a word of their own: not 和, 向, 经, 解."""
    return frozenset(lexicon("person_surnames_common"))


@lru_cache(maxsize=1)
def ordinary_words() -> frozenset[str]:
    """Return ordinary words that are names as well."""
    return frozenset((*lexicon("name_words"), *lexicon("person_word_names"), *lexicon("person_not_names")))
