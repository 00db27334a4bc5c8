"""Where sessions bring certificate requests: what many stations ask at the same time is done together."""

from csms_bridge.certificate_asks import Ask, Delivery, Receipt, Settled, as_sent, as_taken
from csms_bridge.enrolment import Enrolment
from csms_bridge.events import CertificateAsked
from csms_bridge.lots import Lots
from csms_bridge.station import SecurityProfile


class EnrolmentCounter:
    """`Enrolment` for the event loop, in lots."""

    def __init__(self, enrolment: Enrolment) -> None:
        self._asks: Lots[Ask, Receipt] = Lots(enrolment.ask_each)
        self._signing: Lots[str, list[Delivery | Receipt]] = Lots(enrolment.sign_each)
        self._settling: Lots[Settled, None] = Lots(enrolment.settle_each)

    async def ask(self, station: str, asked: CertificateAsked, profile: SecurityProfile) -> Receipt:
        """See `Enrolment.ask`."""
        return await self._asks.ask(Ask(station, asked, profile))

    async def sign_waiting(self, station: str) -> list[Delivery | Receipt]:
        """See `Enrolment.sign_waiting`."""
        return await self._signing.ask(station)

    async def sent(self, delivery: Delivery) -> None:
        """See `Enrolment.sent`."""
        await self._settling.ask(as_sent(delivery))

    async def taken(self, delivery: Delivery) -> None:
        """See `Enrolment.taken`."""
        await self._settling.ask(as_taken(delivery))
