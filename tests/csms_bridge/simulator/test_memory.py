"""What a station keeps between runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from csms_bridge.simulator.certificates import Credential, utc_now
from csms_bridge.simulator.config import Fault
from csms_bridge.simulator.keys import new_key, self_signed
from csms_bridge.simulator.memory import PendingKey, open_memory
from csms_bridge.simulator.root_store import CSMS_ROOT, StoredRoot
from csms_bridge.simulator.slots import factory_slot
from tests.csms_bridge.simulator.stations import a_config
from tests.csms_bridge.simulator.throwaway_authority import new_root


def test_everything_survives(tmp_path: Path) -> None:
    config = a_config(version="2.1", state_dir=tmp_path)
    memory = open_memory(config)
    key = new_key("ec")
    memory.profile, memory.password = 2, b"\x00\xff binary password"
    memory.settings["organisation"] = "Another CPO"
    memory.roots = (StoredRoot(CSMS_ROOT, new_root().certificate),)
    memory.credentials = (Credential(key, (self_signed("SN-001", key, utc_now()),)),)
    memory.keep_pending(PendingKey(new_key("ec"), 7))
    memory.slots[2], memory.priority = factory_slot("wss://csms/ocpp", 2), (2, 1)
    memory.active_slot, memory.last_good = 2, memory.slots[2]
    memory.remember()
    again = open_memory(config)
    for name in ("profile", "password", "settings", "roots", "slots", "priority", "active_slot", "last_good"):
        assert getattr(again, name) == getattr(memory, name)
    assert again.credentials[0].chain == memory.credentials[0].chain
    assert again.pending[0].request_id == 7


def test_memory_is_for_its_owner_only(tmp_path: Path) -> None:
    memory = open_memory(a_config(identity="../odd/name", state_dir=tmp_path))
    memory.remember()
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "CS-001.json").write_text("[]")
    with pytest.raises(ValueError, match="not a station's memory"):
        open_memory(a_config(state_dir=tmp_path))


def test_only_the_newest_requests_are_kept() -> None:
    memory = open_memory(a_config())
    for number in range(9):
        memory.keep_pending(PendingKey(new_key("ec"), number))
    assert [wait.request_id for wait in memory.pending] == [8, 7, 6, 5]


def test_other_slots_begin_at_3() -> None:
    memory = open_memory(a_config(Fault.OTHER_SLOTS, version="2.0.1"))
    assert (memory.priority, memory.active_slot, list(memory.slots)) == ((3,), 3, [3])
