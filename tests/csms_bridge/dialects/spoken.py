"""What every dialect is asked in these tests: each command there is, and each action a station may call."""

from csms_bridge import commands as c
from csms_bridge.dialects.wire import House
from csms_bridge.station import OcppVersion, SecurityProfile
from pki.secret_text import Secret
from tests.csms_bridge.room import NOON

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
URL = "wss://csms.example:8887/ocpp"
PASSWORD = Secret.of("abcdefghijKLMNOP0123")
TLS = SecurityProfile.TLS_BASIC
HOUSE = House(NOON, 300, authorize=False, transaction=17)
OPEN_HOUSE = House(NOON, 300, authorize=True, transaction=17)

SHARED = (
    c.InstallRoot(PEM),
    c.ListRoots(),
    c.TriggerCertificateRequest(),
    c.DeliverCertificate(PEM * 2),
    c.NameOperator("Acme Charging"),
    c.NameOperator("Acme Charging", "NL"),
    c.SetPassword(PASSWORD),
    c.Restart(),
)
SLOTTED = (
    c.ListSlots(7),
    c.ListSlots(2**31 - 1, whole=True),
    c.ReadNetwork(),
    c.WriteSlot(2, URL, TLS),
    c.PreferSlots((2, 1)),
)
COMMANDS: dict[OcppVersion, tuple[c.Command, ...]] = {
    OcppVersion.V16: (*SHARED, c.RaiseProfile(TLS)),
    OcppVersion.V201: (*SHARED, *SLOTTED),
    OcppVersion.V21: (*SHARED, *SLOTTED, c.WriteSlotVariables(2, URL, TLS)),
}

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
