"""What each kind of step needs beside its row: what cancelling does about it, and why nobody may skip it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from csms_bridge.commands import Outcome
from csms_bridge.station import SecurityProfile
from csms_bridge.walks.steps import Do, Lost, Needed, Step, Until

CHANGE_PASSWORD = "change the password"  # noqa: S105 -- the name of a step
ANY_REFUSAL = frozenset({Outcome.NOT_SUPPORTED, Outcome.REJECTED, Outcome.FAILED})


def slots_back(leg: SecurityProfile) -> tuple[Step, ...]:
    """2.x: the old slot first again, and the slot that was written as it was as far as we know (B09, B10)."""
    return (
        Step("put the old slot first again", Do.OLD_SLOT_FIRST, Until.ACCEPTED, leg),
        Step(
            "write the slot back",
            Do.WRITE_SLOT_BACK,
            Until.ACCEPTED,
            leg,
            needed=Needed.IF_SLOT_WAS_LISTED,
            tolerate=ANY_REFUSAL,  # then it stays out of the list
        ),
        Step("list the slots as they were", Do.RESTORE_ORDER, Until.ACCEPTED, leg, needed=Needed.IF_SLOT_IS_BACK),
        Step("confirm the old order", Do.READ_NETWORK, Until.ORDER_BACK, leg),
    )


def profile_back(leg: SecurityProfile) -> tuple[Step, ...]:
    """1.6: most stations refuse a lower value (A05.FR.01), so that only a connection shows where they are."""
    return (
        Step(
            "take the profile back",
            Do.LOWER_AGAIN,
            Until.ACCEPTED,
            leg,
            needed=Needed.IF_UNPROVED,
            tolerate=ANY_REFUSAL,
            lost=Lost.GO_ON,
        ),
        Step(
            "see it again",
            Do.WAIT,
            Until.BACK,
            leg,
            within=timedelta(hours=1),
            needed=Needed.IF_UNPROVED,
            late="the station has not come back since it was told the new profile",
        ),
    )


def address_back(leg: SecurityProfile) -> tuple[Step, ...]:
    """1.6: such stations dial what stands in their maker's key, whatever their profile is."""
    return (
        Step("write the old address back", Do.WRITE_URL_BACK, Until.ACCEPTED, leg),
        Step(
            "confirm the old address",
            Do.READ_URL,
            Until.ADDRESS_BACK,
            leg,
            needed=Needed.IF_OLD_ADDRESS_KNOWN,
            tolerate=ANY_REFUSAL,
        ),
        Step(
            "have it dial anew", Do.HANG_UP, Until.ACCEPTED, leg, needed=Needed.IF_UNPROVED, lost=Lost.GO_ON, settles=5
        ),
    )


def password_back(leg: SecurityProfile) -> tuple[Step, ...]:
    """Whichever password the station uses is the one that stays; both are good until that is known (A01)."""
    return (
        Step(
            "restart",
            Do.RESTART,
            Until.ACCEPTED,
            leg,
            needed=Needed.IF_UNPROVED,
            tolerate=ANY_REFUSAL,
            lost=Lost.GO_ON,
        ),
        Step(
            "see which password it uses",
            Do.WAIT,
            Until.A_PASSWORD_SEEN,
            leg,
            within=timedelta(minutes=15),
            needed=Needed.IF_UNPROVED,
            late="the station has not come back since it was sent a new password",
        ),
        Step("withdraw the unused password", Do.WITHDRAW_OFFER, Until.RECORDED, leg, needed=Needed.IF_OLD_PROVED),
    )


def leave_back(_: SecurityProfile) -> tuple[Step, ...]:
    """Down from 3: once the station is known not to come on profile 2, it is refused there again."""
    again = Step(
        "bar profiles below 3 again",
        Do.BAR_BELOW,
        Until.RECORDED,
        SecurityProfile.MUTUAL_TLS,
        needed=Needed.IF_NOT_ARRIVED,
    )
    return (again,)


def allowance_back(leg: SecurityProfile) -> tuple[Step, ...]:
    """Down from 3: the station is not left with leave to step down that it did not have."""
    name = "have it step down no more"
    return (Step(name, Do.FORBID_DOWNGRADE, Until.ACCEPTED, leg, needed=Needed.IF_WE_ALLOWED, tolerate=ANY_REFUSAL),)


def nothing(_: SecurityProfile) -> tuple[Step, ...]:
    """A root, a name or a certificate more does no harm, and taking one away could."""
    return ()


UNDO: Mapping[Do, Callable[[SecurityProfile], tuple[Step, ...]]] = {
    Do.RAISE_PROFILE: profile_back,
    Do.WRITE_URL: address_back,
    Do.FREE_SLOT: slots_back,
    Do.WRITE_SLOT: slots_back,
    Do.WRITE_SLOT_VARIABLES: slots_back,
    Do.PREFER_SLOT: slots_back,
    Do.PERMIT_LOWER: leave_back,
    Do.ALLOW_DOWNGRADE: allowance_back,
}
MUST: Mapping[Do, str] = {
    Do.BAR_BELOW: "else anybody could come in the station's name on the old profile",
    Do.PERMIT_LOWER: "else the station would be refused on profile 2",
    Do.DELIVER: "without its certificate the station could not come back on profile 3",
    Do.SET_PASSWORD: "without a new password the station could not come back, or goes on with one sent in clear",
    Do.READ_NETWORK: "unread, the slot in use could be overwritten",
    Do.RAISE_PROFILE: "it is what the walk is about",
    Do.WRITE_SLOT: "it is what the walk is about",
    Do.WRITE_SLOT_VARIABLES: "it is what the walk is about",
    Do.PREFER_SLOT: "it is what the walk is about",
}
MUST_SEE: Mapping[Until, str] = {
    Until.SEEN: "only a connection proves that the station is on the profile",
    Until.PASSWORD_SEEN: "only a connection proves which password the station uses",
    Until.ISSUED: "without a request there is no certificate to come back with",
}
WHILE_CONNECTED = (Until.ISSUED, Until.SLOTS_TOLD)


def dressed(step: Step) -> Step:
    """The step with what its kind needs."""
    # On the way up to TLS the password is changed when the station was seen there; before, it is merely one more.
    in_place = step.do is Do.SET_PASSWORD and step.name == CHANGE_PASSWORD
    undo = password_back if in_place else UNDO.get(step.do, nothing)
    must = step.must or MUST_SEE.get(step.until) or MUST.get(step.do, "")
    return replace(step, undo=undo(step.leg), must=must, online=step.until in WHILE_CONNECTED)
