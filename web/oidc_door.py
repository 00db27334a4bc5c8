"""Tokens of CI systems at the door: from the text to a principal, and each for one image only."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlmodel import col

from csms_bridge.status.fetcher import Fetcher
from csms_bridge.status.targets import AllowList
from pki.firmware_orders import FirmwareOrder
from pki.secret_text import Secret
from pki.store import Store, hold_lock
from web.errors import TokenRefused
from web.oidc import OidcIssuer, Unread, believe
from web.oidc_keys import IssuerKeys
from web.permissions import Principal, Role, TokenUse
from web.tables import OidcUseRow

_PATIENCE = 10.0  # seconds
_PER_MINUTE = 600
_GRACE = timedelta(minutes=5)  # beyond the token's end, for clocks that differ


class OidcDoor:
    """Knows the issuers that are believed."""

    def __init__(
        self,
        store: Store,
        issuers: Sequence[OidcIssuer],
        hosts: Sequence[str],
        clock: Callable[[], datetime],
        keys: IssuerKeys | None = None,
    ) -> None:
        allowed = AllowList.of(hosts)
        self._store = store
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._clock = clock
        self._keys = keys or IssuerKeys(
            lambda: Fetcher(allowed, clock, patience=_PATIENCE, per_minute=_PER_MINUTE), clock
        )

    def takes(self, token: Secret) -> bool:
        """Whether this looks like a token of an issuer rather than one of ours."""
        return bool(self._issuers) and token.reveal.count(b".") == 2

    def principal(self, token: Secret) -> Principal:
        """Who shows it. Raises TokenRefused, ClaimsRefused, IssuerAway."""
        unread = Unread.of(token.text())
        issuer = self._issuers.get(unread.issuer)
        if issuer is None:
            raise TokenRefused(f"tokens of the issuer {unread.issuer[:200]!r} are not believed here")
        found = believe(unread, issuer, self._keys.of(issuer, unread.key_id), self._clock())
        use = TokenUse(found.issuer, found.jti, found.expires_at)
        return Principal(found.name, Role.CI, release=(found.rule.vendor, found.rule.model), use=use)

    def claim(self, use: TokenUse, order: FirmwareOrder) -> None:
        """Bind a token to this image; asking for the same again is no replay. Raises TokenRefused."""
        about = hashlib.sha256(json.dumps([order.release, order.digest.hex()]).encode()).hexdigest()
        with self._store.writing() as session:
            hold_lock(session, f"oidc:{use.jti}")
            row = session.get(OidcUseRow, (use.issuer, use.jti))
            if row is None:
                expires_at = use.expires_at + _GRACE
                session.add(OidcUseRow(issuer=use.issuer, jti=use.jti, about=about, expires_at=expires_at))
            elif row.about != about:
                raise TokenRefused("this token was used already, for another image", "Get a fresh one from the CI.")

    def forget_ended(self) -> None:
        """Delete what no token can come back to."""
        with self._store.writing() as session:
            session.execute(delete(OidcUseRow).where(col(OidcUseRow.expires_at) <= self._clock()))
