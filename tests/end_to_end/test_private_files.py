"""The data folder of a running service, as other users of the machine see it."""

import pytest

from tests.end_to_end.running_service import RunningService

pytestmark = pytest.mark.end_to_end


def test_no_file_of_the_data_folder_is_for_others(shared_service: RunningService) -> None:
    files = [path for path in shared_service.folder.rglob("*") if path.is_file()]
    assert "voltward.db" in {path.name for path in files}
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []
