"""What must be true before a station is asked to install an image. Pure: each rule raises FirmwareNotNow, or says why.

They are looked at when an update is asked for, when it is sent, and for a campaign before it starts: an image, a
certificate or a station may have changed in between.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from csms_bridge.errors import FirmwareNotNow
from csms_bridge.firmware.machine import same_version
from csms_bridge.quirks.quirks import Quirks
from csms_bridge.quirks.versions import version_key
from csms_bridge.station import OcppVersion
from pki.firmware_book import FirmwareState, SignedFirmware
from pki.firmware_check import check_lengths, verify_firmware

LONGEST_ADDRESS = {OcppVersion.V16: 512, OcppVersion.V201: 512, OcppVersion.V21: 2000}
"""Characters of `location` (reference §3.9); 1.6's plain UpdateFirmware names no limit, and gets the same."""
HARDWARE_TAG = "hw:"
"""A station's tag that begins so names its board, as a release's `hardware` does."""
OUTSIDE = frozenset({"http", "https", "ftp", "ftps", "sftp"})


@dataclass(frozen=True, slots=True)
class Machine:
    """A station as the guards see it. `counter` is the release counter of what it runs, None when nobody knows it."""

    station: str
    vendor: str
    model: str
    version: str
    hardware: tuple[str, ...] = ()
    counter: int | None = None
    protocols: Collection[str] = ()
    """How it says that it fetches files, lower case; empty when it has not told."""


def choose_form(forms: Sequence[SignedFirmware], quirks: Quirks) -> SignedFirmware:
    """Of a release's signatures the one that such stations check: by the quirk book's order, never by the key.

    Raises FirmwareNotNow.
    """
    good = [one for one in forms if one.state is FirmwareState.SIGNED]
    for scheme in quirks.firmware_schemes:
        for one in good:
            if one.scheme is scheme:
                return one
    if not good:
        states = ", ".join(sorted({str(one.state) for one in forms})) or "unknown"
        raise FirmwareNotNow("not-signed", f"the firmware is {states}, not signed")
    schemes, wanted = ", ".join(one.scheme for one in good), ", ".join(quirks.firmware_schemes)
    one = good[0]
    raise FirmwareNotNow(
        "scheme",
        f"such stations check {wanted}, and {one.version} is signed by {schemes}",
        f"Sign it so: voltward firmware sign FILE --vendor {one.vendor} --model {one.model} --version {one.version} "
        f"--scheme {quirks.firmware_schemes[0]}",
    )


def check_signature(signed: SignedFirmware, roots: Sequence[x509.Certificate], now: datetime) -> None:
    """The signature once more, under the roots of now (L01: the CSMS verifies too). Raises FirmwareNotNow."""
    if signed.state is not FirmwareState.SIGNED or not signed.signature or not signed.signing_certificate:
        raise FirmwareNotNow("not-signed", f"the firmware {signed.id} is {signed.state}, not signed")
    check_lengths(signed.signature, signed.signing_certificate)
    verdict = verify_firmware(
        bytes.fromhex(signed.digest), signed.signature_octets, signed.signing_certificate, signed.scheme, roots, now
    )
    if not roots:
        raise FirmwareNotNow("signature", "no manufacturer root is known here")
    if not verdict.genuine:
        raise FirmwareNotNow("signature", "; ".join(verdict.faults))


def check_fits(signed: SignedFirmware, machine: Machine) -> None:
    """Vendor, model and hardware are the station's. Raises FirmwareNotNow."""
    if not machine.vendor or not machine.model:
        raise FirmwareNotNow("model", f"station {machine.station!r} has never told its vendor and model")
    told, wanted = (machine.vendor, machine.model), (signed.vendor, signed.model)
    if [_plain(one) for one in told] != [_plain(one) for one in wanted]:
        raise FirmwareNotNow("model", f"the image is for {' '.join(wanted)}, and the station is a {' '.join(told)}")
    if not signed.hardware:
        return
    if not machine.hardware:
        raise FirmwareNotNow(
            "hardware",
            f"the image is for {', '.join(signed.hardware)}, and nobody has said what the station is",
            f"Say it with a tag: voltward station place {machine.station} --tag {HARDWARE_TAG}{signed.hardware[0]}",
        )
    if not {_plain(one) for one in machine.hardware} & {_plain(one) for one in signed.hardware}:
        raise FirmwareNotNow(
            "hardware", f"the image is for {', '.join(signed.hardware)}, and the station is {machine.hardware[0]}"
        )


def check_is_new(version: str, machine: Machine) -> None:
    """It does not run the version already. Raises FirmwareNotNow."""
    if machine.version and same_version(version, machine.version):
        raise FirmwareNotNow("running", f"the station runs {machine.version} already")


def downgrade(version: str, counter: int | None, machine: Machine) -> str:
    """Why the image would take the station back; empty when it does not.

    Release counters decide where both are known, else the versions, as far as they can be compared.
    """
    if counter is not None and machine.counter is not None:
        if counter < machine.counter:
            return f"its release counter is {counter}, and the station runs one of {machine.counter}"
        return ""
    new, old = version_key(version), version_key(machine.version)
    if new is not None and old is not None and new < old:
        return f"{version} is older than {machine.version}, which the station runs"
    return ""


def check_address(address: str, version: OcppVersion, protocols: Collection[str]) -> None:
    """The station can be told the address, and says that it fetches by it. Raises FirmwareNotNow."""
    longest = LONGEST_ADDRESS[version]
    if len(address) > longest:
        raise FirmwareNotNow(
            "address", f"the address has {len(address)} characters, and OCPP {version} has room for {longest}"
        )
    protocol = address.partition("://")[0].lower()
    if protocols and protocol not in protocols:
        raise FirmwareNotNow(
            "protocol",
            f"the station says that it fetches files by {', '.join(sorted(protocols))}, and not by {protocol}",
            "Name an address on a server of yours that it can reach: --location URL; the signature protects the file.",
        )


def _plain(text: str) -> str:
    return text.strip().casefold()
