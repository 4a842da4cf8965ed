"""Grants of the policies room on SQLite and PostgreSQL: their end, their uses, their seal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from gateway.errors import (
    ForbiddenError,
)
from gateway.ids import GrantId
from gateway.policies import store as tables
from gateway.policies.codec import encode_scope
from gateway.policies.errors import (
    GrantInvalidError,
    WrongStateError,
)
from gateway.policies.records import ApplicationState, GrantState
from tests.factories import policies as make
from tests.factories.policy_house import House, granted, open_house


@pytest.fixture
def house(tables_url: str) -> Iterator[House]:
    with open_house(tables_url) as found:
        yield found


def test_withdrawal_ends_a_grant_at_once_and_only_once(house: House) -> None:
    service = house.service()
    done, granted_id = granted(service)
    with pytest.raises(ForbiddenError):
        service.withdraw_grant(make.data_officer(), granted_id, reason="误批")
    ended = service.withdraw_grant(make.approver(), granted_id, reason="用途变更")
    assert ended.state is GrantState.WITHDRAWN
    assert service.get(make.approver(), done.id).state is ApplicationState.WITHDRAWN
    assert house.last()["kind"] == "grant.withdrawn"
    with pytest.raises(WrongStateError):
        service.withdraw_grant(make.approver(), granted_id, reason="再次")
    assert not _reserve(house, granted_id)


def test_a_grant_expires_on_the_civil_day_after_its_last(house: House) -> None:
    service = house.service()
    _, granted_id = granted(service)
    house.clock.at = datetime(2026, 6, 30, 15, 59, 59, tzinfo=UTC)  # 23:59:59 in Shanghai
    assert service.grant(granted_id).state is GrantState.ACTIVE
    house.clock.at = datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
    assert service.grant(granted_id).state is GrantState.EXPIRED
    assert not _reserve(house, granted_id)


def _reserve(house: House, grant: GrantId) -> bool:
    with house.engine.begin() as connection:
        return house.store.reserve_use(connection, grant, house.clock())  # type: ignore[arg-type]  # a Tx


def test_uses_are_reserved_until_none_is_left_and_given_back_no_further_than_granted(house: House) -> None:
    service = house.service()
    one = granted(service)[1]
    assert [_reserve(house, one) for _ in range(3)] == [True, True, False]
    assert service.grant(one).state is GrantState.USED_UP
    with house.engine.begin() as connection:
        back = [house.store.release_use(connection, one) for _ in range(3)]  # type: ignore[arg-type]  # a Tx
    assert back == [True, True, False]
    assert service.grant(one).uses_left == 2


def test_ten_workers_at_once_get_exactly_the_uses_that_were_granted(house: House) -> None:
    one = granted(house.service(), make.draft(scope=make.scope(uses=5)))[1]
    won: list[bool] = []
    barrier = threading.Barrier(10)

    def work() -> None:
        barrier.wait()
        won.append(_reserve(house, one))

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(won) == 5


def test_an_altered_row_is_no_grant(house: House) -> None:
    service = house.service()
    one = granted(service)[1]
    with house.engine.connect() as connection:
        true = dict(connection.execute(sa.select(tables.grants)).mappings().one())
    for changes in (
        {"recipient": make.OTHER_RECIPIENT},
        {"approver": "st-recorder"},
        {"applicant": None},
        {"responsible": "另一人"},
        {"ground_label": "伪造"},
        {"scope": encode_scope(make.scope(row_cap=5_000_000))},
        {"uses": 9, "uses_left": 9},
        {"policy_set": "f" * 64},
        {"jws": "e30.e30.e30"},
    ):
        with house.engine.begin() as connection:
            connection.execute(tables.grants.update().values({**true, **changes}))
        with pytest.raises(GrantInvalidError):
            service.grant(one)
        with pytest.raises(GrantInvalidError):
            service.public_register()
    with house.engine.begin() as connection:
        connection.execute(tables.grants.update().values(true))
    assert service.grant(one).id == one
