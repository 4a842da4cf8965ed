"""The worker puts confirmed decoys into the registry when their time has come: drawn, imported, found again, watched.

Nothing is written to the log of it: an entry beside ``registry.import`` would tell which record is a decoy. Who
proposed and who confirmed it stands in the log since the confirmation. Each step is sealed before the next begins, so
a worker that was killed goes on where it stood; all boxes are sealed anew together, so that two copies of the
database do not tell which decoy was put in between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core_registry.errors import RegisterRuleError, RegistryError
from gateway.canaries.ports import CanaryStore, Registry
from gateway.canaries.records import Canary, CanaryId, CanaryState, Secret
from gateway.canaries.sealing import SecretBox
from gateway.errors import UnavailableError
from gateway.ids import SubjectRef
from gateway.journal import Reader, Scratch, Tx

_LATER: Final = timedelta(hours=1)
"""After how long a decoy that found no place is tried again."""


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
        """Put in the decoys that are due; return how many. Raises ``UnavailableError`` when the registry is gone."""
        return sum(self._plant(one.id) for one in self.reader.read(self.store.all) if self._is_due(one))

    def _is_due(self, canary: Canary) -> bool:
        if canary.state is not CanaryState.CONFIRMED:
            return False
        secret = self.box.open(canary)
        return secret.subject is None and secret.due is not None and secret.due <= self.now()

    def _plant(self, identifier: CanaryId) -> bool:
        """Draw the person unless that was done, import it, and watch it from then on; say whether it came to that."""
        canary = self.reader.read(lambda tx: self.store.get(tx, identifier))  # sealed anew since, if another was put in
        if canary is None or not self._is_due(canary):
            return False
        secret = self.box.open(canary)
        if secret.person is None:
            secret = replace(secret, person=self.registry.draw(secret.unit, secret.phone))
            if secret.person is None:
                return self._wait(canary, secret)
            sealed = self._seal(canary, secret)
            if sealed is None:
                return False
            canary = sealed
        subject = self._put(secret)
        if subject is None:
            return self._wait(canary, secret)
        return self._seal(canary, replace(secret, subject=subject)) is not None

    def _put(self, secret: Secret) -> SubjectRef | None:
        """Import the person unless a worker that was killed had; ``None`` when the registry takes nobody like that."""
        if secret.person is None:
            return None
        try:
            found = self.registry.find(secret.person)
            if found is None:
                self.registry.plant(secret.person)
                found = self.registry.find(secret.person)
        except RegisterRuleError:  # its school has no former pupils any more
            return None
        except RegistryError as error:
            raise UnavailableError("The registry takes no decoy now.", detail_zh="学籍库暂不可用。") from error
        return found

    def _wait(self, canary: Canary, secret: Secret) -> bool:
        """Try again later, with another person."""
        self._seal(canary, replace(secret, person=None, due=self.now() + _LATER))
        return False

    def _seal(self, canary: Canary, secret: Secret) -> Canary | None:
        """Seal every box anew, that of ``canary`` with ``secret``, and return it.

        ``None`` when somebody changed it since it was read, as another worker or whoever withdrew it.
        """

        def write(tx: Tx) -> Canary:
            for one in self.store.all(tx):
                own = one.id == canary.id
                told = secret if own else self.box.open(one)
                changed = replace(one, box=self.box.seal(one.id, told), version=one.version + 1)
                before = canary.version if own else one.version
                if one.version != before or not self.store.update(tx, changed, before):
                    raise _OvertakenError
            found = self.store.get(tx, canary.id)
            if found is None:
                raise _OvertakenError
            return found

        try:
            return self.scratch.write(write)
        except _OvertakenError:
            return None


class _OvertakenError(Exception):
    """Somebody else changed a decoy in between; undoes the write."""
