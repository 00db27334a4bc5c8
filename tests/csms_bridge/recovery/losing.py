"""Stations that lost something, and who knocks in their name."""

import base64
from datetime import timedelta

from websockets.datastructures import Headers
from websockets.http11 import Request

from csms_bridge.arrivals import Incoming, Line
from csms_bridge.edge_chain import Anchors
from csms_bridge.edges import Edges
from csms_bridge.judging import Judging, Knocking, Shown, Welcome
from csms_bridge.recovery.words import Ask, Loss
from csms_bridge.settings import BridgeSettings
from csms_bridge.station import OcppVersion, SecurityProfile
from pki.authority import Certificate
from pki.secret_text import Secret
from tests.csms_bridge.room import SigningRoom

DAY = timedelta(days=1)
HOME = Line("192.0.2.7", "TLSv1.3", "TLS_AES_128_GCM_SHA256")
ELSEWHERE = Line("198.51.100.66", "TLSv1.3", "TLS_AES_128_GCM_SHA256")
BY, PERSON = "token:anna-laptop", "user:anna"


def loss(of: Loss, *, life: timedelta = DAY, **more: object) -> Ask:
    """An ask with what each loss needs."""
    serial = {"new_serial": "SN-9"} if of is Loss.SWAPPED else {}
    return Ask("CS-1", of, life, "found so on site", **{**serial, **more})


def on_profile_3(room: SigningRoom) -> tuple[Certificate, Shown]:
    """A station that was seen with its certificate, and is away."""
    room.add(profile=SecurityProfile.MUTUAL_TLS, version=OcppVersion.V201)
    made, shown = room.certified()
    since = room.connect(profile=SecurityProfile.MUTUAL_TLS, certificate=made.serial, version=OcppVersion.V201)
    room.sightings.disconnected("CS-1", since)
    return made, shown


def judging(room: SigningRoom) -> Judging:
    return Judging(room.sightings, room.passwords, room.authority, Edges(BridgeSettings(), lambda: Anchors([])))


def knock(room: SigningRoom, *, line: Line = HOME, password: Secret | None = None, shown: Shown = None):
    """What comes of an upgrade request in the name of CS-1: a Welcome or a Refused."""
    sent = Headers({"Sec-WebSocket-Protocol": "ocpp2.0.1"})
    if password is not None:
        sent["Authorization"] = "Basic " + base64.b64encode(b"CS-1:" + password.reveal).decode()
    request = Request("/ocpp/CS-1", sent)
    return judging(room).judge_each([Knocking("CS-1", line, request, shown, None)])[0]


def come_in(room: SigningRoom, welcome: Welcome, node: str = "") -> object:
    """The connection is written down; raises what stands against it."""
    incoming = Incoming(welcome.identity, welcome.admitted, OcppVersion.V201, welcome.password, welcome.line)
    (arrived,) = room.sightings.arrivals.note_each([incoming])
    if isinstance(arrived, Exception):
        raise arrived
    return arrived.at


def alarms(room: SigningRoom) -> list[tuple[str, str]]:
    return [(alarm.kind.value, alarm.thing) for alarm in room.authority.alarms.page()]
