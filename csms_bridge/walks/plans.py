"""The walks as tables. Each leg leads one profile up; a walk is its legs in a row, or the one way down.

Sources: OCA white paper "Improved security for OCPP 1.6-J" edition 3 (A01, A02, A05, M03, M05); OCPP 2.0.1
edition 3 with the errata of 2025-09 and OCPP 2.1 edition 1 (A01, A02, A05, B09, B10). Requirement numbers stand
beside the step that meets them. What is odd about a kind of station (the quirk book) leaves out steps or puts others
in their place.
"""

from datetime import timedelta
from functools import lru_cache

from csms_bridge.commands import Outcome
from csms_bridge.quirks.quirks import USUAL, Asks, NewRoot, Quirks, RestartRule, Roots
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.walks.steps import Do, Lost, Needed, Step, Until, Walk
from csms_bridge.walks.undoing import ANY_REFUSAL, CHANGE_PASSWORD, dressed

BASIC, TLS, MUTUAL = SecurityProfile.BASIC, SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS
NO_PROOF = "nothing else would show that the station holds our root, and without it the station could not come back"
UNKNOWN = frozenset({Outcome.NOT_SUPPORTED})
FELL_BACK = "the station was not seen on the new profile; it may be asleep, or may not reach us that way"


def root(leg: SecurityProfile, quirks: Quirks) -> tuple[Step, ...]:
    """Give the station our root, and see that it holds it (M05, M03)."""
    confirm = Step("confirm the root", Do.LIST_ROOTS, Until.ROOT_LISTED, leg, tolerate=UNKNOWN)  # M03
    if leg <= quirks.roots_from_profile:
        return (confirm,)  # it was installed on site; a station that does not list it is sent nowhere
    # Where nothing else shows that the root is there, its acceptance must have been heard.
    lost = Lost.GO_ON if quirks.lists_roots else Lost.ASK_AGAIN
    # One that has the root already may refuse it; the list then shows it, or holds the walk.
    borne = ANY_REFUSAL if quirks.lists_roots else frozenset()
    must = "" if quirks.lists_roots else NO_PROOF
    install = Step(
        "install the CSMS root", Do.INSTALL_ROOT, Until.ACCEPTED, leg, settles=1, lost=lost, tolerate=borne, must=must
    )
    # A station that cannot do ECDSA meets our RSA server certificate; one that holds no second root refuses it.
    also = Step(
        "install the RSA root too",
        Do.INSTALL_RSA_ROOT,
        Until.ACCEPTED,
        leg,
        settles=1,
        tolerate=ANY_REFUSAL,
        lost=Lost.GO_ON,
    )
    two = quirks.roots is Roots.BOTH and has_room_beside(quirks)
    return (install, *([also] if two else []), *([confirm] if quirks.lists_roots else []))


def has_room_beside(quirks: Quirks) -> bool:
    """Whether a root of ours may come beside another one, without one of them going or being refused."""
    return quirks.room_for_roots != 1 and quirks.new_root is NewRoot.ADDED


def request(quirks: Quirks) -> tuple[Step, ...]:
    """A02: have the station make a key and ask for its certificate."""
    if quirks.asks is Asks.ON_TRIGGER:
        return (
            Step(
                "ask for a certificate request",
                Do.TRIGGER_CSR,
                Until.ISSUED,
                MUTUAL,
                late="the station sent no certificate request",
                tries=3,  # a station that still waits for an earlier certificate refuses for a while
            ),
        )
    wait = Step(
        "wait for its certificate request",
        Do.WAIT,
        Until.ISSUED,
        MUTUAL,
        within=timedelta(hours=1) if quirks.asks is Asks.AFTER_RESTART else timedelta(days=7),
        late="the station did not ask for a certificate by itself",
        needed=Needed.UNLESS_ISSUED,
    )
    if quirks.asks is Asks.BY_ITSELF:
        return (wait,)
    return (Step("restart it to have it ask", Do.RESTART, Until.ACCEPTED, MUTUAL, lost=Lost.GO_ON), wait)


def certificate(quirks: Quirks) -> tuple[Step, ...]:
    """A02: a new key, a request, a certificate."""
    above = Step(
        "install the root above it",
        Do.INSTALL_ISSUER_ROOT,
        Until.ACCEPTED,
        MUTUAL,
        settles=1,
        needed=Needed.IF_OTHER_ROOT,
    )
    return (
        # A02.FR.13: the station copies it into the request. Not every station knows the setting.
        Step("name the operator", Do.NAME_OPERATOR, Until.ACCEPTED, MUTUAL, tolerate=ANY_REFUSAL),
        *request(quirks),
        *([above] if has_room_beside(quirks) else []),  # else it would lose the root that it meets us by
        Step(
            "deliver the certificate",
            Do.DELIVER,
            Until.ACCEPTED,
            MUTUAL,
            settles=1,
            otherwise=Do.DELIVER_WITH_ROOT,  # some want the root in the chain (reference §8.4)
            lost=Lost.GO_ON,  # some reconnect before they answer; the station itself refuses a profile it cannot do
        ),
    )


def arrival(leg: SecurityProfile) -> tuple[Step, ...]:
    """Only what is seen counts; then the way back is closed (A05.FR.07, 1.6 A05.FR.09)."""
    return (seen_on(leg), Step(f"bar profiles below {leg:d}", Do.BAR_BELOW, Until.RECORDED, leg))


def seen_on(leg: SecurityProfile) -> Step:
    """Wait for the station."""
    name = f"see it on profile {leg:d}"
    return Step(name, Do.WAIT, Until.SEEN, leg, within=timedelta(hours=1), late=FELL_BACK)


def password(leg: SecurityProfile, quirks: Quirks) -> tuple[Step, ...]:
    """A01. The old password crossed the network in clear, so it goes last and always goes."""
    return (
        Step(CHANGE_PASSWORD, Do.SET_PASSWORD, Until.ACCEPTED, leg, settles=1),
        Step(
            "restart if it stayed",
            Do.RESTART,
            Until.ACCEPTED,
            leg,
            needed=Needed.IF_STILL_THERE,
            tolerate=ANY_REFUSAL,
            lost=Lost.GO_ON,
        ),
        Step(
            "see the new password",
            Do.WAIT,
            Until.PASSWORD_SEEN,
            leg,
            within=timedelta(minutes=15),
            late="the station has not used its new password yet",
        ),
    )


def switch_16(leg: SecurityProfile, quirks: Quirks) -> tuple[Step, ...]:
    """1.6 A05: change the setting; the station drops the line and dials again, or is restarted.

    A maker's own key for the address is written after that, last before the restart: such a station dials what stands
    there, and on its old profile it would find no root for TLS. On the new one the old address still leads to us. One
    that merely says that it restarts goes on with its old address: so its line is closed, and where it dials the old
    one again then, our root is installed once more, after which such stations look at what they were told.
    """
    own = quirks.url_key and leg is TLS
    always = quirks.restart is RestartRule.ALWAYS or own
    address = (
        Step("read the address", Do.READ_URL, Until.ACCEPTED, leg, tolerate=ANY_REFUSAL),
        Step("write the address", Do.WRITE_URL, Until.ACCEPTED, leg),
    )
    hang_up = Step(
        "have it dial anew", Do.HANG_UP, Until.ACCEPTED, leg, needed=Needed.IF_STILL_THERE, lost=Lost.GO_ON, settles=5
    )
    again = Step(
        "install the CSMS root again",
        Do.INSTALL_ROOT,
        Until.ACCEPTED,
        leg,
        settles=1,
        tolerate=ANY_REFUSAL,
        lost=Lost.GO_ON,
    )
    restart = Step(
        "restart" if always else "restart if it stayed",
        Do.RESTART,
        Until.ACCEPTED,
        leg,
        needed=Needed.ALWAYS if always else Needed.IF_STILL_THERE,
        tolerate=ANY_REFUSAL,
        lost=Lost.GO_ON,
        settles=5 if own else 0,
    )
    # One that drops the line before it answers is asked again, and may find that it has been asked already.
    tolerate = ANY_REFUSAL if quirks.drops_first else frozenset()
    return (
        Step(
            f"raise to profile {leg:d}", Do.RAISE_PROFILE, Until.ACCEPTED, leg, settles=3, tolerate=tolerate
        ),  # A05.FR.05
        *(address if own else ()),
        *([] if quirks.restart is RestartRule.NEVER else [restart]),
        *([hang_up, again] if own else []),
    )


def read_slots(leg: SecurityProfile, quirks: Quirks) -> tuple[Step, ...]:
    """2.x B09.FR.06: at least two slots; the one in use is never written. Those that the book knows are not asked."""
    tell = Step(
        "list the connection slots",
        Do.LIST_SLOTS,
        Until.SLOTS_TOLD,
        leg,
        within=timedelta(seconds=20),
        late="the station did not report its slots",
        needed=Needed.UNLESS_SLOTS_TOLD,  # for some it takes their whole inventory
        otherwise=Do.LIST_ALL,
        tolerate=ANY_REFUSAL,
        optional=True,
        lost=Lost.GO_ON,
    )
    read = Step("read the connection slots", Do.READ_NETWORK, Until.ACCEPTED, leg)
    return (read,) if quirks.slots else (tell, read)


def use_slot(leg: SecurityProfile, before: tuple[Step, ...] = ()) -> tuple[Step, ...]:
    """2.x B10: the new slot first, the old one behind it; changes act at the next restart."""
    prefer = Step("prefer the new slot", Do.PREFER_SLOT, Until.ACCEPTED, leg)
    return (prefer, *before, Step("restart", Do.RESTART, Until.ACCEPTED, leg, lost=Lost.GO_ON))


def write_slot(version: OcppVersion, leg: SecurityProfile) -> tuple[Step, ...]:
    """2.0.1 A05: SetNetworkProfile. 2.1 B09.FR.20-34: the slot's variables, or that where the station has none."""
    if version is OcppVersion.V201:
        return (Step("write the connection slot", Do.WRITE_SLOT, Until.ACCEPTED, leg),)
    free = Step(
        "take the slot out of use",
        Do.FREE_SLOT,
        Until.ACCEPTED,
        leg,
        needed=Needed.IF_SLOT_LISTED,
        tolerate=ANY_REFUSAL,
    )
    write = Step("write the connection slot", Do.WRITE_SLOT_VARIABLES, Until.ACCEPTED, leg, otherwise=Do.WRITE_SLOT)
    return (free, write)


def switch(version: OcppVersion, leg: SecurityProfile, quirks: Quirks) -> tuple[Step, ...]:
    """Have the station come back on the profile."""
    if version is OcppVersion.V16:
        return switch_16(leg, quirks)
    return (*write_slot(version, leg), *use_slot(leg))


def down(version: OcppVersion, quirks: Quirks) -> tuple[Step, ...]:
    """From 3 to 2 (2.0.1 errata 2025-01, 2.1: A05.FR.08, B09.FR.31/.32), the one way down that OCPP knows.

    The password comes first, and the station is let in on profile 2 before it is sent there: until it was seen there
    its certificate is good beside its password.
    """
    allow = Step("let it step down", Do.ALLOW_DOWNGRADE, Until.ACCEPTED, TLS, needed=Needed.IF_NOT_ALLOWED)
    forbid = Step(
        "have it step down no more",
        Do.FORBID_DOWNGRADE,
        Until.ACCEPTED,
        TLS,
        needed=Needed.IF_WE_ALLOWED,
        tolerate=ANY_REFUSAL,
    )
    return (
        Step("see whether it may step down", Do.READ_DOWNGRADE, Until.ACCEPTED, TLS),
        allow,
        Step("set a password", Do.SET_PASSWORD, Until.ACCEPTED, TLS, settles=1),
        *read_slots(TLS, quirks),
        *write_slot(version, TLS),
        *use_slot(TLS, before=(Step("let it in on profile 2", Do.PERMIT_LOWER, Until.RECORDED, TLS),)),
        seen_on(TLS),
        forbid,
    )


def _leg(version: OcppVersion, leg: SecurityProfile, quirks: Quirks) -> tuple[Step, ...]:
    first = () if version is OcppVersion.V16 else read_slots(leg, quirks)
    there = (*switch(version, leg, quirks), *arrival(leg))
    if leg is BASIC:
        return (Step("set a password", Do.SET_PASSWORD, Until.ACCEPTED, leg, settles=1), *there)
    if leg is TLS:
        return (*first, *root(leg, quirks), *there, *password(leg, quirks))
    return (*first, *certificate(quirks), *there)


@lru_cache(maxsize=256)  # a fleet has few models; a walk's table is asked for with each move of it
def plan(version: OcppVersion, start: SecurityProfile, goal: SecurityProfile, quirks: Quirks = USUAL) -> Walk:
    """The walk from `start` up to `goal`, or from 3 down to 2. Raises ValueError when there is none.

    Or when the quirk book knows that such a station cannot be walked there, or that nothing would show that it can
    come back.
    """
    if (start, goal) == (MUTUAL, TLS) and version is not OcppVersion.V16:
        return Walk(start, goal, tuple(map(dressed, down(version, quirks))))
    if (start, goal) == (MUTUAL, TLS):
        raise ValueError("OCPP 1.6 knows no way down (A00.FR.005): it is set at the station itself")
    if goal <= start:
        raise ValueError(f"profile {goal:d} is not above {start:d}, and the only way down is from 3 to 2")
    if start is SecurityProfile.NONE and version is not OcppVersion.V16:
        raise ValueError("profile 0 exists in OCPP 1.6 only")
    if goal > quirks.walks_to:
        raise ValueError(f"by the quirk book such a station cannot be walked above profile {quirks.walks_to}")
    if start < TLS <= quirks.roots_from_profile and not quirks.lists_roots:
        raise ValueError(
            "by the quirk book it takes no root over OCPP and lists none, so nothing shows that it has ours"
        )
    legs = (SecurityProfile(n) for n in range(start + 1, goal + 1))
    return Walk(start, goal, tuple(dressed(step) for leg in legs for step in _leg(version, leg, quirks)))
