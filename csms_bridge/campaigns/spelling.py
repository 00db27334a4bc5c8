"""A campaign's words as JSON in its row, and back again. Spans are seconds, moments RFC 3339."""

import json
from datetime import datetime, timedelta
from typing import Any

from csms_bridge.campaigns.words import Goal, Kind, OutcomeKind, Pace, Retry, Selection, size_of
from csms_bridge.station import OcppVersion

_SPANS = ("target_within", "absent_for", "until", "offline_for")
_OF_FIRMWARE = ("release", "location", "ocpp")
_NUMBERS = ("growth", "in_flight", "errors", "success", "site_share", "at_any_hour")


def goal_text(goal: Goal) -> str:
    """The column of a goal."""
    told = {"kind": goal.kind.value, "to": goal.to, "root": goal.root, "restart": goal.restart}
    firmware = {name: getattr(goal, name) for name in _OF_FIRMWARE if getattr(goal, name)}
    return json.dumps({**told, "only_ready": goal.only_ready, **firmware})


def goal_of(text: str) -> Goal:
    """The goal of a column."""
    read = json.loads(text)
    # Campaigns that were made before readiness, or firmware, was there say nothing of it.
    firmware = {name: read.get(name, "") for name in _OF_FIRMWARE}
    ready = read.get("only_ready", False)
    return Goal(Kind(read["kind"]), read["to"], read["root"], read["restart"], ready, **firmware)


def selection_text(selection: Selection) -> str:
    """The column of a selection."""
    return json.dumps(selection_fields(selection))


def selection_fields(selection: Selection) -> dict[str, Any]:
    """A selection's fields, each as JSON can hold it."""
    before = selection.expires_before
    return {
        "vendor": selection.vendor,
        "model": selection.model,
        "site": selection.site,
        "tag": selection.tag,
        "profile": selection.profile,
        "ocpp_version": selection.ocpp_version.value if selection.ocpp_version else None,
        "firmware": selection.firmware,
        "expires_before": before.isoformat() if before else None,
        "stations": list(selection.stations),
        "everything": selection.everything,
    }


def selection_of(text: str) -> Selection:
    """The selection of a column."""
    read = json.loads(text)
    version, before = read["ocpp_version"], read["expires_before"]
    return Selection(
        **read
        | {
            "ocpp_version": OcppVersion(version) if version else None,
            "expires_before": datetime.fromisoformat(before) if before else None,
            "stations": tuple(read["stations"]),
        }
    )


def pace_text(pace: Pace) -> str:
    """The column of a pace."""
    return json.dumps(pace_fields(pace))


def pace_fields(pace: Pace) -> dict[str, Any]:
    """A pace's fields, each as JSON can hold it."""
    retries = {
        kind.value: {"times": retry.times, "after": retry.after.total_seconds()} for kind, retry in pace.retries.items()
    }
    return {
        "waves": [str(size) for size in pace.waves],
        "wave_within": pace.wave_within.total_seconds() if pace.wave_within is not None else None,
        "retries": retries,
        **{name: getattr(pace, name) for name in _NUMBERS},
        **{name: getattr(pace, name).total_seconds() for name in _SPANS},
    }


def pace_of(text: str) -> Pace:
    """The pace of a column."""
    read = json.loads(text)
    within = read["wave_within"]
    return Pace(
        waves=tuple(size_of(size) for size in read["waves"]),
        wave_within=timedelta(seconds=within) if within is not None else None,
        retries={
            OutcomeKind(kind): Retry(retry["times"], timedelta(seconds=retry["after"]))
            for kind, retry in read["retries"].items()
        },
        **{name: read[name] for name in _NUMBERS},
        target_within=timedelta(seconds=read["target_within"]),
        absent_for=timedelta(seconds=read["absent_for"]),
        until=timedelta(seconds=read["until"]),
        offline_for=timedelta(seconds=read["offline_for"]),
    )
