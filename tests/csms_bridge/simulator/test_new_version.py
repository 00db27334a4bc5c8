"""A station whose firmware speaks another version afterwards: it stays the station that it was."""

import asyncio
from pathlib import Path

from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.memory import open_memory
from csms_bridge.simulator.routes import first_address, plan
from csms_bridge.simulator.slots import ADDRESS, factory_slot
from csms_bridge.simulator.station import SimulatedStation
from tests.csms_bridge.simulator.stations import PASSWORD, a_config


def jump(station: SimulatedStation, version: str) -> None:
    """Its new firmware starts."""
    station.take_firmware("9.9", version)
    asyncio.run(station.reboot("FirmwareUpdate"))


def test_1_6_makes_its_first_slot_out_of_the_address_that_it_dials() -> None:
    station = SimulatedStation(a_config())
    jump(station, "2.0.1")
    assert (station.config.version, station.memory.firmware, station.memory.priority) == ("2.0.1", "9.9", (1,))
    (route,) = plan(station.config, station.memory, booting=True).routes
    assert (route.url, route.profile, route.password) == ("ws://localhost:8887/ocpp/CS-001", 1, PASSWORD)


def test_a_makers_own_key_for_the_address_becomes_the_slot() -> None:
    config = a_config(Fault.URL_KEY)
    for written in ("wss://csms.example/ocpp/", "wss://csms.example/ocpp/CS-001"):
        memory = open_memory(config)
        memory.settings[ADDRESS] = written
        assert first_address(config, memory) == "wss://csms.example/ocpp"


def test_2_0_1_keeps_its_slots_in_2_1() -> None:
    station = SimulatedStation(a_config(version="2.0.1"))
    station.memory.slots[2] = factory_slot("ws://other:1/ocpp", 1)
    station.memory.priority = (1, 2)
    jump(station, "2.1")
    assert (station.config.version, station.memory.priority, set(station.memory.slots)) == ("2.1", (1, 2), {1, 2})


def test_a_restart_after_the_jump_changes_no_slot(tmp_path: Path) -> None:
    """What lies in the station's file is the new firmware's."""
    station = SimulatedStation(a_config(state_dir=tmp_path))
    jump(station, "2.1")
    station.memory.slots[2] = factory_slot("ws://other:1/ocpp", 1)
    station.memory.priority = (1, 2)
    station.memory.remember()
    again = SimulatedStation(a_config(state_dir=tmp_path))
    assert (again.config.version, again.memory.priority, set(again.memory.slots)) == ("2.1", (1, 2), {1, 2})
