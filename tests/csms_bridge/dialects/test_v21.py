"""OCPP 2.1 Edition 1 with the errata of 2025-09: where it differs from 2.0.1 (see test_v201.py for what they share)."""

import pytest

from csms_bridge import commands as c
from csms_bridge.commands import Outcome
from csms_bridge.dialects import DIALECTS
from csms_bridge.station import OcppVersion, SecurityProfile
from tests.csms_bridge.dialects.schemas import faults
from tests.csms_bridge.dialects.spoken import HOUSE, PEM, TLS, URL

V21 = OcppVersion.V21
dialect = DIALECTS[V21]


@pytest.mark.parametrize(("request_id", "echoed"), [(7, {"requestId": 7}), (0, {"requestId": 0}), (None, {})])
def test_a_certificate_is_delivered_with_the_id_of_its_request(request_id, echoed):
    """A02.FR.25: repeated if the station sent one; .26: a station rejects ids it does not know."""
    request = dialect.request(c.DeliverCertificate(PEM, request_id))
    assert request.payload == {
        "certificateChain": PEM,
        "certificateType": "ChargingStationCertificate",
        **echoed,
    }


def test_a_slot_has_no_version():
    """2.1 ignores it: the subprotocol decides (reference §2.4)."""
    connection = dialect.request(c.WriteSlot(2, URL, TLS)).payload["connectionData"]
    assert "ocppVersion" not in connection
    assert connection["ocppTransport"] == "JSON"


@pytest.mark.parametrize("profile", [SecurityProfile.TLS_BASIC, SecurityProfile.MUTUAL_TLS])
def test_writes_a_slot_through_its_variables(profile):
    """B09.FR.20-34; the instance is the slot."""
    request = dialect.request(c.WriteSlotVariables(2, URL, profile))
    assert request.action == "SetVariables"
    data = request.payload["setVariableData"]
    assert {(entry["component"]["name"], entry["component"]["instance"]) for entry in data} == {
        ("NetworkConfiguration", "2")
    }
    values = {entry["variable"]["name"]: entry["attributeValue"] for entry in data}
    assert values["OcppCsmsUrl"] == URL
    assert values["SecurityProfile"] == str(int(profile))
    assert (values["OcppInterface"], values["OcppTransport"]) == ("Any", "JSON")


def test_a_slot_says_that_it_needs_no_vpn_and_no_apn():
    """B09.FR.29/.30, TC_B_105: set explicitly."""
    data = dialect.request(c.WriteSlotVariables(2, URL, TLS)).payload["setVariableData"]
    values = {entry["variable"]["name"]: entry["attributeValue"] for entry in data}
    assert (values["VpnEnabled"], values["ApnEnabled"]) == ("false", "false")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("Accepted", Outcome.ACCEPTED),
        ("RebootRequired", Outcome.REBOOT_REQUIRED),
        ("Rejected", Outcome.REJECTED),  # ActiveNetworkConf, or all variables ReadOnly
        ("UnknownComponent", Outcome.NOT_SUPPORTED),  # the station knows SetNetworkProfile only
    ],
)
def test_reads_how_a_slot_was_written(status, outcome):
    entry = {"component": {"name": "NetworkConfiguration", "instance": "2"}, "variable": {"name": "SecurityProfile"}}
    good = {**entry, "attributeStatus": "Accepted"}
    payload = {"setVariableResult": [good, {**entry, "attributeStatus": status}]}
    assert dialect.answer(c.WriteSlotVariables(2, URL, TLS), payload).outcome is outcome


def test_the_status_of_chains_is_not_known_here():
    """M07: every request gets its entry."""
    data = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "1"}
    request = {"source": "OCSP", "urls": ["http://x"], "certificateHashData": data}
    payload = {"certificateStatusRequests": [request, request]}
    assert faults(V21, "GetCertificateChainStatus", "Request", payload) == []
    answer = dialect.response("GetCertificateChainStatus", payload, HOUSE)
    assert faults(V21, "GetCertificateChainStatus", "Response", answer) == []
    assert [entry["status"] for entry in answer["certificateStatus"]] == ["Failed", "Failed"]
    assert answer["certificateStatus"][0]["certificateHashData"] == data


@pytest.mark.parametrize("requests", [None, "x", [7]])
def test_reads_a_chain_status_request_of_any_shape(requests):
    answer = dialect.response("GetCertificateChainStatus", {"certificateStatusRequests": requests}, HOUSE)
    assert answer == {"certificateStatus": []}


def test_no_vat_number_is_valid_here_and_it_is_repeated():
    answer = dialect.response("VatNumberValidation", {"vatNumber": "NL1"}, HOUSE)
    assert answer == {"status": "Rejected", "vatNumber": "NL1"}


@pytest.mark.parametrize("action", ["OpenPeriodicEventStream", "PullDynamicScheduleUpdate"])
def test_streams_and_dynamic_schedules_are_not_taken(action):
    assert dialect.response(action, {}, HOUSE) == {"status": "Rejected"}
