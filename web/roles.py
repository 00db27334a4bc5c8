"""What a process of the service does."""

from enum import StrEnum


class Role(StrEnum):
    """One process does all of it unless told otherwise."""

    ALL = "all"
    BRIDGE = "bridge"
    WEB = "web"
    WORKER = "worker"
    SIGNER = "signer"
    """Holds the authorities' keys and signs for the others; a process that does nothing else."""
