"""What stations ask us, and who finds out: the status of certificates, and whether a token may charge."""

import asyncio

from csms_bridge import events as e
from csms_bridge.answers import Authorization, ContractVerdict, Reply
from csms_bridge.id_tokens import IdTokens, TokenStatus
from csms_bridge.station import OcppVersion
from csms_bridge.status.desk import StatusDesk

_TOKEN_OF = {ContractVerdict.EXPIRED: TokenStatus.EXPIRED}
"""What a contract certificate makes of its token, where that is not `Invalid` (2.x C07.FR.13–.17)."""


class Questions:
    """Answers what the dialects' standing answers cannot."""

    def __init__(self, status: StatusDesk, tokens: IdTokens) -> None:
        self._status = status
        self._tokens = tokens

    async def answer(self, station: str, version: OcppVersion, event: e.Event) -> Reply | None:
        """The answer to an event that is a question, else None."""
        match event:
            case e.CertificateStatusAsked(request):
                return await self._status.fetch(station, request, version)
            case e.CertificateChainStatusAsked(requests):
                return await self._status.standings(station, requests)
            case e.EvCertificateAsked():
                return self._status.contract_certificate()
            case e.AuthorizeAsked():
                return await self._authorize(station, event)
        return None

    async def _authorize(self, station: str, asked: e.AuthorizeAsked) -> Authorization:
        leave = await asyncio.to_thread(self._tokens.ask, asked.token)
        contract = await self._status.contract(station, asked, leave.status is TokenStatus.ACCEPTED)
        if contract is None or contract is ContractVerdict.ACCEPTED:
            return Authorization(leave.status, contract, leave.until)
        return Authorization(_TOKEN_OF.get(contract, TokenStatus.INVALID), contract)
