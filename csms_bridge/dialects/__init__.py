"""Wire ⇄ events and commands, one module per OCPP version; the only importers of `ocpp` beside the simulator."""

from csms_bridge.dialects.v16 import V16
from csms_bridge.dialects.v21 import V21
from csms_bridge.dialects.v201 import V201
from csms_bridge.dialects.wire import Dialect
from csms_bridge.station import OcppVersion

DIALECTS: dict[OcppVersion, Dialect] = {dialect.version: dialect for dialect in (V16(), V201(), V21())}

__all__ = ["DIALECTS", "Dialect"]
