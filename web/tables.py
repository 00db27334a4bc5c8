"""The web side's rows. Passwords are argon2id hashes, tokens SHA-256 digests; no secret lies here in clear."""

from datetime import datetime

from sqlalchemy import LargeBinary, Text
from sqlmodel import Field, SQLModel

from pki.store import UtcDateTime


class UserRow(SQLModel, table=True):
    """A person who may sign in to the console."""

    __tablename__ = "users"

    name: str = Field(primary_key=True)
    password_hash: str
    role: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_sign_in: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SessionRow(SQLModel, table=True):
    """One browser that is signed in; the cookie holds the token, we hold its SHA-256 in hex."""

    __tablename__ = "sessions"

    token_sha256: str = Field(primary_key=True)
    user: str = Field(foreign_key="users.name", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class TokenRow(SQLModel, table=True):
    """An API token; whoever made it has seen it once, we hold its SHA-256 in hex."""

    __tablename__ = "api_tokens"

    id: str = Field(primary_key=True)
    token_sha256: str = Field(unique=True)
    name: str
    role: str
    created_by: str
    owner: str = ""  # the person behind it; a token that a token made belongs to the same one
    created_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OidcUseRow(SQLModel, table=True):
    """A CI system's token that had something signed: `about` is the SHA-256 of which image it was."""

    __tablename__ = "oidc_uses"

    issuer: str = Field(primary_key=True)
    jti: str = Field(primary_key=True)
    about: str
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class PasskeyRow(SQLModel, table=True):
    """A person's passkey: what it is called there and here, and its public key (COSE, RFC 9052)."""

    __tablename__ = "passkeys"

    id: str = Field(primary_key=True, max_length=1400)  # the credential's id, base64url
    user: str = Field(foreign_key="users.name", index=True)
    name: str
    public_key: bytes = Field(sa_type=LargeBinary)
    sign_count: int
    added_at: datetime = Field(sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PasskeyChallengeRow(SQLModel, table=True):
    """What somebody is asked to sign with a passkey: a digest over `about`. Taken away when it is answered."""

    __tablename__ = "passkey_challenges"

    challenge: str = Field(primary_key=True)  # SHA-256 over `about`, base64url
    user: str = Field(index=True)
    about: str = Field(sa_type=Text)  # canonical JSON
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)


class IdempotencyRow(SQLModel, table=True):
    """One POST that came with an Idempotency-Key, and its answer once there is one.

    `answer` is sealed (AES-256-GCM): it may hold a password or a token that is shown only once.
    """

    __tablename__ = "idempotency_keys"

    principal: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_sha256: str
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    answer: bytes | None = Field(default=None, sa_type=LargeBinary)
