"""Settings of the sockets that stations dial: TLS, who stands in front, and the limits everybody is held to."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network

from pydantic import BaseModel, ConfigDict, Field, model_validator

from csms_bridge.edge_headers import EdgeForm
from csms_bridge.tls import TlsPolicy

Networks = tuple[IPv4Network | IPv6Network, ...]
HEADER_NAME = "^[A-Za-z0-9-]{1,64}$"


class EndpointSettings(BaseModel):
    """Where stations are met. Ports: 0 takes any free one, None is off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ocpp_host: str = "0.0.0.0"  # noqa: S104 -- stations are elsewhere; every peer must prove itself
    ocpp_port: int | None = Field(default=8887, ge=0, le=65535)
    ocpp_tls_port: int | None = Field(default=8888, ge=0, le=65535)
    ocpp_tls_policy: TlsPolicy = TlsPolicy.CERTIFICATION
    ocpp_tls_port_policy: TlsPolicy | None = None
    """Of the TLS-only port; None is that of the main port."""

    ocpp_proxy_peers: Networks = ()
    """Load balancers, which begin every connection with a PROXY header; nobody else may."""
    ocpp_edge_peers: Networks = ()
    """TLS-terminating edges, whose headers about TLS, client certificate and client address are believed."""
    ocpp_edge_form: EdgeForm = EdgeForm.PEM
    ocpp_edge_certificate_header: str = Field(default="", pattern=r"^[A-Za-z0-9-]{0,64}$")
    """Empty is the form's usual name."""
    ocpp_edge_proto_header: str = Field(default="X-Forwarded-Proto", pattern=HEADER_NAME)
    ocpp_edge_tls_header: str = Field(default="X-SSL-Protocol", pattern=HEADER_NAME)
    ocpp_edge_cipher_header: str = Field(default="X-SSL-Cipher", pattern=HEADER_NAME)
    ocpp_edge_address_header: str = Field(default="X-Forwarded-For", pattern=HEADER_NAME)

    handshake_timeout: timedelta = Field(default=timedelta(seconds=20), gt=timedelta(0))
    ping_interval: timedelta = Field(default=timedelta(seconds=30), gt=timedelta(0))
    open_handshakes: int = Field(default=8192, ge=1)
    """Peers that have not been admitted yet; the oldest makes room once it had half its time, else newcomers go."""
    handshakes_per_address: int = Field(default=2048, ge=1)
    connections_per_address: int = Field(default=20_000, ge=1)
    """Admitted or not. High, since a carrier may hide a whole fleet behind one address."""
    arrivals_per_minute: int = Field(default=60, ge=1)
    """Connections of one identity; who dials more often is told to wait (429)."""
    failures_per_minute: int = Field(default=30, ge=1)
    """Refused credentials from one address for one identity before it is told to wait (429)."""
    failures_per_address: int = Field(default=600, ge=1)
    """The same for one address and all identities."""

    request_limit: int = Field(default=16 * 1024, ge=2048)
    """Octets of an upgrade request."""
    frame_limit: int = Field(default=256 * 1024, ge=16 * 1024)
    unanswered_limit: int = Field(default=32, ge=1)
    messages_per_second: float = Field(default=20, gt=0)
    messages_burst: int = Field(default=200, ge=1)
    """What one station may send at once; after that it is read more slowly."""
    flood_patience: timedelta = timedelta(seconds=15)
    """How long a station may go on sending more than it is read; then it is closed with 1008."""
    unsent_limit: int = Field(default=256 * 1024, ge=16 * 1024)
    """Octets that may wait for a station to read them."""
    reader_patience: timedelta = Field(default=timedelta(seconds=30), gt=timedelta(0))
    """How long a station may leave its answers unread."""

    @model_validator(mode="after")
    def _some_door_is_open(self) -> "EndpointSettings":
        if self.ocpp_port is None and self.ocpp_tls_port is None:
            raise ValueError("both OCPP ports are off: stations could not connect")
        return self

    @property
    def tls_port_policy(self) -> TlsPolicy:
        """The policy in force on the TLS-only port."""
        return self.ocpp_tls_port_policy or self.ocpp_tls_policy

    @property
    def edge_certificate_header(self) -> str:
        """The header that carries a client certificate."""
        return self.ocpp_edge_certificate_header or self.ocpp_edge_form.header
