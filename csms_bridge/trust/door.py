"""The door to trust: who trusts which root, who would lose us by a change, and roots that are rolled over."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from csms_bridge.renewals import Renewals
from csms_bridge.station_roots.door import StationRoots
from csms_bridge.trust.forecast import WillItConnect
from csms_bridge.trust.odd_kinds import QuirksOfKind, usual_kind
from csms_bridge.trust.plan_judging import PlanJudging
from csms_bridge.trust.plan_rounds import PlanRounds
from csms_bridge.trust.plans import RootPlans
from csms_bridge.trust.sightings import TrustSightings
from csms_bridge.trust.trust_map import TrustMap
from pki.audit import AuditTrail
from pki.authority import Authority, ServerCredential
from pki.clock import Clock
from pki.keys import KeyFamily
from pki.store import Store


class Trust:
    """`map` and `connecting` read, `plans` changes, `sightings` and `rounds` are the service's own work."""

    def __init__(
        self, store: Store, trail: AuditTrail, authority: Authority, roots: StationRoots, renewals: Renewals,
        clock: Clock, node: str, handshake: timedelta, quirks_of: QuirksOfKind = usual_kind,
    ) -> None:  # fmt: skip
        self._authority = authority
        self.map = TrustMap(store, authority)
        self.connecting = WillItConnect(store, authority, self.map, clock, quirks_of)
        judging = PlanJudging(store, authority, self.connecting, roots, clock)
        self.plans = RootPlans(store, trail, authority, judging, clock)
        # TLS and the upgrade have this long each.
        self.sightings = TrustSightings(store, clock, node, 2 * handshake)
        self.rounds = PlanRounds(store, authority, roots, renewals, self.plans, judging, clock, node)

    def shows(self, credentials: Sequence[ServerCredential]) -> None:
        """This node's servers show these certificates from now on."""
        families = [KeyFamily(one.family) for one in credentials]
        shown: Mapping[KeyFamily, frozenset[str]] = {one: self._authority.roots_of_servers(one) for one in families}
        self.sightings.shows(shown)

    def round(self, barred: Sequence[str] = ()) -> None:
        """To be called every few seconds; the `barred` are sent nothing."""
        self.sightings.round()
        self.rounds.round(barred)
