"""Where in the console one sees what an alarm is about."""

from urllib.parse import quote, urlencode

from pki.alarms import AlarmKind

_OF_A_STATION = (
    AlarmKind.MIGRATION_FAILED, AlarmKind.CERTIFICATE_TURNED_DOWN, AlarmKind.CERTIFICATE_REQUESTS,
    AlarmKind.CERTIFICATE_KEYS, AlarmKind.CERTIFICATE_UNUSED, AlarmKind.WEAK_KEY,
)  # fmt: skip


def console_path(kind: str, thing: str) -> str:
    """The path of a page."""
    if kind == AlarmKind.CERTIFICATES_ENDING:  # its thing is `2026-W50 14d`
        return "/certificates?" + urlencode({"week": thing.split(" ")[0], "in_use": "true"})
    if kind == AlarmKind.AUTHORITY_ENDING:
        return "/certificates/forecast"
    if kind == AlarmKind.SECURITY_EVENT:  # its thing is `CS-1 TamperDetectionActivated`, or the type alone
        station, _, event = thing.rpartition(" ")
        return "/events?" + urlencode({"type": event, "station": station} if station else {"type": event})
    if kind == AlarmKind.UNKNOWN_ROOT:  # its thing begins with the station, which may hold blanks
        return "/stations?" + urlencode({"search": thing.split(" ")[0]})
    if kind == AlarmKind.WEAK_KEY and thing.startswith("the certificate "):
        return f"/certificates/{quote(thing.removeprefix('the certificate '), safe='')}"
    if kind in _OF_A_STATION:  # its thing is the station
        return f"/stations/{quote(thing, safe='')}"
    if kind == AlarmKind.LINE_CONTESTED:  # its thing is the station
        return f"/stations/{quote(thing, safe='')}"
    if kind in (AlarmKind.RECOVERY_WAITING, AlarmKind.RECOVERY_CONTESTED):  # its thing is the station
        return f"/stations/{quote(thing, safe='')}#lanes"
    if kind == AlarmKind.PROOF_OF_ANOTHER:  # its thing is what was shown, or the station when a maker vouched for it
        is_serial = len(thing) >= 16 and set(thing) <= set("0123456789abcdef")
        return f"/certificates/{thing}" if is_serial else f"/stations/{quote(thing, safe='')}"
    if kind == AlarmKind.ROLLOVER_HINDERED:  # its thing is the plan
        return f"/trust/plans/{quote(thing, safe='')}"
    if kind == AlarmKind.RENEWALS_FAILING:
        return "/renewals?state=failed"
    if kind == AlarmKind.CAMPAIGN_PAUSED:  # its thing is the campaign, and which of its pauses
        return f"/campaigns/{quote(thing.split(' ')[0], safe='')}"
    return "/alarms"
