"""The service renews its own server certificates, and no line is dropped for it (A00.FR.701: less than 24 h)."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.end_to_end.running_service import RunningService
from tests.end_to_end.stations import register, station, trusting

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def short_lived(folder: Path) -> Iterator[RunningService]:
    """Server certificates that live a quarter of a minute."""
    service = RunningService(folder)
    service.extra = {
        "VOLTWARD_SERVER_VALIDITY": "PT16S",
        "VOLTWARD_SERVER_BACKDATE": "PT4S",
        "VOLTWARD_RENEWAL_CHECK": "PT1S",
    }
    service.start()
    yield service
    service.stop()


def presented(service: RunningService) -> x509.Certificate:
    """The certificate on the TLS port now; the handshake fails when it is not valid."""
    context = trusting(service.root_pem())
    pem = ssl.get_server_certificate(("localhost", service.tls_port))
    with (
        socket.create_connection(("localhost", service.tls_port)) as line,
        context.wrap_socket(line, server_hostname="localhost"),
    ):
        return x509.load_pem_x509_certificate(pem.encode())


def next_presented(service: RunningService, first: x509.Certificate, within: float = 30) -> x509.Certificate:
    """The certificate that takes the first one's place."""
    end = time.monotonic() + within
    while (now := presented(service)).serial_number == first.serial_number:
        assert time.monotonic() < end, "not renewed in time"
        time.sleep(0.5)
    return now


async def test_renews_without_a_restart_and_without_dropping_a_line(short_lived: RunningService) -> None:
    service = short_lived
    password = await asyncio.to_thread(register, service, "STAYS-1", "2.0.1", 2)
    root = await asyncio.to_thread(service.root_pem)
    async with station(service, "STAYS-1", "2.0.1", password, profile=2, roots=(root,)) as stays:
        await stays.until(lambda one: one.registered)
        first = await asyncio.to_thread(presented, service)
        later = await asyncio.to_thread(next_presented, service, first)
        assert later.not_valid_after_utc > first.not_valid_after_utc
        assert stays.connected
        assert not [event for event in stays.history if type(event).__name__ == "Disconnected"]
