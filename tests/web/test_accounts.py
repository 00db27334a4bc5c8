from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from pki.audit import AuditTrail
from pki.secret_text import Secret
from pki.store import Store
from web.accounts import Accounts
from web.errors import NotSignedIn, RequestRefused, UnknownToken, UnknownUser, UserExists
from web.permissions import Role
from web.schema import migrate
from web.tables import TokenRow, UserRow

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class World:
    """Accounts over an empty database, with a clock that stands still until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.now = START
        self.store = Store(f"sqlite:///{folder / 'accounts.db'}")
        self.trail = AuditTrail(bytes(32), "main")
        migrate(self.store)
        self.accounts = Accounts(self.store, self.trail, timedelta(hours=12), lambda: self.now)

    def acts(self) -> list[str]:
        with self.store.reading() as session:
            return [record.act for record in self.trail.records(session)]


@pytest.fixture
def world(tmp_path: Path):  # type: ignore[no-untyped-def]
    world = World(tmp_path)
    yield world
    world.store.close()


def test_a_made_password_signs_in(world: World) -> None:
    user, password = world.accounts.add_user("ada", Role.OPERATOR, "operator")
    session = world.accounts.sign_in("ada", password, "127.0.0.1")
    principal = world.accounts.of_session(session)
    assert (user.name, principal.name, principal.role) == ("ada", "user:ada", Role.OPERATOR)
    assert world.acts() == ["user:added", "user:signed-in"]


@pytest.mark.usefixtures("as_shipped")
def test_passwords_and_tokens_are_not_in_the_database(world: World) -> None:
    _, password = world.accounts.add_user("ada", Role.ADMIN, "operator")
    _, text = world.accounts.make_token("ci", Role.CI, "user:ada")
    with world.store.reading() as session:
        assert session.exec(select(UserRow)).one().password_hash.startswith("$argon2id$v=19$m=65536,t=3,")
        assert text.text() not in repr(session.exec(select(TokenRow)).one())
    assert password.text() not in repr(world.accounts.users())


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_does_not_tell_a_wrong_name_from_a_wrong_password(world: World, name: str) -> None:
    world.accounts.add_user("ada", Role.ADMIN, "operator")
    with pytest.raises(NotSignedIn, match="user name or the password is wrong"):
        world.accounts.sign_in(name, Secret.of("wrong"), "127.0.0.1")
    assert world.acts()[-1] == "user:sign-in-failed"


def test_a_name_that_is_no_users_is_not_written_down(world: World) -> None:
    with pytest.raises(NotSignedIn):
        world.accounts.sign_in("my-password-by-mistake", Secret.of("x"), "127.0.0.1")
    with world.store.reading() as session:
        assert world.trail.records(session)[0].thing == ""


def test_a_session_ends_in_time_and_by_signing_out(world: World) -> None:
    _, password = world.accounts.add_user("ada", Role.ADMIN, "operator")
    left = world.accounts.sign_in("ada", password, "")
    forgotten = world.accounts.sign_in("ada", password, "")
    world.accounts.sign_out(left)
    with pytest.raises(NotSignedIn):
        world.accounts.of_session(left)
    world.now += timedelta(hours=12)
    with pytest.raises(NotSignedIn):
        world.accounts.of_session(forgotten)
    world.accounts.forget_ended_sessions()


def test_a_disabled_user_is_out_at_once(world: World) -> None:
    world.accounts.add_user("root", Role.ADMIN, "operator")
    _, password = world.accounts.add_user("ada", Role.OPERATOR, "operator")
    session = world.accounts.sign_in("ada", password, "")
    assert world.accounts.disable_user("ada", "user:root", "left the company").disabled_at == START
    with pytest.raises(NotSignedIn):
        world.accounts.of_session(session)
    with pytest.raises(NotSignedIn):
        world.accounts.sign_in("ada", password, "")


def test_the_last_admin_cannot_be_disabled(world: World) -> None:
    world.accounts.add_user("ada", Role.ADMIN, "operator")
    with pytest.raises(RequestRefused, match="last admin"):
        world.accounts.disable_user("ada", "operator", "oops")


def test_a_new_password_ends_the_sessions(world: World) -> None:
    _, password = world.accounts.add_user("ada", Role.ADMIN, "operator")
    session = world.accounts.sign_in("ada", password, "")
    world.accounts.set_password("ada", "user:ada", Secret.of("another long password"))
    with pytest.raises(NotSignedIn):
        world.accounts.of_session(session)
    assert world.accounts.sign_in("ada", Secret.of("another long password"), "")


def test_refuses_names_and_passwords_that_are_no_good(world: World) -> None:
    with pytest.raises(RequestRefused):
        world.accounts.add_user("No Such Name", Role.ADMIN, "operator")
    with pytest.raises(RequestRefused, match="12 characters"):
        world.accounts.add_user("ada", Role.ADMIN, "operator", Secret.of("short"))
    world.accounts.add_user("ada", Role.ADMIN, "operator")
    with pytest.raises(UserExists):
        world.accounts.add_user("ada", Role.ADMIN, "operator")
    with pytest.raises(UnknownUser):
        world.accounts.disable_user("bob", "operator", "")


def test_a_token_is_good_until_it_is_revoked(world: World) -> None:
    made, text = world.accounts.make_token("build server", Role.CI, "user:ada")
    assert text.text().startswith("vw_")
    assert world.accounts.of_token(text).name == "token:build server"
    world.accounts.revoke_token(made.id, "user:ada", "leaked")
    with pytest.raises(NotSignedIn):
        world.accounts.of_token(text)
    assert world.acts() == ["token:made", "token:revoked"]
    with pytest.raises(UnknownToken):
        world.accounts.revoke_token("none", "user:ada", "")


def test_last_use_is_noted_once_a_minute_at_most(world: World) -> None:
    _, text = world.accounts.make_token("ci", Role.CI, "user:ada")
    world.accounts.of_token(text)
    world.now += timedelta(seconds=30)
    world.accounts.of_token(text)
    assert world.accounts.tokens()[0].last_used_at == START
    world.now += timedelta(seconds=31)
    world.accounts.of_token(text)
    assert world.accounts.tokens()[0].last_used_at == world.now
