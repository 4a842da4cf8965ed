"""Renewing the wrapping key after keys were destroyed, so that no backup of the database opens them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.data_keys.service import DataKeys
from gateway.journal import EntryDraft, Journal, JsonValue, Reader
from gateway.principals import Principal


@dataclass(frozen=True, slots=True)
class Renewal:
    """Renews the wrapping key: its next file, all keys wrapped anew with an entry, the old file overwritten."""

    keys: DataKeys
    journal: Journal
    reader: Reader

    def settle(self) -> bool:
        """Finish what a process that was killed after the transaction left; say whether there was something."""
        in_force = self.reader.read(lambda tx: self.keys.rows.hold_wrapping(tx, alone=False))
        return in_force is not None and self.keys.wrapping.settle(in_force)

    def outstanding(self) -> int:
        """Return how many keys were destroyed since the wrapping key was renewed."""
        return self.reader.read(self.keys.rows.unrenewed)

    def run(self) -> bool:
        """Renew when keys were destroyed since the last time; say whether they were. For the worker of one host."""
        self.settle()
        if not self.outstanding():
            return False
        self.renew(None)
        return True

    def renew(self, principal: Principal | None) -> int:
        """Renew now; return how many keys were wrapped anew."""
        self.settle()
        fingerprint = self.keys.wrapping.make_next()

        def entry(count: int) -> EntryDraft:
            facts: dict[str, JsonValue] = {"wrapping": fingerprint, "count": count}
            return EntryDraft("retention.renewed", principal, facts=facts)

        count = self.journal.record(lambda tx: self.keys.wrap_anew(tx, fingerprint), entry)[0]
        self.keys.wrapping.settle(fingerprint)
        return count
