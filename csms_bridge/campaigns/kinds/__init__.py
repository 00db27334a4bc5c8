"""Kinds of campaigns, one file each; `every_kind` is the list of them."""

from csms_bridge.campaigns.kinds.certificates import RenewalKind
from csms_bridge.campaigns.kinds.firmware import FirmwareKind
from csms_bridge.campaigns.kinds.kind import CampaignKind
from csms_bridge.campaigns.kinds.password import PasswordKind
from csms_bridge.campaigns.kinds.roots import root_kinds
from csms_bridge.campaigns.kinds.walk import Facts, WalkKind
from csms_bridge.campaigns.words import Kind
from csms_bridge.orders import Orders
from csms_bridge.password_rotations import PasswordRotations
from csms_bridge.renewals import Renewals
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.walks.ledger import Ledger
from pki.audit import AuditTrail
from pki.clock import Clock


def every_kind(
    ledger: Ledger,
    facts: Facts,
    renewals: Renewals,
    rotations: PasswordRotations,
    roots: StationRoots,
    orders: Orders,
    trail: AuditTrail,
    clock: Clock,
    firmware: FirmwareKind | None = None,
) -> dict[Kind, CampaignKind]:
    """Each kind over the door that does its work."""
    return {
        Kind.WALK: WalkKind(ledger, facts),
        Kind.RENEWAL: RenewalKind(renewals, orders, trail, clock),
        Kind.REKEY: RenewalKind(renewals, orders, trail, clock),
        Kind.PASSWORD: PasswordKind(rotations, orders, trail, clock),
        **root_kinds(roots, orders),
        **({Kind.FIRMWARE: firmware} if firmware is not None else {}),
    }
