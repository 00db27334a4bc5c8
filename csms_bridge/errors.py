"""What can go wrong on the OCPP side, split by who must act.

BridgeError
├── UnknownStation, UnknownWalk, UnknownCommand, UnknownIdToken   the caller named something we do not have
├── StationExists, StationRefused                 the caller's data about a station
├── IdTokenRefused                                the caller's data about a token
├── WalkRefused                                   this walk cannot be started, held or resumed now
├── ProofRefused, TooManyRefusals                 who asks for a certificate outside OCPP did not prove itself
├── StatusUnavailable                             nobody says whether somebody else's certificate is good
├── CommandRefused                                a message that must not, or cannot, be sent
├── UnknownRoot, RootRefused                      a root that we do not have, or that must not go or come
└── StationSilent                                 the station gave no answer: unknown, not failed
"""


class BridgeError(Exception):
    """Base of the room's errors: `sentence` says what is wrong, `hint` what to do about it."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class UnknownStation(BridgeError):
    """No station has this identity."""

    def __init__(self, station: str) -> None:
        super().__init__(f"there is no station {station!r}", "list them with: voltward station list")
        self.station = station


class UnknownWalk(BridgeError):
    """No walk has this id."""

    def __init__(self, walk: str) -> None:
        super().__init__(f"there is no walk {walk!r}", "list them with: voltward walk list")
        self.walk = walk


class UnknownCommand(BridgeError):
    """No command has this id."""

    def __init__(self, command: int) -> None:
        super().__init__(f"there is no command {command}")
        self.command = command


class UnknownIdToken(BridgeError):
    """No such token is listed."""

    def __init__(self, token: str) -> None:
        super().__init__(f"the token {token!r} is not listed", "list them with: voltward id-token list")
        self.token = token


class IdTokenRefused(BridgeError):
    """A token cannot be listed so: `field` names what is wrong, `row` where in a file."""

    def __init__(self, field: str, why: str, row: int | None = None) -> None:
        where = f"row {row}: " if row is not None else ""
        super().__init__(f"{where}{field}: {why}")
        self.field = field
        self.row = row


class StationExists(BridgeError):
    """The identity, or the serial number, is registered already."""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(f"a station with {field} {value!r} is registered already")
        self.field = field
        self.value = value


class StationRefused(BridgeError):
    """What was said about a station is not acceptable: `field` names it, `why` says why."""

    def __init__(self, field: str, why: str, row: int | None = None) -> None:
        where = f"row {row}: " if row is not None else ""
        super().__init__(f"{where}{field}: {why}")
        self.field = field
        self.why = why
        self.row = row


class WalkRefused(BridgeError):
    """A walk cannot be started or changed as asked."""


class ProofRefused(BridgeError):
    """What was presented does not prove to be the station that a certificate is asked for."""


class TooManyRefusals(BridgeError):
    """This peer was refused too often; `wait` is how many seconds to stay away."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"too many refusals: try again in {wait} seconds")
        self.wait = wait


class StatusUnavailable(BridgeError):
    """Whether a foreign certificate is good could not be found out. `code` is an OCPP reason code (at most 20)."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class CommandRefused(BridgeError):
    """A message is not sent: it breaks the schema, a safety rule, or the station is not there."""


class UnknownRoot(BridgeError):
    """No root, or no entry of a station's list, goes by this name or number."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no root {name!r}", "list them with: voltward station roots ID")
        self.name = name


class RootRefused(BridgeError):
    """Nothing is asked of the station: `code` is stable and says which rule stands against it.

    `may_force` tells that an administrator may have it done all the same, with a reason.
    """

    def __init__(self, code: str, sentence: str, hint: str = "", *, may_force: bool = False) -> None:
        super().__init__(sentence, hint)
        self.code = code
        self.may_force = may_force


class StationSilent(BridgeError):
    """The station gave no answer to a CALL. What it did is unknown."""

    def __init__(self, action: str, why: str) -> None:
        super().__init__(f"no answer to {action}: {why}")
        self.action = action
