"""How a Basic password is changed without locking a station out (A01)."""

import pytest

from csms_bridge.passwords import new_password
from csms_bridge.station import SecurityProfile
from pki.secret_text import Secret


def known(room, station="CS-1"):
    with room.store.reading() as session:
        return room.passwords.known(session, station)


def is_good(room, password: Secret, station="CS-1") -> bool:
    return room.passwords.matching(station, password, known(room, station)) is not None


def test_only_the_right_password_is_good(room):
    password = room.add().password
    assert is_good(room, password)
    assert not is_good(room, new_password())


def test_a_password_is_good_for_its_station_only(room):
    """A01.FR.06: unique per station."""
    password = room.add("CS-1").password
    room.add("CS-2")
    assert not is_good(room, password, "CS-2")


def test_matching_names_the_password_that_was_used(room):
    first = room.add().password
    second_id, second = room.passwords.offer("CS-1")
    assert room.passwords.matching("CS-1", second, known(room)) == second_id
    assert room.passwords.matching("CS-1", first, known(room)) not in (None, second_id)


def test_the_password_itself_is_kept_nowhere(room):
    password = room.add().password
    _, offered = room.passwords.offer("CS-1")
    for one in known(room):
        assert password.text() not in one.hash
        assert offered.text() not in one.hash
    trail = str(room.records())
    assert password.text() not in trail
    assert offered.text() not in trail


def test_until_it_is_accepted_the_new_password_is_good_beside_the_old(room):
    """The answer may be lost: the station then uses one or the other (reference §2.1)."""
    old = room.add().password
    _, new = room.passwords.offer("CS-1")
    assert is_good(room, old)
    assert is_good(room, new)
    assert room.acts()[-1] == "station:password-offered"


def test_once_accepted_only_the_new_password_is_good(room):
    """A01.FR.03."""
    old = room.add().password
    offer, new = room.passwords.offer("CS-1")
    room.passwords.accepted("CS-1", offer)
    assert not is_good(room, old)
    assert is_good(room, new)
    assert room.acts()[-1] == "station:password-changed"


def test_once_refused_only_the_old_password_is_good(room):
    """A01.FR.04."""
    old = room.add().password
    offer, new = room.passwords.offer("CS-1")
    room.passwords.refused("CS-1", offer)
    assert is_good(room, old)
    assert not is_good(room, new)
    assert room.acts()[-1] == "station:password-kept"


def test_an_earlier_offer_stays_good_for_it_may_have_arrived(room):
    room.add()
    _, lost = room.passwords.offer("CS-1")
    _, latest = room.passwords.offer("CS-1")
    assert is_good(room, lost)
    assert is_good(room, latest)


def test_refusing_a_later_offer_leaves_an_earlier_one_good(room):
    room.add()
    _, lost = room.passwords.offer("CS-1")
    offer, _ = room.passwords.offer("CS-1")
    room.passwords.refused("CS-1", offer)
    assert is_good(room, lost)


def test_an_answer_that_comes_twice_changes_nothing(room):
    room.add()
    offer, new = room.passwords.offer("CS-1")
    room.passwords.accepted("CS-1", offer)
    acts = room.acts()
    room.passwords.accepted("CS-1", offer)
    assert room.acts() == acts
    assert is_good(room, new)


def test_a_late_refusal_does_not_take_the_only_password_away(room):
    """The station used the new password, then an answer about it comes late."""
    room.add()
    offer, new = room.passwords.offer("CS-1")
    room.passwords.accepted("CS-1", offer)
    room.passwords.refused("CS-1", offer)
    assert is_good(room, new)


def test_an_acceptance_of_a_password_that_is_gone_changes_nothing(room):
    old = room.add().password
    offer, _ = room.passwords.offer("CS-1")
    room.passwords.refused("CS-1", offer)
    room.passwords.accepted("CS-1", offer)
    assert is_good(room, old)


def retired(room, password: Secret) -> bool:
    return room.passwords.matching("CS-1", password, room.passwords.retired("CS-1")) is not None


def test_the_password_that_a_new_one_was_accepted_for_is_told_from_a_wrong_one(room):
    """The station said Accepted and still uses the old one: refused (A01.FR.03), and the operator reads why."""
    old = room.add().password
    offer, new = room.passwords.offer("CS-1")
    room.passwords.accepted("CS-1", offer)
    assert retired(room, old)
    assert not retired(room, new)
    assert not retired(room, new_password())


def test_nothing_is_retired_while_it_is_good(room):
    old = room.add().password
    room.passwords.offer("CS-1")
    assert not retired(room, old)


def use(room, password: str) -> None:
    with room.store.writing() as session:
        room.passwords.confirm(session, "CS-1", password, room.clock.now)


def test_a_retired_password_is_forgotten_when_the_new_one_is_used(room):
    old = room.add().password
    offer, new = room.passwords.offer("CS-1")
    room.passwords.accepted("CS-1", offer)
    use(room, offer)
    assert not retired(room, old)
    assert is_good(room, new)


def test_using_the_old_password_leaves_the_offer_good(room):
    """The offer may have arrived and may yet be taken up."""
    old = room.add().password
    old_id = known(room)[0].id
    _, new = room.passwords.offer("CS-1")
    use(room, old_id)
    assert is_good(room, old)
    assert is_good(room, new)


def test_using_an_offered_password_takes_all_others_away(room):
    old = room.add().password
    _, lost = room.passwords.offer("CS-1")
    offer, new = room.passwords.offer("CS-1")
    use(room, offer)
    assert [is_good(room, one) for one in (old, lost, new)] == [False, False, True]
    assert room.acts()[-1] == "station:password-changed"


def test_using_the_only_password_again_and_again_writes_nothing(room):
    room.add()
    acts, only = room.acts(), known(room)[0].id
    use(room, only)
    use(room, only)
    assert room.acts() == acts


def test_using_a_password_that_is_gone_is_nothing(room):
    old = room.add().password
    use(room, "99")
    assert is_good(room, old)


@pytest.mark.parametrize("chosen", [None, Secret.of("chosen by anna")])
def test_an_operator_sets_the_password_that_a_station_has(room, chosen):
    """For a station that cannot come back with what we know: every other is forgotten."""
    old = room.add().password
    _, offered = room.passwords.offer("CS-1")
    made = room.passwords.replace("CS-1", chosen, "user:anna", "the controller was swapped")
    assert (made is None) is (chosen is not None)
    assert [is_good(room, one) for one in (old, offered, chosen or made)] == [False, False, True]
    last = room.records()[-1]
    assert (last.act, last.by, last.reason) == ("station:password-set", "user:anna", "the controller was swapped")


def test_changing_one_stations_password_leaves_the_others_alone(room):
    room.add("CS-1")
    other = room.add("CS-2").password
    offer, _ = room.passwords.offer("CS-1")
    room.passwords.accepted("CS-1", offer)
    assert is_good(room, other, "CS-2")


def test_a_station_on_profile_0_gets_its_first_password_by_offer(room):
    """1.6 A05: 0 to 1 begins with an AuthorizationKey."""
    room.add(profile=SecurityProfile.NONE)
    assert known(room) == []
    offer, new = room.passwords.offer("CS-1")
    room.passwords.accepted("CS-1", offer)
    assert is_good(room, new)
