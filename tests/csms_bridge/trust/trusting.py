"""A room's door to trust, and stations that hold roots, refuse them, and connect under what our server shows."""

from collections.abc import Iterable
from datetime import timedelta

from csms_bridge.arrivals import Line
from csms_bridge.renewals import Renewals
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.trust.door import Trust
from csms_bridge.trust.odd_kinds import QuirksOfKind, usual_kind
from pki.keys import KeyFamily
from pki.rollover_steps import StepName
from tests.csms_bridge.room import SigningRoom
from tests.csms_bridge.station_roots.holder import BY, CSMS, Holder, name_of

MARGIN = timedelta(seconds=20)  # of one handshake; the door waits for two phases of it
RSA_LINE = Line("192.0.2.9", "TLSv1.2", "AES256-GCM-SHA384")
ECDSA_LINE = Line("192.0.2.9", "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")
EDGE_LINE = Line("192.0.2.8", "TLSv1.3", "TLS_AES_128_GCM_SHA256", edge="edge-1")


def trust_of(room: SigningRoom, quirks_of: QuirksOfKind = usual_kind) -> Trust:
    """The door over a room."""
    renewals = Renewals(room.store, room.trail, room.orders, room.clock)
    return Trust(
        room.store, room.trail, room.authority, room.roots, renewals, room.clock, "this-node", MARGIN, quirks_of
    )


def shows(room: SigningRoom, trust: Trust, *roots: str, family: KeyFamily = KeyFamily.EC) -> None:
    """Our server's chain of this family ends there from now on, and no handshake from before is under way."""
    trust.sightings.shows({family: frozenset(roots)})
    room.clock.advance(seconds=60)


def holder(room: SigningRoom, name: str, *roots: str, line: Line | None = None) -> Holder:
    """A station on profile 2 that holds these roots of ours."""
    made = Holder(room, name)
    if line is not None:
        room.connect(name, SecurityProfile.TLS_BASIC, version=OcppVersion.V201, line=line)
    for root in roots:
        made.hold(CSMS, name_of(made.root(root)))
    return made


def installs(made: Holder, root: str, status: str = "Accepted") -> None:
    """It is asked to install a root, and answers so."""
    made.room.roots.install(made.station, CSMS, BY, name=root)
    if status == "Accepted":
        made.hold(CSMS, name_of(made.root(root)))
    made.answer({"status": status})


def successor(room: SigningRoom, root: str = "root") -> str:
    """A new root beside the old one, prepared; the roll-over's id."""
    started = room.authority.rollovers.start(root, BY)
    room.authority.refresh_crls()
    return started.id


def roll(room: SigningRoom, rollover: str, *steps: StepName) -> None:
    """The authority's own steps."""
    for step in steps:
        room.authority.refresh_crls()
        room.authority.server_credentials()
        room.authority.rollovers.advance(rollover, step, BY, "a test", force=True)


def names(found: Iterable[object]) -> list[str]:
    """Of stations in a list."""
    return [one.station for one in found]  # type: ignore[attr-defined]
