"""A place that is away is waited for a little, once for all; after that nobody waits, until it is back."""

from datetime import timedelta

import pytest

from pki.errors import PkiError, SignerRefused, SignerUnavailable, VaultUnavailable
from pki.keys import FileSigner, KeyAlgorithm, generate_key
from pki.patience import PatientVault

KEY = generate_key(KeyAlgorithm.EC_P256)


class Place:
    """A place that fails as long as `fault` is set."""

    def __init__(self) -> None:
        self.fault: PkiError | None = None
        self.asked = 0

    def signer(self, name: str) -> FileSigner:
        outer = self

        class Failing(FileSigner):
            def sign(self, to_be_signed: bytes) -> bytes:
                outer.asked += 1
                if outer.fault is not None:
                    raise outer.fault
                return super().sign(to_be_signed)

        if name == "missing":
            raise SignerUnavailable(name, "there is none")
        return Failing(name, KEY)

    def where(self, name: str) -> str:
        return f"here, {name}"


class Clock:
    """Seconds that pass only while somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.then: dict[float, object] = {}

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        for moment in [one for one in self.then if one <= self.now]:
            self.then.pop(moment)()


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heard() -> list[PkiError]:
    return []


@pytest.fixture
def vault(place: Place, clock: Clock, heard: list[PkiError]) -> PatientVault:
    return PatientVault(place, timedelta(seconds=3), heard.append, clock, clock.pause)


AWAY = VaultUnavailable("somewhere", "the plug is out")


def test_a_short_outage_is_not_noticed(vault: PatientVault, place: Place, clock: Clock, heard: list[PkiError]) -> None:
    signer = vault.signer("k")
    place.fault = AWAY
    clock.then[101.5] = lambda: setattr(place, "fault", None)
    assert signer.sign(b"x")
    assert heard == []


def test_a_long_outage_is_waited_for_once(
    vault: PatientVault, place: Place, clock: Clock, heard: list[PkiError]
) -> None:
    signer = vault.signer("k")
    place.fault = AWAY
    with pytest.raises(VaultUnavailable):
        signer.sign(b"x")
    assert clock.now == pytest.approx(103, abs=0.2)
    assert heard == [AWAY]
    for _ in range(10):
        with pytest.raises(VaultUnavailable):
            signer.sign(b"x")
    assert clock.now == pytest.approx(103, abs=0.2)


def test_while_it_is_away_nobody_gets_a_signer(vault: PatientVault, place: Place) -> None:
    signer = vault.signer("k")
    place.fault = AWAY
    with pytest.raises(VaultUnavailable):
        signer.sign(b"x")
    with pytest.raises(VaultUnavailable):
        vault.signer("k")
    place.fault = None
    vault.check("k")
    assert vault.signer("k").sign(b"x")


def test_after_it_was_back_the_next_outage_is_waited_for_again(vault: PatientVault, place: Place, clock: Clock) -> None:
    signer = vault.signer("k")
    for _ in range(2):
        place.fault = AWAY
        with pytest.raises(VaultUnavailable):
            signer.sign(b"x")
        place.fault = None
        signer.sign(b"x")
    assert clock.now == pytest.approx(106, abs=0.4)


@pytest.mark.parametrize("fault", [SignerUnavailable("k", "it is locked"), SignerRefused("k", "rule", "no")])
def test_what_is_about_one_key_is_told_at_once(
    vault: PatientVault, place: Place, clock: Clock, heard: list[PkiError], fault: PkiError
) -> None:
    place.fault = fault
    with pytest.raises(type(fault)):
        vault.signer("k").sign(b"x")
    assert (clock.now, heard) == (100, [fault])
    assert vault.signer("another")
    with pytest.raises(SignerUnavailable):
        vault.signer("missing")


def test_without_patience_it_is_refused_at_once(place: Place, clock: Clock) -> None:
    vault = PatientVault(place, timedelta(0), lambda _: None, clock, clock.pause)
    place.fault = AWAY
    with pytest.raises(VaultUnavailable):
        vault.signer("k").sign(b"x")
    assert (clock.now, place.asked) == (100, 1)


def test_many_at_once_are_answered_each(vault: PatientVault, place: Place, heard: list[PkiError]) -> None:
    signer = vault.signer("k")
    assert all(isinstance(one, bytes) for one in signer.sign_each([b"a", b"b"]))
    place.fault = SignerRefused("k", "rule", "no")
    assert signer.sign_each([b"a", b"b"]) == [place.fault, place.fault]
    place.fault = AWAY
    assert signer.sign_each([b"a", b"b"]) == [AWAY, AWAY]
    assert heard[-1] is AWAY


def test_a_check_neither_waits_nor_tells(
    vault: PatientVault, place: Place, clock: Clock, heard: list[PkiError]
) -> None:
    place.fault = AWAY
    with pytest.raises(VaultUnavailable):
        vault.check("k")
    assert (clock.now, heard) == (100, [])
    assert vault.where("k") == "here, k"
