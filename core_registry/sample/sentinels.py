"""Words that occur in the sample and nowhere else: a leak test that finds one has found a leak."""

from __future__ import annotations

SENTINEL_NAMES = ("司马哨兵", "欧阳哨岗", "尉迟哨塔", "诸葛哨声", "古丽哨兵·测试江")
"""Names of the first pupils of every sample, in order of rows."""

SENTINEL_GUARDIANS = ("司马哨山", "欧阳哨河", "尉迟哨林", "诸葛哨原", "测试江·哨兵买买提")
"""Names of their first guardians."""

SENTINEL_STREET = "哨兵巷"
"""The street where they live."""
