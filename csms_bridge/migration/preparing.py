"""What can be set at a station before its firmware changes, so that the new one finds us."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlmodel import Session

from csms_bridge.acts import FleetAct
from csms_bridge.commands import WriteSettings
from csms_bridge.dialects import DIALECTS
from csms_bridge.orders import Orders
from csms_bridge.quirks.door import StationQuirks
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.tables import StationRow
from csms_bridge.variables import Setting, configuration_key
from pki.audit import AuditTrail

_NO_SLOTS = "its old firmware has no connection slots: it dials the address that it dials now"
_SAME_ADDRESS = "its connection slots stay as they are: every version is met at one address"


class Preparing:
    """All versions are met at one address, told apart by the subprotocol, so that most stations need nothing.

    One of 1.6 whose maker has a key of its own for the address (a row of the quirk book) gets that key written, since
    the new firmware makes its first connection slot out of it.
    """

    def __init__(self, trail: AuditTrail, orders: Orders, quirks: StationQuirks, url: Callable[[], str]) -> None:
        self._trail = trail
        self._orders = orders
        self._quirks = quirks
        self._url = url

    def quirks(self, stations: Sequence[str]) -> Mapping[str, Quirks]:
        """To be asked for before a transaction is opened."""
        return self._quirks.of_stations(stations)

    def prepare(self, session: Session, station: StationRow, quirks: Quirks, by: str, now: datetime) -> str:
        """Put down what is to be sent, in the caller's transaction; what that is, in words."""
        if station.ocpp_version != OcppVersion.V16:
            return _SAME_ADDRESS
        if not quirks.url_key or (station.profile or 0) < SecurityProfile.TLS_BASIC:
            return _NO_SLOTS
        address = quirks.url_value.format(url=self._url(), id=station.id)
        command = WriteSettings((Setting(configuration_key(quirks.url_key), address),))
        request = DIALECTS[OcppVersion.V16].request(command)
        row = self._orders.enlist(session, station, request.action, request.payload, by, now)
        self._trail.record(
            session, FleetAct.COMMAND_ORDERED, by=by, kind="station", thing=station.id, now=now,
            reason="before a change of version",
            details={"command": row.id, "action": request.action, "payload": row.payload},
        )  # fmt: skip
        return f"{quirks.url_key} is set to {address}"
