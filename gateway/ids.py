"""Identifiers that more than one room uses. Each is a name for a string, so that mypy keeps them apart."""

from typing import NewType

AccountId = NewType("AccountId", str)
"""``st-…`` staff, ``gd-…`` guardian, ``pu-…`` pupil, ``cl-…`` OAuth client."""

UnitCode = NewType("UnitCode", str)
"""A division code of six digits for a department, or a 学校标识码 of ten digits for a school."""

RecipientId = NewType("RecipientId", str)
"""A recipient outside the registry line: its 统一社会信用代码, 18 characters."""

ApplicationId = NewType("ApplicationId", str)
GrantId = NewType("GrantId", str)
ExtractId = NewType("ExtractId", str)
SubjectRef = NewType("SubjectRef", str)
"""The random, permanent, meaningless reference of a pupil: 32 hexadecimal digits."""
