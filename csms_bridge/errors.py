"""What can go wrong on the OCPP side, split by who must act.

BridgeError
├── UnknownStation, UnknownStranger, UnknownWalk, UnknownCommand, UnknownIdToken, UnknownLog   not what we have
├── UnknownCampaign, UnknownSite                  the same
├── CampaignRefused, SiteRefused                  the caller's data about a campaign or a site
├── CampaignNotNow                                what a campaign cannot do in its state
├── RenewalsNotNow                                renewals are paused already, or are not
├── StationExists, StationRefused                 the caller's data about a station
├── IdTokenRefused                                the caller's data about a token
├── QuirkRefused, UnknownQuirk                    a row of the quirk book that cannot be right, or is not there
├── WalkRefused                                   this walk cannot be started, held or resumed now
├── ProofWithdrawn                                what a station was let in by does not count any more
├── LineOutranked                                 another node has a line with more proof for this identity
├── ChargingFull                                  a station has left more here than it may
├── ProofRefused, TooManyRefusals                 who asks for a certificate outside OCPP did not prove itself
├── StatusUnavailable                             nobody says whether somebody else's certificate is good
├── CommandRefused                                a message that must not, or cannot, be sent
├── UnknownRoot, RootRefused                      a root that we do not have, or that must not go or come
├── ChangeRefused                                 a planned change that nobody can be asked about
├── UnknownRecovery, RecoveryNotNow               a way back that is not on record, or cannot be opened or closed now
├── UnknownMigration, MigrationRefused            a change of version that is not on record, or cannot be expected
├── UnknownPlan, PlanRefused                      a root's roll-over that is not planned, or must not go on now
├── UploadOver, UploadDiffers, UploadTooLarge, UploadTooSlow   a log's upload that is not taken
├── LogElsewhere, LogNotThere                     a log whose file is not here
├── UnknownUpdate, FirmwareNotNow                 a firmware update that is not there, or must not begin
├── UnknownEmergency, EmergencyRefused            a way back to older firmware
├── ImageRefused, UnknownImage, ImageElsewhere    an image that is not taken, or not here
├── ImageNoRoom, ImageUnreachable                 where it is to be kept cannot take it now
├── UploadMoved, UnknownLink, LinkOver            an upload or an address that is elsewhere by now
├── ChainTooLong                                  a certificate that the station could not take
└── StationSilent                                 the station gave no answer: unknown, not failed
    └── NotSent                                   nothing went out, so nothing can have happened
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


class LineOutranked(BridgeError):
    """Another node has a line of this identity that came with more proof."""

    def __init__(self, station: str, node: str) -> None:
        super().__init__(f"station {station!r} is on a line with more proof, at node {node!r}")
        self.station = station
        self.node = node


class ProofWithdrawn(BridgeError):
    """What a station was let in by does not count any more: its lane was closed, or its password set aside."""

    def __init__(self, station: str) -> None:
        super().__init__(f"what station {station!r} was let in by does not count any more")
        self.station = station


class ChargingFull(BridgeError):
    """There is no room for one more message about charging of this station."""

    def __init__(self, station: str) -> None:
        super().__init__(
            f"station {station!r} has no room for more messages about charging",
            "fetch them with: voltward transactions export --hand-over",
        )
        self.station = station


class UnknownStranger(BridgeError):
    """No unknown station of this identity knocked."""

    def __init__(self, station: str) -> None:
        super().__init__(f"no unknown station {station!r} is listed", "list them with: voltward station unknown list")
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


class QuirkRefused(BridgeError):
    """A row of the quirk book cannot be taken: `row` says which, `key` what in it."""

    def __init__(self, row: str, key: str, why: str) -> None:
        where = f"{row}, {key}" if key else row
        super().__init__(f"{where}: {why}", "see docs/quirks.md")
        self.row = row
        self.key = key


class UnknownQuirk(BridgeError):
    """No row of the operator's is called so, or nothing like it was learned."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the quirk book has no row {name!r} of yours", "list them with: voltward quirk list")
        self.name = name


class IdTokenRefused(BridgeError):
    """A token cannot be listed so: `field` names what is wrong, `row` where in a file."""

    def __init__(self, field: str, why: str, row: int | None = None) -> None:
        where = f"row {row}: " if row is not None else ""
        super().__init__(f"{where}{field}: {why}")
        self.field = field
        self.row = row


class UnknownLog(BridgeError):
    """No log has this number, or no upload this address."""

    def __init__(self, log: int) -> None:
        super().__init__(f"there is no log {log}" if log else "nothing is expected at this address")
        self.log = log


class UploadOver(BridgeError):
    """The address was good for a while, and that is over."""

    def __init__(self) -> None:
        super().__init__("nothing is expected at this address any more")


class UploadDiffers(BridgeError):
    """Something else was uploaded to this address before."""

    def __init__(self) -> None:
        super().__init__("this address is good for one upload, and has had it")


class UploadTooLarge(BridgeError):
    """A log of more octets than are taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the log is longer than {limit} bytes")


class UploadTooSlow(BridgeError):
    """An upload that did not end in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the upload took longer than {seconds:g} seconds")


class LogElsewhere(BridgeError):
    """The log lies on another node's disk."""

    def __init__(self, log: int, node: str) -> None:
        super().__init__(f"log {log} lies on node {node!r}", "ask that node, or let the nodes share the folder")


class LogNotThere(BridgeError):
    """Nothing was uploaded, or its file is gone."""

    def __init__(self, log: int) -> None:
        super().__init__(f"there is no file of log {log}", "files are not part of a backup, and go with their time")


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


class UnknownCampaign(BridgeError):
    """No campaign has this id."""

    def __init__(self, campaign: str) -> None:
        super().__init__(f"there is no campaign {campaign!r}", "list them with: voltward campaign list")
        self.campaign = campaign


class CampaignRefused(BridgeError):
    """A campaign cannot be as asked: `field` names what is wrong."""

    def __init__(self, field: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence, hint)
        self.field = field


class CampaignNotNow(BridgeError):
    """A campaign cannot be started, paused, resumed or aborted in the state it is in."""


class RenewalsNotNow(BridgeError):
    """Renewals by themselves cannot be paused, or resumed, as they stand."""


class UnknownSite(BridgeError):
    """Nothing is on record about a site of this name."""

    def __init__(self, site: str) -> None:
        super().__init__(f"nothing is on record about the site {site!r}", "list them with: voltward site list")
        self.site = site


class SiteRefused(BridgeError):
    """What was said about a site cannot be right: `field` names it, `row` where in a file."""

    def __init__(self, field: str, why: str, row: int | None = None) -> None:
        where = f"row {row}: " if row is not None else ""
        super().__init__(f"{where}{field}: {why}")
        self.field = field
        self.why = why
        self.row = row


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


class UnknownUpdate(BridgeError):
    """The station has no firmware update of this number."""

    def __init__(self, update: int) -> None:
        super().__init__(f"there is no firmware update {update}", "list them with: voltward firmware updates")
        self.update = update


class FirmwareNotNow(BridgeError):
    """A station is not asked to install an image: `code` is stable and says which rule stands against it."""

    def __init__(self, code: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence, hint)
        self.code = code


class UnknownEmergency(BridgeError):
    """No way back has this number."""

    def __init__(self, emergency: int) -> None:
        super().__init__(f"there is no emergency {emergency}", "list them with: voltward firmware emergency list")
        self.emergency = emergency


class EmergencyRefused(BridgeError):
    """A way back to an older release cannot be asked for or agreed to so."""


class ImageRefused(BridgeError):
    """An image is not taken, or is not what it was: `code` is stable and says which rule stands against it."""

    def __init__(self, code: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence, hint)
        self.code = code


class UnknownImage(BridgeError):
    """The image of this firmware is not here."""

    def __init__(self, firmware: str) -> None:
        super().__init__(f"the image of {firmware} is not here", "upload it with: voltward firmware upload")


class ImageElsewhere(BridgeError):
    """The image lies on another node's disk."""

    def __init__(self, node: str) -> None:
        super().__init__(
            f"the image lies on node {node!r}",
            "let the nodes share the folder, or keep images in VOLTWARD_FIRMWARE_STORE",
        )


class ImageNoRoom(BridgeError):
    """The disk has no room for an image of so many octets."""

    def __init__(self, size: int, free: int) -> None:
        super().__init__(f"the disk has no room for {size} octets more: {free} are free", "make room, and go on")


class ImageUnreachable(BridgeError):
    """Where images are kept does not answer."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where} does not answer: {why}", "try again later")


class UploadMoved(BridgeError):
    """An upload does not go on where the caller thinks: `received` octets are here."""

    def __init__(self, received: int, sentence: str) -> None:
        super().__init__(sentence, "ask how much is here, and go on from there")
        self.received = received


class UnknownLink(BridgeError):
    """Nothing is at this address."""

    def __init__(self) -> None:
        super().__init__("there is nothing at this address")


class LinkOver(BridgeError):
    """The address was good for a while, and that is over."""

    def __init__(self) -> None:
        super().__init__("there is nothing at this address any more")


class ChangeRefused(BridgeError):
    """A planned change is not told completely: `field` names what is missing or wrong."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


class UnknownRecovery(BridgeError):
    """No way back has this id."""

    def __init__(self, recovery: str) -> None:
        super().__init__(f"there is no way back {recovery!r}", "list them with: voltward recovery list")
        self.recovery = recovery


class RecoveryNotNow(BridgeError):
    """A way back cannot be opened, approved or closed as things are."""


class UnknownMigration(BridgeError):
    """No migration has this number."""

    def __init__(self, migration: int) -> None:
        super().__init__(f"there is no migration {migration}", "list them with: voltward migration list")
        self.migration = migration


class MigrationRefused(BridgeError):
    """No other version can be expected of this station now."""


class UnknownPlan(BridgeError):
    """No roll-over is planned under this id."""

    def __init__(self, plan: str) -> None:
        super().__init__(f"no roll-over {plan!r} is planned", "list them with: voltward ca rollover plans")
        self.plan = plan


class PlanRefused(BridgeError):
    """The plan does not go on: `findings` says why, `stations` names those that would lose us, the first hundred."""

    def __init__(self, findings: tuple[str, ...], hint: str = "", stations: tuple[str, ...] = ()) -> None:
        super().__init__("; ".join(findings), hint)
        self.findings = findings
        self.stations = stations


class ChainTooLong(BridgeError):
    """A chain of more characters than the station takes, which is therefore not sent."""

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"the chain has {length} characters, and the station takes {limit}")


class StationSilent(BridgeError):
    """The station gave no answer to a CALL. What it did is unknown, unless this is NotSent."""

    def __init__(self, action: str, why: str) -> None:
        super().__init__(f"no answer to {action}: {why}")
        self.action = action


class NotSent(StationSilent):
    """Nothing went out, for a reason of ours."""
