"""The shards of the status list in their store: open new ones, give out entries, change and sign them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.errors import UnavailableError
from gateway.identity import status_list
from gateway.identity.keys import IssuerKey
from gateway.identity.ports import IdentityRepository
from gateway.identity.records import IdentitySettings, Shard, ShardId
from gateway.journal import Tx


@dataclass(frozen=True, slots=True)
class ShardKeeper:
    """Works inside the transaction of its caller; ``choose`` and ``new_id`` are unpredictable."""

    settings: IdentitySettings
    store: IdentityRepository
    signer: IssuerKey
    new_id: Callable[[], str]
    choose: Callable[[int], int]

    def allocate(self, tx: Tx, count: int, now: datetime) -> list[tuple[str, int]]:
        """Return ``count`` fresh entries, drawn among ``settings.open_shards`` shards; opens shards as needed."""
        limit = int(self.settings.shard_size * self.settings.shard_fill)
        shards = {shard.id: shard for shard in self.store.open_shards(tx, limit)}
        while len(shards) < self.settings.open_shards or sum(limit - one.used for one in shards.values()) < count:
            fresh = self._fresh(now)
            self.store.add_shard(tx, fresh)
            shards[fresh.id] = fresh
        entries = status_list.allocate(
            count,
            [status_list.Room(shard.id, shard.size, limit - shard.used) for shard in shards.values()],
            taken=lambda drawn: self.store.taken(tx, drawn),
            choose=self.choose,
        )
        for shard in shards.values():
            used = sum(1 for name, _ in entries if name == shard.id)
            if used:
                grown = replace(shard, used=shard.used + used, version=shard.version + 1)
                self.store.save_shard(tx, grown, seen_version=shard.version)
        return entries

    def change(self, tx: Tx, changes: Mapping[ShardId, Mapping[int, int]], now: datetime) -> None:
        """Write ``changes`` (shard -> index -> status) and sign each list concerned at once."""
        for name, entries in changes.items():
            shard = self.store.shard(tx, name)
            if shard is None:
                raise UnavailableError("A status list is missing.", detail_zh="状态列表缺失。")
            changed = replace(shard, statuses=status_list.put(shard.statuses, entries, shard.bits))
            self.store.save_shard(tx, self._signed(changed, now), seen_version=shard.version)

    def sign_again(self, tx: Tx, before: datetime, now: datetime) -> int:
        """Sign the lists whose token is older than ``before``; return how many."""
        found = self.store.shards_signed_before(tx, before)
        for shard in found:
            self.store.save_shard(tx, self._signed(shard, now), seen_version=shard.version)
        return len(found)

    def _fresh(self, now: datetime) -> Shard:
        size = self.settings.shard_size
        bare = Shard(
            id=ShardId(self.new_id()),
            bits=status_list.BITS,
            size=size,
            used=0,
            statuses=status_list.empty(size),
            version=0,
            token="",
            token_at=now,
            token_expires_at=now,
        )
        return self._signed(bare, now)

    def _signed(self, shard: Shard, now: datetime) -> Shard:
        token = status_list.sign(
            shard.statuses,
            uri=self.settings.status_uri(shard.id),
            issuer=self.settings.issuer,
            key=self.signer,
            now=now,
            ttl=self.settings.status_ttl,
            life=self.settings.status_life,
        )
        return replace(
            shard,
            token=token,
            token_at=now,
            token_expires_at=now + self.settings.status_life,
            version=shard.version + 1,
        )
