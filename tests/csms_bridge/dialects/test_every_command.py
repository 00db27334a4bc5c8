"""Every command in every version: it has a message that fits the schema, or it is refused as having none."""

import pytest

from csms_bridge import commands as c
from csms_bridge.commands import Outcome
from csms_bridge.dialects import DIALECTS
from csms_bridge.station import OcppVersion
from csms_bridge.station_certificates import CertificateKind, HashData, ListedCertificate
from csms_bridge.variables import Reading, Variable, configuration_key
from tests.csms_bridge.dialects.schemas import faults
from tests.csms_bridge.dialects.spoken import COMMANDS, FILE, HASH_DATA, NOON, PEM, UNSPOKEN

V16, V201, V21 = OcppVersion.V16, OcppVersion.V201, OcppVersion.V21
every_version = pytest.mark.parametrize("version", [V16, V201, V21])


def pairs(commands):
    return [
        pytest.param(version, command, id=f"{version}-{type(command).__name__}-{number}")
        for version in (V16, V201, V21)
        for number, command in enumerate(commands[version])
    ]


def asked(version, command):
    request = DIALECTS[version].request(command)
    return request.action, request.payload


@pytest.mark.parametrize(("version", "command"), pairs(COMMANDS))
def test_a_command_fits_its_schema(version, command):
    action, payload = asked(version, command)
    assert faults(version, action, "Request", payload) == []


@pytest.mark.parametrize(("version", "command"), pairs(UNSPOKEN))
def test_what_a_version_has_no_message_for_is_refused(version, command):
    with pytest.raises(LookupError):
        DIALECTS[version].request(command)


@every_version
def test_a_certificate_is_deleted_by_the_stations_own_spelling(version):
    """2.x M04.FR.07, TC_M_20, TC_076: case and leading zeros included."""
    assert asked(version, c.DeleteRoot(HASH_DATA)) == (
        "DeleteCertificate",
        {
            "certificateHashData": {
                "hashAlgorithm": "SHA384",
                "issuerNameHash": "0aBc",
                "issuerKeyHash": "dEf0",
                "serialNumber": "0ABC",
            }
        },
    )


@every_version
@pytest.mark.parametrize(
    ("status", "outcome"),
    [("Accepted", Outcome.ACCEPTED), ("Failed", Outcome.FAILED), ("NotFound", Outcome.NOT_FOUND)],
)
def test_reads_what_became_of_a_deletion(version, status, outcome):
    assert faults(version, "DeleteCertificate", "Response", {"status": status}) == []
    assert DIALECTS[version].answer(c.DeleteRoot(HASH_DATA), {"status": status}).outcome is outcome


@every_version
@pytest.mark.parametrize(
    ("status", "outcome", "facts"),
    [
        ("Accepted", Outcome.ACCEPTED, {"filename": "log.csv"}),
        ("AcceptedCanceled", Outcome.ACCEPTED, {"filename": "log.csv", "instead": "yes"}),
        ("Rejected", Outcome.REJECTED, {"filename": "log.csv"}),
    ],
)
def test_reads_what_became_of_a_log(version, status, outcome, facts):
    payload = {"status": status, "filename": "log.csv"}
    assert faults(version, "GetLog", "Response", payload) == []
    answer = DIALECTS[version].answer(c.FetchLog(c.LogKind.SECURITY, 7, FILE), payload)
    assert (answer.outcome, answer.facts) == (outcome, facts)


@every_version
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("Accepted", Outcome.ACCEPTED),
        ("AcceptedCanceled", Outcome.ACCEPTED),
        ("Rejected", Outcome.REJECTED),
        ("InvalidCertificate", Outcome.REJECTED),
        ("RevokedCertificate", Outcome.REJECTED),
    ],
)
def test_reads_what_became_of_an_update(version, status, outcome):
    command = c.UpdateFirmware(7, FILE, NOON, None, PEM, "c2ln")
    action, _ = asked(version, command)
    assert faults(version, action, "Response", {"status": status}) == []
    answer = DIALECTS[version].answer(command, {"status": status})
    assert (answer.outcome, answer.words) == (outcome, status)


def test_1_6_signs_an_update_with_both_parts_or_with_none():
    assert asked(V16, c.UpdateFirmware(7, FILE, NOON))[0] == "UpdateFirmware"
    assert asked(V16, c.UpdateFirmware(7, FILE, NOON, None, PEM, "c2ln"))[0] == "SignedUpdateFirmware"
    for halves in ((PEM, None), (None, "c2ln")):
        with pytest.raises(LookupError):
            asked(V16, c.UpdateFirmware(7, FILE, NOON, None, *halves))


def test_an_old_update_has_no_status_to_read():
    answer = DIALECTS[V16].answer(c.UpdateFirmware(7, FILE, NOON), {})
    assert answer.outcome is Outcome.ACCEPTED


def test_1_6_tells_settings_by_key():
    payload = {
        "configurationKey": [
            {"key": "CpoName", "readonly": False, "value": "Acme"},
            {"key": "CertificateStoreMaxLength", "readonly": True, "value": "4"},
            {"key": "AuthorizationKey", "readonly": False},
        ],
        "unknownKey": ["SecurityProfile"],
    }
    assert faults(V16, "GetConfiguration", "Response", payload) == []
    assert DIALECTS[V16].answer(c.ReadSettings(()), payload).readings == (
        Reading(configuration_key("CpoName"), "Acme", writable=True),
        Reading(configuration_key("CertificateStoreMaxLength"), "4", writable=False),
        Reading(configuration_key("AuthorizationKey"), None, writable=True),
        Reading(configuration_key("SecurityProfile"), None, words="unknownKey"),
    )


def test_1_6_has_no_components():
    with pytest.raises(LookupError, match="configuration keys"):
        asked(V16, c.ReadSettings((Variable("SecurityCtrlr", "SecurityProfile"),)))


@pytest.mark.parametrize("version", [V201, V21])
def test_reads_a_chain_with_its_children(version):
    """TC_M_15; a type that we do not know is listed all the same."""

    def data(serial):
        return {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": serial}

    chain = {
        "certificateType": "V2GCertificateChain",
        "certificateHashData": data("1"),
        "childCertificateHashData": [data("2"), data("3")],
    }
    payload = {"status": "Accepted", "certificateHashDataChain": [chain]}
    assert faults(version, "GetInstalledCertificateIds", "Response", payload) == []
    of = [HashData("SHA256", "aa", "bb", serial) for serial in "123"]
    listed = ListedCertificate(CertificateKind.V2G_CHAIN, of[0], (of[1], of[2]))
    unknown = {"certificateHashDataChain": [{**chain, "certificateType": "Splendid"}]}
    assert DIALECTS[version].answer(c.ListRoots(()), payload).certificates == (listed,)
    assert DIALECTS[version].answer(c.ListRoots(()), unknown).certificates[0].kind is None


@pytest.mark.parametrize("version", [V201, V21])
@pytest.mark.parametrize(
    ("command", "status", "outcome"),
    [
        (c.AskReport(7), "NotSupported", Outcome.NOT_SUPPORTED),
        (c.AskReport(7), "EmptyResultSet", Outcome.NOT_FOUND),
        (c.UnpublishFirmware("0" * 32), "Unpublished", Outcome.ACCEPTED),
        (c.UnpublishFirmware("0" * 32), "NoFirmware", Outcome.NOT_FOUND),
        (c.UnpublishFirmware("0" * 32), "DownloadOngoing", Outcome.REJECTED),
        (c.PublishFirmware(7, FILE, "0" * 32), "Accepted", Outcome.ACCEPTED),
        (c.Restart(), "Scheduled", Outcome.ACCEPTED),
        (c.Trigger(c.Message.COMBINED_REQUEST), "NotImplemented", Outcome.NOT_SUPPORTED),  # TC_F_27
    ],
)
def test_reads_a_status(version, command, status, outcome):
    action, _ = asked(version, command)
    assert faults(version, action, "Response", {"status": status}) == []
    assert DIALECTS[version].answer(command, {"status": status}).outcome is outcome


def test_a_slot_carries_identity_and_password():
    """TC_B_100."""
    command = next(one for one in COMMANDS[V21] if isinstance(one, c.WriteSlot) and one.password)
    connection = asked(V21, command)[1]["connectionData"]
    assert (connection["identity"], connection["basicAuthPassword"]) == ("CS-1", "abcdefghijKLMNOP0123")
    assert "abcdefghijKLMNOP0123" not in repr(command)
