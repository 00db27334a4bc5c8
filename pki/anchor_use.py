"""What an authority of others is trusted for. By itself, since commands ask for it too and start without the rest."""

from enum import StrEnum


class AnchorUse(StrEnum):
    """What an anchor is trusted for."""

    FIRST_CONTACT = "first-contact"
    CONTRACTS = "contracts"
    FIRMWARE = "firmware"
