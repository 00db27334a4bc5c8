"""What every dialect is asked in these tests: each command there is, and each action a station may call."""

from csms_bridge import commands as c
from csms_bridge.dialects.wire import House
from csms_bridge.station import OcppVersion, SecurityProfile
from csms_bridge.station_certificates import CertificateKind, HashData, LeafKind
from csms_bridge.variables import Setting, Variable, configuration_key
from pki.secret_text import Secret
from tests.csms_bridge.room import NOON

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
URL = "wss://csms.example:8887/ocpp"
PASSWORD = Secret.of("abcdefghijKLMNOP0123")
TLS = SecurityProfile.TLS_BASIC
FILE = Secret.of("https://csms.example/logs/one-time")
HASH_DATA = HashData("SHA384", "0aBc", "dEf0", "0ABC")
HOUSE = House(NOON, 300, transaction=17)
OPEN_HOUSE = House(NOON, 300, "Accepted", transaction=17)

SHARED = (
    c.InstallRoot(PEM),
    c.ListRoots(),
    c.TriggerCertificateRequest(),
    c.DeliverCertificate(PEM * 2),
    c.NameOperator("Acme Charging"),
    c.NameOperator("Acme Charging", "NL"),
    c.SetPassword(PASSWORD),
    c.Restart(),
    c.Restart(c.RestartKind.NOW),
    c.InstallRoot(PEM, CertificateKind.MANUFACTURER),
    c.ListRoots((CertificateKind.MANUFACTURER,)),
    c.DeleteRoot(HASH_DATA),
    c.Trigger(c.Message.BOOT),
    c.Trigger(c.Message.HEARTBEAT),
    c.Trigger(c.Message.STATUS, connector=1),
    c.Trigger(c.Message.METER_VALUES),
    c.Trigger(c.Message.LOG_STATUS),
    c.Trigger(c.Message.FIRMWARE_STATUS),
    c.Trigger(c.Message.CERTIFICATE_REQUEST),
    c.FetchLog(c.LogKind.SECURITY, 7, FILE),
    c.FetchLog(c.LogKind.DIAGNOSTICS, 7, FILE, NOON, NOON, retries=2, retry_interval=60),
    c.UpdateFirmware(7, FILE, NOON, NOON, PEM, "c2ln", retries=2, retry_interval=60),
    c.UpdateFirmware(7, FILE, NOON),
)
ONLY_16 = (
    c.RaiseProfile(TLS),
    c.Restart(c.RestartKind.GENTLY),
    c.FetchDiagnostics(FILE),
    c.FetchDiagnostics(FILE, NOON, NOON, 2, 60),
    c.Trigger(c.Message.DIAGNOSTICS_STATUS, plain=True),
    c.ReadSettings(()),
    c.ReadSettings((configuration_key("CpoName"),)),
    c.WriteSettings((Setting(configuration_key("CpoName"), "Acme"),)),
)
PRIORITY = Variable("OCPPCommCtrlr", "NetworkConfigurationPriority")
ONLY_2X = (
    c.InstallRoot(PEM, CertificateKind.V2G),
    c.InstallRoot(PEM, CertificateKind.MO),
    c.ListRoots(()),
    c.ListRoots((CertificateKind.V2G, CertificateKind.MO, CertificateKind.V2G_CHAIN)),
    c.DeliverCertificate(PEM, None, LeafKind.V2G),
    c.Trigger(c.Message.TRANSACTION, evse=1),
    c.Trigger(c.Message.STATUS, connector=1, evse=1),
    c.Trigger(c.Message.V2G_REQUEST),
    c.Trigger(c.Message.COMBINED_REQUEST),
    c.Trigger(c.Message.PUBLISH_STATUS),
    c.Restart(evse=1),
    c.ReadSettings((PRIORITY, Variable("EVSE", "Power", evse=1))),
    c.WriteSettings((Setting(PRIORITY, "1"), Setting(PRIORITY, "2"))),
    c.AskReport(7),
    c.AskReport(7, c.ReportBase.SUMMARY),
    c.AskReportOf(7, (PRIORITY, Variable("SecurityCtrlr", ""))),
    c.PublishFirmware(7, FILE, "0" * 32, 2, 60),
    c.UnpublishFirmware("0" * 32),
)
ONLY_21 = (
    c.WriteSlotVariables(2, URL, TLS),
    c.WriteSlot(2, URL, TLS, "CS-1", PASSWORD),
    c.InstallRoot(PEM, CertificateKind.OEM),
    c.ListRoots((CertificateKind.OEM,)),
    c.DeliverCertificate(PEM, 7, LeafKind.V2G20),
    c.Trigger(c.Message.V2G20_REQUEST),
    c.Trigger(c.Message.CUSTOM, custom="Acme.Sweep"),
    c.Restart(c.RestartKind.RESUME),
    c.FetchLog(c.LogKind.DATA_COLLECTOR, 7, FILE),
)
SLOTTED = (
    c.ListSlots(7),
    c.ListSlots(2**31 - 1, whole=True),
    c.ReadNetwork(),
    c.WriteSlot(2, URL, TLS),
    c.PreferSlots((2, 1)),
)
COMMANDS: dict[OcppVersion, tuple[c.Command, ...]] = {
    OcppVersion.V16: (*SHARED, *ONLY_16, c.Trigger(c.Message.BOOT, plain=True)),
    OcppVersion.V201: (*SHARED, *SLOTTED, *ONLY_2X),
    OcppVersion.V21: (*SHARED, *SLOTTED, *ONLY_2X, *ONLY_21),
}
UNSPOKEN: dict[OcppVersion, tuple[c.Command, ...]] = {
    OcppVersion.V16: (*SLOTTED, *ONLY_2X, *ONLY_21),
    OcppVersion.V201: (*ONLY_16, *ONLY_21),
    OcppVersion.V21: ONLY_16,
}
"""What a version has no message for."""

# Station to CSMS: OCPP 1.6 §4 and white paper ed. 3; 2.0.1 and 2.1 Part 2, the use cases' message directions.
# SignCertificate is missing: it has an answer of its own.
_IN_16 = """
    Authorize BootNotification DataTransfer DiagnosticsStatusNotification FirmwareStatusNotification Heartbeat
    LogStatusNotification MeterValues SecurityEventNotification SignedFirmwareStatusNotification StartTransaction
    StatusNotification StopTransaction
"""
_IN_201 = """
    Authorize BootNotification ClearedChargingLimit DataTransfer FirmwareStatusNotification Get15118EVCertificate
    GetCertificateStatus Heartbeat LogStatusNotification MeterValues NotifyChargingLimit NotifyCustomerInformation
    NotifyDisplayMessages NotifyEVChargingNeeds NotifyEVChargingSchedule NotifyEvent NotifyMonitoringReport
    NotifyReport PublishFirmwareStatusNotification ReportChargingProfiles ReservationStatusUpdate
    SecurityEventNotification StatusNotification TransactionEvent
"""
_NEW_IN_21 = """
    BatterySwap ClosePeriodicEventStream GetCertificateChainStatus NotifyDERAlarm NotifyDERStartStop
    NotifyPriorityCharging NotifySettlement OpenPeriodicEventStream PullDynamicScheduleUpdate ReportDERControl
    VatNumberValidation
"""
CALLS = {
    OcppVersion.V16: _IN_16.split(),
    OcppVersion.V201: _IN_201.split(),
    OcppVersion.V21: (_IN_201 + _NEW_IN_21).split(),
}
