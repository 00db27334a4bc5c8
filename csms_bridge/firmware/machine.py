"""What is seen of an update moves it on (L01, L02; reference §5.3). Pure: progress, sight, facts and time in.

Stations tell their statuses late, twice, out of order, or not at all; some install from a boot loader that speaks no
OCPP, some never say Installed (station-quirks 10). So a status moves an update forward only, and what counts in the end
is no status: it is done when the station reports the version *and* stays connected for a while.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from csms_bridge.events import FirmwareStatus
from csms_bridge.firmware.states import (
    UNPROVED,
    Answered,
    Ask,
    CancelSent,
    Cause,
    Facts,
    GivenUp,
    Look,
    Next,
    NotGivenUp,
    Patience,
    Progress,
    Reply,
    Seen,
    Sent,
    Told,
    UpdateState,
)
from csms_bridge.quirks.versions import version_key

S = UpdateState
_RANK: Mapping[UpdateState, int] = {state: rank for rank, state in enumerate(UpdateState)}
_ONWARD: Mapping[FirmwareStatus, UpdateState] = {
    FirmwareStatus.DOWNLOAD_SCHEDULED: S.DOWNLOAD_SCHEDULED,
    FirmwareStatus.DOWNLOADING: S.DOWNLOADING,
    FirmwareStatus.DOWNLOAD_PAUSED: S.DOWNLOADING,
    FirmwareStatus.DOWNLOADED: S.DOWNLOADED,
    FirmwareStatus.SIGNATURE_VERIFIED: S.VERIFIED,
    FirmwareStatus.INSTALL_SCHEDULED: S.INSTALL_SCHEDULED,
    FirmwareStatus.INSTALLING: S.INSTALLING,
    FirmwareStatus.INSTALL_REBOOTING: S.REBOOTING,
    FirmwareStatus.INSTALLED: S.INSTALLED,
}
_FAILURES: Mapping[FirmwareStatus, tuple[Cause, str]] = {
    FirmwareStatus.DOWNLOAD_FAILED: (Cause.DOWNLOAD_FAILED, "it could not download the image"),
    FirmwareStatus.INVALID_SIGNATURE: (Cause.INVALID_SIGNATURE, "it takes the image's signature for wrong"),
    FirmwareStatus.INSTALL_VERIFICATION_FAILED: (Cause.VERIFICATION_FAILED, "it found fault with the image"),
    FirmwareStatus.INSTALLATION_FAILED: (Cause.INSTALLATION_FAILED, "it could not install the image"),
}
_REPLIES: Mapping[Reply, tuple[Cause, str]] = {
    Reply.REFUSED: (Cause.REFUSED, "the station refused it"),
    Reply.INVALID_CERTIFICATE: (
        Cause.INVALID_CERTIFICATE,
        "no root on the station vouches for the signing certificate",
    ),
    Reply.REVOKED_CERTIFICATE: (Cause.REVOKED_CERTIFICATE, "the station takes the signing certificate for revoked"),
    Reply.UNSENT: (Cause.NOT_SENT, "it was not sent"),
}
_OLD_WORDS: Mapping[str, tuple[Cause, str]] = {
    "InvalidCertificate": _REPLIES[Reply.INVALID_CERTIFICATE],
    "RevokedCertificate": _REPLIES[Reply.REVOKED_CERTIFICATE],
}
"""Statuses of firmware made before the white paper's second edition (reference §3.10)."""
_MOST_ASKED = 3
_NOTHING_ON = "it says that no update is going on"


def same_version(one: str, other: str) -> bool:
    """Whether two spellings mean the same version; makers write it one way and stations tell it another."""
    if one.strip().casefold() == other.strip().casefold():
        return True
    key = version_key(one)
    return key is not None and key == version_key(other)


def advance(at: Progress, seen: Seen, facts: Facts, now: datetime, patience: Patience) -> Next:
    """Where the update stands then. What it cannot be about changes nothing."""
    match seen:
        case Sent():
            return Next(_to(at, S.ASKED, now) if at.state is S.QUEUED else at)
        case Answered(reply, words):
            return Next(_answered(at, reply, words, now))
        case Told():
            told = _told(at, seen, now)
            return _look(told, facts, now, patience) if told.is_open else Next(told)
        case CancelSent():
            return Next(replace(at, cancelling=True) if at.is_open else at)
        case GivenUp(by_us, reason):
            ended = S.CANCELLED if by_us else S.REPLACED
            return Next(_to(at, ended, now, reason=reason) if at.is_open else at)
        case NotGivenUp(reason):
            return Next(replace(at, cancelling=False, reason=reason) if at.is_open else at)
        case Look():
            return _look(at, facts, now, patience)


# --- answers


def _answered(at: Progress, reply: Reply, words: str, now: datetime) -> Progress:
    """A status may come before the answer (station-quirks 22): then the answer is no news any more."""
    if at.state not in (S.QUEUED, S.ASKED):
        return at
    if reply is Reply.ACCEPTED:
        return _to(at, S.ACCEPTED, now)
    if reply is Reply.SILENT:
        return replace(at, state=S.ASKED, reason="no answer came; it may update all the same")
    cause, sentence = _REPLIES[reply]
    return _failed(at, cause, f"{sentence}: {words}" if words else sentence, now)


# --- statuses


def _told(at: Progress, told: Told, now: datetime) -> Progress:
    if not _is_about(at, told):
        return at
    if not at.is_open:
        return _told_after_end(at, told, now)
    if at.cancelling and told.status in _FAILURES:
        return _to(at, S.CANCELLED, now, reason="the station gave it up")
    word = told.status.value if told.status else told.words.partition(":")[0]
    verified = at.verified or told.status is FirmwareStatus.SIGNATURE_VERIFIED
    reason = "" if at.reason == _NOTHING_ON else at.reason
    at = replace(at, told=word, told_at=now, verified=verified, asked=0, reason=reason)
    if told.status is not None and told.status in _FAILURES:
        return _told_failure(at, *_FAILURES[told.status], told, now)
    if told.status is FirmwareStatus.IDLE:
        return _idle(at, now)
    if told.status is None:
        known = _OLD_WORDS.get(word)
        return _failed(at, known[0], known[1], now) if known and _RANK[at.state] < _RANK[S.INSTALLED] else at
    onward = _ONWARD[told.status]
    if told.status is FirmwareStatus.DOWNLOADING and at.state is S.DOWNLOADING:
        return replace(at, failing_at=None)
    return _to(at, onward, now) if _RANK[onward] > _RANK[at.state] else at


def _is_about(at: Progress, told: Told) -> bool:
    """By the request's id. Plain updates of 1.6 name none, and a triggered Idle does not either."""
    if told.request_id is None:
        return not at.signed or told.status is FirmwareStatus.IDLE or told.status is None
    return told.request_id == at.request_id


def _told_failure(at: Progress, cause: Cause, sentence: str, told: Told, now: datetime) -> Progress:
    """The end, unless it is late: a station that says Installed, or shows the version, has got over it."""
    if _RANK[at.state] >= _RANK[S.INSTALLED]:
        return at
    if cause is Cause.DOWNLOAD_FAILED and _RANK[at.state] > _RANK[S.DOWNLOADING]:
        return at  # of a try before the one that came through
    if cause is Cause.DOWNLOAD_FAILED and at.retry_for:
        return replace(at, state=S.DOWNLOADING, failing_at=at.failing_at or now)
    return _failed(at, cause, f"{sentence}: {told.words}" if told.words else sentence, now)


def _told_after_end(at: Progress, told: Told, now: datetime) -> Progress:
    """A download that was tried again after all is under way again; everything else was said before."""
    onward = _ONWARD.get(told.status) if told.status is not None else None
    if at.cause is not Cause.DOWNLOAD_FAILED or told.status is None or onward in (None, S.DOWNLOAD_SCHEDULED):
        return at
    return _to(replace(at, told=told.status.value, told_at=now), onward or at.state, now)


def _idle(at: Progress, now: datetime) -> Progress:
    """Nothing is going on, it says: true after the end, and a reason to look closer before it (§5.3)."""
    if _RANK[at.state] < _RANK[S.DOWNLOADING] or _RANK[at.state] >= _RANK[S.INSTALLED]:
        return at
    return replace(at, reason=_NOTHING_ON)


# --- time and facts


def _look(at: Progress, facts: Facts, now: datetime, patience: Patience) -> Next:
    at = _with_version(at, facts, now)
    if not at.is_open or at.state is S.QUEUED:
        return Next(at)
    if at.state is S.CONFIRMING:
        return Next(_confirm(at, facts, now, patience))
    if at.failing_at is not None and now >= at.failing_at + at.retry_for:
        return Next(_failed(at, Cause.DOWNLOAD_FAILED, "it could not download the image, however often", now))
    if not facts.online:
        away = facts.last_seen is not None and now >= max(facts.last_seen, at.since) + patience.return_within
        words = f"it has been away for {_spell(patience.return_within)} in the middle of it"
        return Next(_failed(at, Cause.NO_RETURN, words, now) if away else at)
    return _connected(at, facts, now, patience)


def _with_version(at: Progress, facts: Facts, now: datetime) -> Progress:
    """What the station has reported since it was asked."""
    if at.state is S.QUEUED or facts.booted_at is None or facts.booted_at <= (at.sent_at or at.since):
        return at
    runs = same_version(facts.version, at.version)
    if at.state in (S.DONE, S.CANCELLED, S.REPLACED):
        return at
    if at.state is S.FAILED:
        if runs and at.cause in UNPROVED and not _was_there(at):
            return _to(replace(at, seen=facts.version), S.CONFIRMING, now)
        return at
    at = replace(at, seen=facts.version)
    if at.state is S.CONFIRMING:
        return at
    # The same version once more proves nothing until the station says that it installed.
    if runs and (not _was_there(at) or at.state is S.INSTALLED):
        return _to(at, S.CONFIRMING, now)
    return at


def _confirm(at: Progress, facts: Facts, now: datetime, patience: Patience) -> Progress:
    """Connected, without a break, for as long as was set."""
    if not same_version(facts.version, at.version):
        return _failed(at, Cause.FELL_BACK, f"it ran {at.version}, and runs {facts.version} again", now)
    if not facts.online or facts.connected_at is None:
        at = replace(at, steady_since=None)
        left = facts.last_seen or at.since
        if now >= max(left, at.since) + patience.return_within:
            words = f"it ran {at.version} and has been away for {_spell(patience.return_within)}"
            return _failed(at, Cause.NO_RETURN, words, now)
        return at
    since = max(facts.connected_at, at.since)
    at = replace(at, steady_since=since)
    if now < since + patience.steady:
        return at
    unsaid = "" if at.verified or not at.signed else "it never said that it verified the signature"
    return _to(at, S.DONE, now, reason=unsaid)


def _connected(at: Progress, facts: Facts, now: datetime, patience: Patience) -> Next:
    """Connected, in the middle: it may have forgotten to say something."""
    begun = max(at.since, at.not_before or at.since, facts.connected_at or at.since)
    if at.state is S.INSTALLED:
        if now >= begun + patience.version_within:
            words = f"it says Installed and reports {at.seen or facts.version or 'no version'}, not {at.version}"
            return Next(_failed(at, Cause.WRONG_VERSION, words, now))
        return _ask(at, (Ask.VERSION,), now, begun, min(patience.silence, patience.version_within / 4))
    if at.reason == _NOTHING_ON and at.told_at is not None and now >= at.told_at + patience.silence:
        return Next(_failed(at, Cause.GAVE_UP, f"{at.reason}, and it runs {facts.version}", now))
    if now >= begun + patience.end_within:
        words = f"it came to no end within {_spell(patience.end_within)}; its last word was {at.told or 'none'}"
        return Next(_failed(at, Cause.LATE, words, now))
    last = max(begun, at.told_at or begun)
    asks = (Ask.STATUS, Ask.VERSION) if _RANK[at.state] >= _RANK[S.VERIFIED] else (Ask.STATUS,)
    return _ask(at, asks, now, last, patience.silence)


def _ask(at: Progress, asks: tuple[Ask, ...], now: datetime, since: datetime, after: timedelta) -> Next:
    """Ask after some silence, a few times."""
    last = max(since, at.asked_at or since)
    if at.asked >= _MOST_ASKED or now < last + after:
        return Next(at)
    return Next(replace(at, asked_at=now, asked=at.asked + 1), asks)


# --- small parts


def _was_there(at: Progress) -> bool:
    return same_version(at.before, at.version)


def _to(at: Progress, state: UpdateState, now: datetime, *, reason: str = "") -> Progress:
    sent = now if state is S.ASKED else at.sent_at
    return replace(at, state=state, since=now, cause=None, reason=reason, asked=0, failing_at=None, sent_at=sent)


def _failed(at: Progress, cause: Cause, reason: str, now: datetime) -> Progress:
    return replace(at, state=S.FAILED, since=now, cause=cause, reason=reason, failing_at=None)


def _spell(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
