"""Whom a campaign is about, and who is left out and why, as conditions of the database: no row is loaded for it."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, case, exists, literal, or_, select, true, tuple_
from sqlmodel import col

from csms_bridge.arrivals import ACTIVE_WALKS
from csms_bridge.campaigns.rows import CampaignRow, CampaignTargetRow
from csms_bridge.campaigns.words import ACTIVE, OPEN, Selection
from csms_bridge.tables import StationRow, WalkRow
from pki.tables import CertificateRow

Condition = ColumnElement[bool]
Model = tuple[str, str, str]
"""Vendor, model and firmware, as the station told them when it booted."""


class Exclusion(StrEnum):
    """Why a station is left out; the value stands in its row."""

    OTHER_CAMPAIGN = "another campaign has it"
    NEVER_SEEN = "it has never connected"
    THERE = "it is there already"
    QUIET = "it is quiet: nothing is sent to it unasked"
    LANE = "it is let in as Pending only"
    HELD = "it is on hold"
    WALKING = "a walk of it is under way"
    UNFIT = "it cannot: it is on another profile"
    UNLISTED = "it has not listed its certificates"
    MODEL = "its model cannot"
    BLOCKED = "a walk of it is known to lead nowhere"
    OFFLINE = "it has been offline for long"


@dataclass(frozen=True, slots=True)
class Rule:
    """A station that meets the condition is left out for this reason; `words` say it more closely."""

    why: Exclusion
    condition: Condition
    words: str = ""


def chosen(selection: Selection) -> list[Condition]:
    """The stations of a selection. Names compare without regard to case."""
    found: list[Condition] = []
    for column, value in (
        (StationRow.vendor, selection.vendor),
        (StationRow.model, selection.model),
        (StationRow.firmware, selection.firmware),
    ):
        if value:
            found.append(col(column).ilike(_literally(value), escape="\\"))
    if selection.site:
        found.append(col(StationRow.site) == selection.site)
    if selection.tag:
        found.append(has_tag(selection.tag))
    if selection.profile is not None:
        found.append(col(StationRow.profile) == selection.profile)
    if selection.ocpp_version is not None:
        found.append(col(StationRow.ocpp_version) == selection.ocpp_version.value)
    if selection.expires_before is not None:
        used = col(CertificateRow.serial) == col(StationRow.certificate_serial)
        found.append(exists().where(used, col(CertificateRow.not_after) < selection.expires_before))
    if selection.stations:
        found.append(col(StationRow.id).in_(selection.stations))
    return found or [true()]


def has_tag(tag: str) -> Condition:
    """A JSON list of texts holds the tag as JSON spells it, quotes and all, and nothing else can look like that."""
    return col(StationRow.tags).icontains(json.dumps(tag), autoescape=True)


def common_rules(campaign: str, offline_since: datetime, bad_models: Collection[Model]) -> list[Rule]:
    """What leaves a station out of any campaign. A kind's own rules go in after the first two."""
    away = (col(StationRow.online).is_(False), col(StationRow.last_seen) < offline_since)
    rules = [
        Rule(Exclusion.OTHER_CAMPAIGN, in_another(campaign)),
        Rule(Exclusion.NEVER_SEEN, or_(col(StationRow.last_seen).is_(None), col(StationRow.ocpp_version).is_(None))),
        Rule(Exclusion.QUIET, col(StationRow.quiet).is_(True)),
        Rule(Exclusion.LANE, col(StationRow.lane) != ""),
        Rule(Exclusion.HELD, col(StationRow.hold).is_not(None)),
        Rule(Exclusion.WALKING, walking()),
        Rule(Exclusion.OFFLINE, away[0] & away[1]),
    ]
    if bad_models:
        models = tuple_(col(StationRow.vendor), col(StationRow.model), col(StationRow.firmware)).in_(list(bad_models))
        rules.append(Rule(Exclusion.MODEL, models))
    return rules


def walking() -> Condition:
    """Whether a walk is under way or on hold."""
    return exists().where(col(WalkRow.station) == col(StationRow.id), col(WalkRow.outcome).in_(ACTIVE_WALKS))


def in_another(campaign: str) -> Condition:
    """Whether another active campaign has the station, with no end yet."""
    return exists().where(
        col(CampaignTargetRow.station) == col(StationRow.id),
        col(CampaignTargetRow.state).in_(OPEN),
        col(CampaignTargetRow.campaign) != campaign,
        col(CampaignTargetRow.campaign) == col(CampaignRow.id),
        col(CampaignRow.state).in_(ACTIVE),
    )


def reason(rules: Sequence[Rule]) -> ColumnElement[str]:
    """The first rule that leaves a station out, in words; empty when none does."""
    if not rules:
        return literal("")
    return case(*((rule.condition, literal(words_of(rule))) for rule in rules), else_=literal(""))


def words_of(rule: Rule) -> str:
    """What stands in a row."""
    return rule.words or rule.why.value


def certificate_end() -> ColumnElement[datetime]:
    """When the certificate ends that a station uses; null when it uses none of ours."""
    return (
        select(col(CertificateRow.not_after))
        .where(col(CertificateRow.serial) == col(StationRow.certificate_serial))
        .scalar_subquery()
    )


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
