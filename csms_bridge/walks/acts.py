"""From a step's act to the command that is sent: certificates, slots and secrets are filled in here."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from csms_bridge import commands as c
from csms_bridge.certificate_asks import Delivery, in_form, spelt_chain
from csms_bridge.enrolment import Enrolment
from csms_bridge.password_book import PasswordBook
from csms_bridge.quirks.quirks import USUAL, Chain, PasswordForm, Priority, Quirks, Roots, read_spelt, spell
from csms_bridge.station import SecurityProfile
from csms_bridge.variables import Setting, Variable, configuration_key
from csms_bridge.walks.addresses import address_for, old_address, written
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.slots import order_without, slot_numbers
from csms_bridge.walks.steps import Do
from pki.authority import Authority

MAY_STEP_DOWN = Variable("SecurityCtrlr", "AllowSecurityProfileDowngrade")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command ready to be sent, and the record that its answer belongs to."""

    command: c.Command
    password: str | None = None
    delivery: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """What stations are told about us: the operator's name, its country, and where profiles 2 and 3 are met."""

    organisation: str
    country: str
    url: str


class Acts:
    """Prepares commands; whatever must be stored before sending is stored here."""

    def __init__(self, authority: Authority, enrolment: Enrolment, passwords: PasswordBook, address: Address) -> None:
        self._authority = authority
        self._enrolment = enrolment
        self._passwords = passwords
        self._address = address

    @property
    def url(self) -> str:
        """Where stations are sent for profiles 2 and 3."""
        return self._address.url

    def move_to(self, url: str) -> None:
        """Stations are sent to this address from now on."""
        self._address = replace(self._address, url=url)

    def first_facts(self, quirks: Quirks = USUAL) -> Mapping[str, str]:
        """What a walk begins with: the root that the station is to trust for the CSMS, and what is odd about it."""
        root = self._authority.operator_root("rsa" if quirks.roots is Roots.RSA else "ec")
        facts = {"csms_root": root.name, "csms_root_serial": root.serial}
        odd = quirks.odd()
        slots = {"slots": ",".join(map(str, quirks.slots))} if quirks.slots else {}
        return facts | slots | ({"quirks": spell(odd)} if odd else {})

    def prepare(self, under_way: WalkUnderWay, act: Do) -> Prepared:
        """The command for `act` at this point of the walk."""
        facts, leg = under_way.at.facts, under_way.walk.steps[under_way.at.index].leg
        quirks = read_spelt(facts.get("quirks", ""))
        match act:
            case Do.SET_PASSWORD:
                id_, password = self._passwords.offer(under_way.station, quirks.password_bytes)
                return Prepared(c.SetPassword(password, quirks.password_form is PasswordForm.TEXT), password=id_)
            case Do.DELIVER | Do.DELIVER_WITH_ROOT:
                # What the table tries when it is refused is the other form than the usual one of such stations.
                with_root = (act is Do.DELIVER_WITH_ROOT) is not (quirks.chain is Chain.ROOT)
                return self._deliver(under_way.station, facts, quirks, with_root=with_root)
        walk = under_way.walk
        origin = walk.start if walk.is_down else SecurityProfile(leg - 1)
        if act in (Do.READ_URL, Do.WRITE_URL, Do.WRITE_URL_BACK):
            return Prepared(self._about_address(act, under_way, quirks, origin))
        return Prepared(self._way_back(act, facts, origin) or self._command(act, facts, leg, quirks))

    def delivery(self, delivery: Delivery) -> c.DeliverCertificate:
        """The command that delivers a certificate, in the form that the station took last."""
        above = self._root_pem(delivery.root) if delivery.with_root else ""
        return c.DeliverCertificate(spelt_chain(delivery, above), delivery.request_id)

    def introduction(self, *, with_country: bool) -> c.NameOperator:
        """The command that names the operator to a station outside a walk."""
        return c.NameOperator(self._address.organisation, self._address.country if with_country else None)

    def root_above(self, delivery: Delivery) -> c.InstallRoot:
        """The command that has a station trust the root above a certificate that it is about to get."""
        return c.InstallRoot(self._root_pem(delivery.root))

    def _command(self, act: Do, facts: Mapping[str, str], leg: SecurityProfile, quirks: Quirks) -> c.Command:
        match act:
            case Do.INSTALL_ROOT:
                return c.InstallRoot(self._root_pem(facts["csms_root"]))
            case Do.INSTALL_RSA_ROOT:
                return c.InstallRoot(self._authority.operator_root("rsa").certificate_pem)
            case Do.INSTALL_ISSUER_ROOT:
                return c.InstallRoot(self._root_pem(facts["issuer_root"]))
            case Do.LIST_ROOTS:
                return c.ListRoots()
            case Do.NAME_OPERATOR:
                missing = quirks.needs_country or facts.get("country") == "missing"
                return c.NameOperator(self._address.organisation, self._address.country if missing else None)
            case Do.TRIGGER_CSR:
                return c.TriggerCertificateRequest()
            case Do.RAISE_PROFILE:
                return c.RaiseProfile(leg)
            case Do.LIST_SLOTS:
                return c.ListSlots(secrets.randbelow(2**31))
            case Do.LIST_ALL:
                return c.ListSlots(secrets.randbelow(2**31), whole=True)
            case Do.READ_NETWORK:
                return c.ReadNetwork()
            case Do.FREE_SLOT:
                kept = [slot for slot in slot_numbers(facts["priority"]) if slot != int(facts["slot"])]
                # Never an empty list: a station that restarts with one knows no way back to us.
                return c.PreferSlots(tuple(kept) or (int(facts["used"]),))
            case Do.WRITE_SLOT:
                return c.WriteSlot(int(facts["slot"]), self._address.url, leg)
            case Do.WRITE_SLOT_VARIABLES:
                return c.WriteSlotVariables(int(facts["slot"]), self._address.url, leg)
            case Do.PREFER_SLOT:
                order = (int(facts["slot"]), int(facts["used"]))
                others = slot_numbers(facts.get("slots", "")) if quirks.priority is Priority.ALL_SLOTS else []
                return c.PreferSlots(tuple(dict.fromkeys((*order, *others))))
            case Do.RESTART:
                return c.Restart(c.RestartKind(quirks.restart_way.value))
            case Do.READ_DOWNGRADE:
                return c.ReadSettings((MAY_STEP_DOWN,))
            case Do.ALLOW_DOWNGRADE:
                return c.WriteSettings((Setting(MAY_STEP_DOWN, "true"),))
            case Do.FORBID_DOWNGRADE:
                return c.WriteSettings((Setting(MAY_STEP_DOWN, "false"),))
        raise LookupError(f"{act} is not a message")

    def _about_address(self, act: Do, under_way: WalkUnderWay, quirks: Quirks, origin: SecurityProfile) -> c.Command:
        """Its maker's own key for the address: read, written, or written back (1.6)."""
        key, station, url = configuration_key(quirks.url_key), under_way.station, self._address.url
        match act:
            case Do.READ_URL:
                return c.ReadSettings((key,))
            case Do.WRITE_URL:
                return c.WriteSettings((Setting(key, written(quirks, url, station)),))
        return c.WriteSettings((Setting(key, old_address(under_way.at.facts, quirks, url, origin, station)),))

    def _way_back(self, act: Do, facts: Mapping[str, str], origin: SecurityProfile) -> c.Command | None:
        """Back to `origin`, the profile that the leg began on."""
        match act:
            case Do.LOWER_AGAIN:
                return c.RaiseProfile(origin)
            case Do.OLD_SLOT_FIRST:
                return c.PreferSlots(order_without(facts))
            case Do.RESTORE_ORDER:
                return c.PreferSlots(tuple(slot_numbers(facts["order"])))
            case Do.WRITE_SLOT_BACK:
                # What it held is not known (2.0.1 tells nobody): it gets the way that works now.
                return c.WriteSlot(int(facts["slot"]), address_for(self._address.url, origin), origin)
        return None

    def _deliver(self, station: str, facts: Mapping[str, str], quirks: Quirks, *, with_root: bool) -> Prepared:
        delivery = self._enrolment.newest_delivery(station, facts["issued"].split()[-1])
        if delivery is None:
            raise LookupError(f"certificate {facts['issued']} was not asked for by {station}")
        delivery = in_form(replace(delivery, with_root=with_root), quirks)
        command = self.delivery(delivery)
        self._enrolment.sent(delivery, command.chain)
        return Prepared(command, delivery=delivery)

    def _root_pem(self, name: str) -> str:
        return self._authority.authority(name).certificate_pem
