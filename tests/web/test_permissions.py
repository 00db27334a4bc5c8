import pytest

from web.errors import NotAllowed
from web.permissions import ALLOWED, Permission, Principal, Role


def test_an_admin_may_do_everything() -> None:
    assert ALLOWED[Role.ADMIN] == set(Permission)


def test_an_auditor_only_reads() -> None:
    assert all(permission.endswith(":read") for permission in ALLOWED[Role.AUDITOR])


def test_a_build_server_signs_firmware_and_sees_no_station() -> None:
    ci = Principal("token:ci", Role.CI)
    assert ci.may(Permission.FIRMWARE_SIGN)
    assert not ci.may(Permission.STATIONS_READ)


def test_an_operator_runs_the_fleet_but_neither_accounts_nor_laboratory() -> None:
    operator = Principal("user:o", Role.OPERATOR)
    assert operator.may(Permission.WALKS_CHANGE)
    for permission in (Permission.USERS_CHANGE, Permission.TOKENS_CHANGE, Permission.STATIONS_FORCE):
        with pytest.raises(NotAllowed):
            operator.require(permission)
