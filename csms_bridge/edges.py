"""TLS-terminating edges: whose headers about a connection are believed, and what they say of it."""

from collections.abc import Callable
from dataclasses import dataclass

from websockets.datastructures import Headers, MultipleValuesError

from csms_bridge.arrivals import Line
from csms_bridge.edge_chain import Anchors, VerifiedChain
from csms_bridge.edge_headers import (
    CHAIN_HEADER,
    BrokenEdgeHeader,
    EdgeForm,
    ShownChain,
    read_address,
    read_certificate,
    read_cipher,
    read_tls_version,
)
from csms_bridge.endpoint_settings import EndpointSettings
from csms_bridge.named_peers import NamedPeers


@dataclass(frozen=True, slots=True)
class Told:
    """A connection as an edge tells of it; `chain` is what the station showed there, not verified yet."""

    line: Line
    chain: ShownChain | None


class Edges:
    """`anchors` are those of the moment."""

    def __init__(self, settings: EndpointSettings, anchors: Callable[[], Anchors]) -> None:
        self._settings = settings
        self._named = NamedPeers(settings.ocpp_edge_peers)
        self._anchors = anchors

    def told(self, address: str, headers: Headers) -> Told | None:
        """What the peer at this address tells of somebody else's connection; None when it speaks for itself.

        Raises BrokenEdgeHeader, also for a peer that is no edge and shows somebody's certificate as one would.
        """
        if not self._named:
            return None
        if self._named.holds(address):
            return self._told_by_edge(address, headers)
        if headers.get_all(self._settings.edge_certificate_header):
            raise BrokenEdgeHeader(f"a client certificate in a header, from {address}, which is no named edge")
        return None

    def verify(self, chain: ShownChain) -> VerifiedChain:
        """The chain against our own anchors. Raises UntrustedChain."""
        return self._anchors().verify(chain)

    def _told_by_edge(self, address: str, headers: Headers) -> Told:
        settings = self._settings
        tls = read_tls_version(
            _single(headers, settings.ocpp_edge_tls_header), _single(headers, settings.ocpp_edge_proto_header)
        )
        chain = self._chain(headers)
        if chain is not None and tls is None:
            raise BrokenEdgeHeader("a client certificate, but no TLS")
        forwarded = ",".join(headers.get_all(settings.ocpp_edge_address_header))
        station = read_address(forwarded, self._named)
        cipher = read_cipher(_single(headers, settings.ocpp_edge_cipher_header)) if tls else None
        return Told(Line(station or address, tls, cipher, edge=address), chain)

    def _chain(self, headers: Headers) -> ShownChain | None:
        form = self._settings.ocpp_edge_form
        name = self._settings.edge_certificate_header
        if form is EdgeForm.PEM:
            return read_certificate(form, _single(headers, name))
        # Lists, which a proxy may spread over several lines (RFC 9110 §5.3).
        certificate, chain = (",".join(headers.get_all(each)) for each in (name, CHAIN_HEADER))
        return read_certificate(form, certificate, chain)


def _single(headers: Headers, name: str) -> str:
    try:
        return headers.get(name) or ""
    except MultipleValuesError:
        raise BrokenEdgeHeader(f"{name} twice") from None
