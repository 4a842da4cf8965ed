"""The worker puts confirmed decoys into the registry when their time has come: drawn, imported, found again, watched.

Nothing is written to the log of it: an entry beside ``registry.import`` would tell which record is a decoy. Who
proposed and who confirmed it stands in the log since the confirmation. Each step is sealed before the next begins, so
a worker that was killed goes on where it stood; all boxes are sealed anew together, so that two copies of the
database do not tell which decoy was put in between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.canaries.ports import CanaryStore, Registry
from gateway.canaries.records import Canary, CanaryId, CanaryState, Secret
from gateway.canaries.sealing import SecretBox
from gateway.journal import Reader, Scratch, Tx


@dataclass(frozen=True, slots=True)
class Planter:
    """Puts decoys into the registry."""

    store: CanaryStore
    box: SecretBox
    registry: Registry
    reader: Reader
    scratch: Scratch
    now: Callable[[], datetime]

    def run(self) -> int:
        """Put in the decoys that are due; return how many. Where no school has a crowd left, a decoy waits."""
        return sum(self._plant(one) for one in self.reader.read(self.store.all) if self._is_due(one))

    def _is_due(self, canary: Canary) -> bool:
        if canary.state is not CanaryState.CONFIRMED:
            return False
        secret = self.box.open(canary)
        return secret.subject is None and secret.due is not None and secret.due <= self.now()

    def _plant(self, canary: Canary) -> bool:
        secret = self.box.open(canary)
        if secret.person is None:
            drawn = self.registry.draw(secret.unit, secret.phone)
            if drawn is None or not self._seal(canary.id, replace(secret, person=drawn)):
                return False
            return self._put(canary.id, replace(secret, person=drawn))
        return self._put(canary.id, secret)

    def _put(self, canary: CanaryId, secret: Secret) -> bool:
        """Import the person, unless a worker that was killed had; then watch it."""
        if secret.person is None:
            return False
        subject = self.registry.find(secret.person)
        if subject is None:
            self.registry.plant(secret.person)
            subject = self.registry.find(secret.person)
        if subject is None:  # the row was refused, as for a number that is held: another person next time
            self._seal(canary, replace(secret, person=None))
            return False
        return self._seal(canary, replace(secret, subject=subject))

    def _seal(self, canary: CanaryId, secret: Secret) -> bool:
        """Seal every box anew, that of ``canary`` with ``secret``; say whether it is still confirmed."""

        def write(tx: Tx) -> bool:
            every = self.store.all(tx)
            own = next(one for one in every if one.id == canary)
            if own.state is not CanaryState.CONFIRMED:
                return False
            for one in every:
                told = secret if one.id == canary else self.box.open(one)
                changed = replace(one, box=self.box.seal(one.id, told), version=one.version + 1)
                self.store.update(tx, changed, one.version)
            return True

        return self.scratch.write(write)
