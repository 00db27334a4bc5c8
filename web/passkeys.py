"""Passkeys (WebAuthn Level 2): a key of a person's own that signs what the person agrees to.

A challenge is the SHA-256 of canonical JSON that says what it is about and holds a nonce. So the signature that comes
back is one over exactly that, and stays evidence when nobody remembers the challenge.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from struct import error as struct_error
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import delete, select
from sqlmodel import Session, col
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url, options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from pki.audit import JSON, AuditTrail
from pki.clock import Clock
from pki.store import Store
from web.acts import ConsoleAct
from web.errors import PasskeyRefused, RequestRefused, UnknownPasskey
from web.tables import PasskeyChallengeRow, PasskeyRow

LONGEST_ANSWER = 20_000  # characters of what a browser sends back
_LIFE = timedelta(minutes=5)
_MOST = 20  # passkeys of one person, and challenges that wait for an answer
_ADDING: Mapping[str, JSON] = {"act": "add a passkey"}
# Malformed octets make the library raise more kinds than its own.
_MALFORMED = (
    WebAuthnException, ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError, struct_error,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Passkey:
    """One passkey, without its key. `id` is the credential's, base64url."""

    id: str
    user: str
    name: str
    added_at: datetime
    last_used_at: datetime | None


class Passkeys:
    """The people's passkeys. `origin` is where the console is reached, like https://voltward.example."""

    def __init__(self, store: Store, trail: AuditTrail, origin: str, clock: Clock) -> None:
        self._store = store
        self._trail = trail
        self._clock = clock
        self.origin = origin
        self._site = urlsplit(origin).hostname or ""

    def of(self, user: str | None = None) -> list[Passkey]:
        """Those of one user, or of all, oldest first."""
        query = select(PasskeyRow).order_by(col(PasskeyRow.user), col(PasskeyRow.added_at), col(PasskeyRow.id))
        if user is not None:
            query = query.where(col(PasskeyRow.user) == user)
        with self._store.reading() as session:
            return [_passkey(row) for row in session.execute(query).scalars()]

    def begin_adding(self, user: str) -> dict[str, Any]:
        """What the browser needs to make one (`PublicKeyCredentialCreationOptionsJSON`). Raises RequestRefused."""
        known = self.of(user)
        if len(known) >= _MOST:
            raise RequestRefused("passkey", f"nobody has more than {_MOST} passkeys", "Remove one first.")
        options = generate_registration_options(
            rp_id=self._site, rp_name="Voltward", user_name=user, user_id=sha256(user.encode()).digest(),
            challenge=base64url_to_bytes(self._challenge(user, _ADDING)),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[_descriptor(one.id) for one in known],
        )  # fmt: skip
        return options_to_json_dict(options)

    def add(self, user: str, name: str, answer: str) -> Passkey:
        """Keep what the browser made (`RegistrationResponseJSON`). Raises PasskeyRefused, RequestRefused."""
        if not 0 < len(name.strip()) <= 64 or not name.isprintable():
            raise RequestRefused("name", "a passkey's name is 1 to 64 printable characters")
        credential = _read(answer)
        challenge, _ = self._take(user, credential, _ADDING)
        try:
            made = verify_registration_response(
                credential=credential, expected_challenge=challenge, expected_rp_id=self._site,
                expected_origin=self.origin, require_user_verification=True,
            )  # fmt: skip
        except _MALFORMED as fault:
            raise self._refused(user, fault) from None
        return self._keep(user, name.strip(), bytes_to_base64url(made.credential_id), made)

    def remove(self, passkey_id: str, by: str, reason: str, user: str | None = None) -> None:
        """Forget one; `user` says whose it must be. Raises UnknownPasskey."""
        with self._store.writing() as session:
            row = session.get(PasskeyRow, passkey_id)
            if row is None or user not in (None, row.user):
                raise UnknownPasskey(passkey_id)
            session.delete(row)
            session.flush()
            self._record(session, ConsoleAct.PASSKEY_REMOVED, by, row.user, {"id": row.id, "name": row.name}, reason)

    def challenge(self, user: str, about: Mapping[str, JSON]) -> dict[str, Any]:
        """What the browser needs to have `about` signed (`PublicKeyCredentialRequestOptionsJSON`).

        Raises PasskeyRefused for somebody who has no passkey.
        """
        known = self.of(user)
        if not known:
            raise PasskeyRefused("you have no passkey here", "Add one under your name, at /account.")
        options = generate_authentication_options(
            rp_id=self._site, challenge=base64url_to_bytes(self._challenge(user, about)),
            allow_credentials=[_descriptor(one.id) for one in known],
            user_verification=UserVerificationRequirement.REQUIRED,
        )  # fmt: skip
        return options_to_json_dict(options)

    def prove(self, user: str, about: Mapping[str, JSON], answer: str) -> str:
        """That `user` signed `about` just now: the evidence, as JSON to be kept. Raises PasskeyRefused."""
        credential = _read(answer)
        challenge, signed = self._take(user, credential, about)
        with self._store.writing() as session:
            row = session.get(PasskeyRow, str(credential.get("id")))
            fault: Exception | None = None
            if row is not None and row.user == user:
                try:
                    return self._verified(session, row, credential, challenge, signed)
                except _MALFORMED as wrong:
                    fault = wrong
        raise self._refused(user, fault)

    def forget_ended(self) -> None:
        """Delete challenges that nobody answered."""
        with self._store.writing() as session:
            ended = col(PasskeyChallengeRow.expires_at) <= self._clock()
            session.execute(delete(PasskeyChallengeRow).where(ended))

    def _verified(
        self, session: Session, row: PasskeyRow, credential: Mapping[str, Any], challenge: bytes, signed: str
    ) -> str:
        seen = verify_authentication_response(
            credential=dict(credential), expected_challenge=challenge, expected_rp_id=self._site,
            expected_origin=self.origin, credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count, require_user_verification=True,
        )  # fmt: skip
        row.sign_count, row.last_used_at = seen.new_sign_count, self._clock()
        session.add(row)
        response = credential["response"]
        kept = {name: response[name] for name in ("clientDataJSON", "authenticatorData", "signature")}
        return _canonical({"about": signed, "id": row.id, "public_key": bytes_to_base64url(row.public_key), **kept})

    def _challenge(self, user: str, about: Mapping[str, JSON]) -> str:
        text = _canonical({**about, "user": user, "nonce": secrets.token_hex(16)})
        row = PasskeyChallengeRow(
            challenge=bytes_to_base64url(sha256(text.encode()).digest()), user=user, about=text,
            expires_at=self._clock() + _LIFE,
        )  # fmt: skip
        with self._store.writing() as session:
            mine = col(PasskeyChallengeRow.user) == user
            oldest = select(col(PasskeyChallengeRow.challenge)).where(mine)
            kept = oldest.order_by(col(PasskeyChallengeRow.expires_at).desc()).limit(_MOST - 1)
            session.execute(
                delete(PasskeyChallengeRow).where(mine, col(PasskeyChallengeRow.challenge).not_in(kept)),
                execution_options={"synchronize_session": False},
            )
            session.add(row)
        return row.challenge

    def _take(self, user: str, credential: Mapping[str, Any], about: Mapping[str, JSON]) -> tuple[bytes, str]:
        """The challenge that is answered, which is good for one answer, and what it was about."""
        named = _challenge_in(credential)
        with self._store.writing() as session:
            row = session.get(PasskeyChallengeRow, named, with_for_update=True)
            if row is not None and row.user == user:
                session.delete(row)
        if row is None or row.user != user or row.expires_at <= self._clock():
            raise PasskeyRefused("this was answered before, or too late", "Try again.")
        asked = {**about, "user": user, "nonce": json.loads(row.about)["nonce"]}
        if _canonical(asked) != row.about:
            raise PasskeyRefused("the passkey signed something else than this", "Try again.")
        return base64url_to_bytes(row.challenge), row.about

    def _keep(self, user: str, name: str, passkey_id: str, made: Any) -> Passkey:
        row = PasskeyRow(
            id=passkey_id, user=user, name=name, public_key=made.credential_public_key, sign_count=made.sign_count,
            added_at=self._clock(),
        )  # fmt: skip
        with self._store.writing() as session:
            if session.get(PasskeyRow, passkey_id) is not None:
                raise PasskeyRefused("this passkey is on record already", "Use it, or make another.")
            session.add(row)
            session.flush()
            details: dict[str, JSON] = {"id": passkey_id, "name": name}
            self._record(session, ConsoleAct.PASSKEY_ADDED, f"user:{user}", user, details)
        return _passkey(row)

    def _refused(self, user: str, fault: Exception | None) -> PasskeyRefused:
        """Told to the person in one sentence, and to the trail with what was wrong."""
        why = str(fault)[:200] if isinstance(fault, WebAuthnException) else ""
        with self._store.writing() as session:
            self._record(session, ConsoleAct.PASSKEY_REFUSED, f"user:{user}", user, {"why": why})
        return PasskeyRefused(
            "the passkey's answer does not hold", f"Open the console at {self.origin}, and try again with your passkey."
        )

    def _record(
        self, session: Session, act: ConsoleAct, by: str, user: str, details: dict[str, JSON], reason: str = ""
    ) -> None:
        self._trail.record(
            session, act, by=by, kind="user", thing=user, reason=reason, details=details, now=self._clock()
        )


def _read(answer: str) -> dict[str, Any]:
    try:
        found = json.loads(answer) if len(answer) <= LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise PasskeyRefused("the browser sent no passkey's answer", "Try again.")
    return found


def _challenge_in(credential: Mapping[str, Any]) -> str:
    """The challenge that the answer names; only what it signed counts later."""
    try:
        told = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        return str(told["challenge"])[:100]
    except _MALFORMED:
        raise PasskeyRefused("the browser sent no passkey's answer", "Try again.") from None


def _canonical(value: Mapping[str, JSON]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _descriptor(passkey_id: str) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(id=base64url_to_bytes(passkey_id))


def _passkey(row: PasskeyRow) -> Passkey:
    return Passkey(row.id, row.user, row.name, row.added_at, row.last_used_at)
