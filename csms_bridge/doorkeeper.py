"""Who has to wait before it is heard again (429): refused too often, or dialling too often."""

from datetime import datetime

from csms_bridge.endpoint_settings import EndpointSettings
from csms_bridge.named_peers import NamedPeers
from csms_bridge.throttle import Throttle


class Doorkeeper:
    """Three counts of one minute: refusals of an address for an identity, of an address, and arrivals of an identity.

    Arrivals count once they are admitted, so that nobody else can use up a station's.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self._edges = NamedPeers(settings.ocpp_edge_peers)
        self._of_both = Throttle(settings.failures_per_minute)
        self._of_address = Throttle(settings.failures_per_address)
        self._arrivals = Throttle(settings.arrivals_per_minute)

    def must_wait(self, address: str, identity: str, now: datetime) -> bool:
        """Whether this peer has had its share of the last minute."""
        return (
            self._of_both.must_wait(address, identity, now)
            or self._of_address.must_wait(address, "", now)
            or self._arrivals.must_wait("", identity, now)
        )

    def failed(self, address: str, identity: str, now: datetime) -> None:
        """It was refused. An edge that tells no addresses is not blamed for those behind it."""
        self._of_both.failed(address, identity, now)
        if not self._edges.holds(address):
            self._of_address.failed(address, "", now)

    def succeeded(self, address: str, identity: str, now: datetime) -> None:
        """It proved itself: its refusals are forgotten, its arrival is counted."""
        self._of_both.succeeded(address, identity)
        self._arrivals.failed("", identity, now)
