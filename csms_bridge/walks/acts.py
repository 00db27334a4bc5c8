"""From a step's act to the command that is sent: certificates, slots and secrets are filled in here."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from csms_bridge import commands as c
from csms_bridge.certificate_asks import Delivery
from csms_bridge.enrolment import Enrolment
from csms_bridge.password_book import PasswordBook
from csms_bridge.station import SecurityProfile
from csms_bridge.walks.rows import WalkUnderWay
from csms_bridge.walks.slots import slot_numbers
from csms_bridge.walks.steps import Do
from pki.authority import Authority


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

    def move_to(self, url: str) -> None:
        """Stations are sent to this address from now on."""
        self._address = replace(self._address, url=url)

    def first_facts(self) -> Mapping[str, str]:
        """The facts a walk begins with: the root that stations are to trust for the CSMS."""
        root = self._authority.operator_root("ec")
        return {"csms_root": root.name, "csms_root_serial": root.serial}

    def prepare(self, under_way: WalkUnderWay, act: Do) -> Prepared:
        """The command for `act` at this point of the walk."""
        facts, leg = under_way.at.facts, under_way.walk.steps[under_way.at.index].leg
        match act:
            case Do.SET_PASSWORD:
                id_, password = self._passwords.offer(under_way.station)
                return Prepared(c.SetPassword(password), password=id_)
            case Do.DELIVER | Do.DELIVER_WITH_ROOT:
                return self._deliver(under_way.station, facts, with_root=act is Do.DELIVER_WITH_ROOT)
        return Prepared(self._command(act, facts, leg))

    def delivery(self, delivery: Delivery) -> c.DeliverCertificate:
        """The command that delivers a certificate, in the form that the station took last."""
        chain = delivery.chain + (self._root_pem(delivery.root) if delivery.with_root else "")
        return c.DeliverCertificate(chain, delivery.request_id)

    def introduction(self, *, with_country: bool) -> c.NameOperator:
        """The command that names the operator to a station outside a walk."""
        return c.NameOperator(self._address.organisation, self._address.country if with_country else None)

    def root_above(self, delivery: Delivery) -> c.InstallRoot:
        """The command that has a station trust the root above a certificate that it is about to get."""
        return c.InstallRoot(self._root_pem(delivery.root))

    def _command(self, act: Do, facts: Mapping[str, str], leg: SecurityProfile) -> c.Command:
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
                country = self._address.country if facts.get("country") == "missing" else None
                return c.NameOperator(self._address.organisation, country)
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
                return c.PreferSlots((int(facts["slot"]), int(facts["used"])))
            case Do.RESTART:
                return c.Restart()
        raise LookupError(f"{act} is not a message")

    def _deliver(self, station: str, facts: Mapping[str, str], *, with_root: bool) -> Prepared:
        delivery = self._enrolment.newest_delivery(station, facts["issued"].split()[-1])
        if delivery is None:
            raise LookupError(f"certificate {facts['issued']} was not asked for by {station}")
        delivery = replace(delivery, with_root=with_root)
        command = self.delivery(delivery)
        self._enrolment.sent(delivery, command.chain)
        return Prepared(command, delivery=delivery)

    def _root_pem(self, name: str) -> str:
        return self._authority.authority(name).certificate_pem
