"""What a command brings along before it does anything: a client of the service starts without the service."""

import json
import subprocess
import sys

import pytest

HEAVY = {"alembic", "argon2", "asn1crypto", "cryptography.x509", "fastapi", "jinja2", "ocpp", "pkilint", "pyrage"}
HEAVY |= {"sqlalchemy", "sqlmodel", "starlette", "uvicorn", "websockets"}
PROGRAM = """
import json, os, sys
os.environ["VOLTWARD_URL"] = "http://127.0.0.1:9"
from web.cli.main import exit_code_of
code = exit_code_of(sys.argv[1:])
print("\\n" + json.dumps([code, sorted(sys.modules)]))
"""


@pytest.mark.parametrize(("arguments", "ends"), [(["--help"], 0), (["station", "list"], 1)])
def test_a_client_of_the_service_loads_no_part_of_it(arguments: list[str], ends: int) -> None:
    """Nothing listens at port 9; by then all that a call needs is there."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
    code, loaded = json.loads(ran.stdout.splitlines()[-1])
    assert code == ends
    assert HEAVY & set(loaded) == set()
