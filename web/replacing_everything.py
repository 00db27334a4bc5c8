"""Every certificate of the fleet replaced now: what is asked of a campaign for that, and how long it would take."""

from csms_bridge.campaigns.previews import Preview
from csms_bridge.campaigns.words import Kind
from web.campaign_asks import CampaignIn, PaceIn, SelectionIn
from web.service import Service

NAME = "Replace everything"
IN_FLIGHT = 500
FORM = {
    "name": NAME, "kind": "renewal", "everything": "true", "at_any_hour": "true", "in_flight": str(IN_FLIGHT),
    "waves": "50,20%", "offline_for": "400d",
}  # fmt: skip
"""What the form for a campaign is filled with."""
COMMAND = (
    f'voltward campaign create --name "{NAME}" --kind renewal --everything --now --in-flight {IN_FLIGHT} '
    f"--waves 50,20% --offline-for 400d --start --wait"
)


def everything() -> CampaignIn:
    """The campaign: all that present a certificate, at any hour, those as well that were away for a year."""
    pace = PaceIn(waves=("50", "20%"), in_flight=IN_FLIGHT, offline_for="400d", at_any_hour=True)
    return CampaignIn(name=NAME, kind=Kind.RENEWAL, selection=SelectionIn(everything=True), pace=pace)


def estimated(doors: Service) -> Preview:
    """What it would do and how long it would take; nothing is kept."""
    return doors.fleet.campaigns.preview(everything().meaning(doors.clock()))
