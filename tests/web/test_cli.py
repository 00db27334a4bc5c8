"""The command line over a data folder: exit codes, JSON, words. Each command runs the real routes in this process."""

import io
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.web.commands import Command
from tests.web.requests import request_pem
from web.cli import client


def test_wrong_use_is_exit_code_two_with_error_and_hint(bare: Command) -> None:
    for arguments in (["station", "add"], ["nothing"], ["station", "add", "X", "--serial"], ["walk", "start", "X"]):
        ran = bare(*arguments)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("error: ")
        assert "\nhint: See: voltward" in ran.err
        assert "Traceback" not in ran.err


def test_a_service_that_is_away_is_exit_code_one(bare: Command) -> None:
    ran = bare("station", "list")
    assert ran.code == 1
    assert "cannot reach the service at http://127.0.0.1:9" in ran.err


def test_help_names_every_command(bare: Command) -> None:
    shown = bare("--help").out
    for noun in ("init", "serve", "simulate", "station", "walk", "cert", "ca", "firmware", "token", "user", "audit"):
        assert noun in shown
    assert bare("--version").out.startswith("voltward ")


def test_json_is_taken_before_and_after_the_command(voltward: Command) -> None:
    assert voltward("station", "list", "--json").json == {"items": [], "next": None}
    assert voltward("--json", "station", "list").json == {"items": [], "next": None}
    assert not voltward("station", "list").out.startswith("{")


def test_a_station_from_adding_to_removing(voltward: Command) -> None:
    added = voltward("station", "add", "CS-1", "--serial", "SN-1", "--ocpp", "2.0.1", "--json")
    assert added.code == 0
    assert added.json["password"]
    assert voltward("station", "show", "CS-1", "--json").json["ocpp_version"] == "2.0.1"
    assert "CS-1" in voltward("station", "list").out
    again = voltward("station", "add", "CS-1", "--serial", "SN-2")
    assert (again.code, again.out) == (2, "")
    assert voltward("station", "remove", "CS-1", "--reason", "scrapped").code == 0
    gone = voltward("station", "show", "CS-1", "--json")
    assert (gone.code, gone.out) == (2, "")
    assert gone.err.startswith("error: there is no station 'CS-1'\nhint: ")


def test_imports_a_csv_whole_or_not_at_all(voltward: Command, tmp_path: Path) -> None:
    file = tmp_path / "stations.csv"
    file.write_text("\ufeffid,serial,profile,tags,quiet\nCS-1,SN-1,1,a;b,yes\nCS-2,SN-2,2,,no\n", encoding="utf-8")
    assert [one["id"] for one in voltward("station", "import", str(file), "--json").json["items"]] == ["CS-1", "CS-2"]
    shown = voltward("station", "show", "CS-1", "--json").json
    assert (shown["tags"], shown["quiet"]) == (["a", "b"], True)
    file.write_text("id,serial\nCS-3,SN-3\nCS 3/,SN-4\n")
    refused = voltward("station", "import", str(file))
    assert refused.code == 2
    assert "row 2: id:" in refused.err
    assert voltward("station", "show", "CS-3").code == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("serial\nSN-1\n", "the column 'id' is missing"),
        ("id,serial,colour\nCS-1,SN-1,red\n", "there is no column 'colour'"),
        ("id,serial\nCS-1\n", "line 2: the number of fields"),
        ("id,serial,profile\nCS-1,SN-1,nine\n", "line 2: profile: must be 0, 1, 2 or 3"),
        ("id,serial,quiet\nCS-1,SN-1,maybe\n", "line 2: quiet: must be yes or no"),
        ("", "the column 'id' is missing"),
    ],
)
def test_refuses_a_csv_and_names_the_line(voltward: Command, tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "stations.csv"
    file.write_text(text)
    ran = voltward("station", "import", str(file))
    assert (ran.code, words in ran.err) == (2, True), ran.err


def test_a_station_is_quiet_from_the_start_or_later(voltward: Command) -> None:
    assert voltward("station", "add", "CS-1", "--serial", "SN-1", "--quiet", "--json").json["quiet"] is True
    assert voltward("station", "quiet", "CS-1", "off", "--json").json["quiet"] is False
    assert voltward("station", "quiet", "CS-1", "on", "--reason", "certification", "--json").json["quiet"] is True
    assert voltward("station", "quiet", "CS-1", "perhaps").code == 2


def test_a_walk_from_starting_to_cancelling(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1", "--ocpp", "1.6")
    walk = voltward("walk", "start", "CS-1", "--to", "3", "--json").json
    assert (walk["station"], walk["state"]) == ("CS-1", "running")
    assert voltward("walk", "show", "CS-1", "--json").json["id"] == walk["id"]
    assert voltward("walk", "hold", walk["id"], "--reason", "site visit", "--json").json["state"] == "held"
    held = voltward("walk", "start", "CS-1", "--to", "3", "--wait")
    assert held.code == 2  # one walk at a time
    assert voltward("walk", "resume", walk["id"]).code == 0
    assert voltward("walk", "cancel", "CS-1", "--reason", "sold", "--json").json["state"] == "cancelled"
    shown = voltward("walk", "show", walk["id"]).out
    assert all(step["name"] in shown for step in walk["steps"])


def test_the_hint_of_a_refused_walk_is_a_command_that_runs(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1", "--ocpp", "1.6")
    voltward("walk", "start", "CS-1", "--to", "3")
    refused = voltward("walk", "start", "CS-1", "--to", "3")
    hinted = refused.err.partition("first: voltward ")[2].split()
    assert hinted[-2:] == ["--reason", "WHY"]
    assert voltward(*hinted).code == 0


def test_waiting_for_a_walk_that_is_held_fails(voltward: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1", "--ocpp", "1.6")
    get = client.ServiceClient.get

    def held(self: client.ServiceClient, path: str, **query: object) -> Any:
        found = get(self, path, **query)
        return {**found, "state": "held", "reason": "it fell back"} if path.startswith("walks/") else found

    monkeypatch.setattr(client.ServiceClient, "get", held)
    ran = voltward("walk", "start", "CS-1", "--to", "3", "--wait", "--json")
    assert (ran.code, ran.json["state"]) == (1, "held")


def test_several_walks_tell_who_was_refused(voltward: Command) -> None:
    for number in (1, 2):
        voltward("station", "add", f"CS-{number}", "--serial", f"SN-{number}", "--ocpp", "1.6")
    voltward("walk", "start", "CS-1", "--to", "3")
    ran = voltward("walk", "start", "CS-1", "CS-2", "--to", "3", "--json")
    assert ran.code == 1
    assert [walk["station"] for walk in ran.json["items"]] == ["CS-2"]
    assert [refusal["station"] for refusal in ran.json["refused"]] == ["CS-1"]


def test_certificates_are_revoked_by_list_and_by_key(voltward: Command, tmp_path: Path) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    csr, listed = tmp_path / "request.pem", tmp_path / "serials.txt"
    serials = []
    for _ in range(3):
        csr.write_text(request_pem("SN-1"))
        issue = ["cert", "issue", "--csr", str(csr), "--profile", "station", "--station", "CS-1", "--json"]
        serials.append(voltward(*issue).json["serial"])
    listed.write_text(f"# stolen\n{serials[0]}\n\n{serials[1].upper()}  # the second\nabcd\n")
    many = ["cert", "revoke", "--reason", "keyCompromise", "--json"]
    planned = voltward(*many, "--list", str(listed), "--dry-run")
    assert (planned.json["revoked"], planned.json["unknown"]) == (serials[:2], ["abcd"])
    assert "2 would be revoked, 0 already, 1 unknown" in planned.err
    assert voltward(*many, "--list", str(listed)).json["revoked"] == serials[:2]
    assert voltward(*many, "--key", str(csr)).json["revoked"] == serials[2:]
    assert voltward(*many, "--key", str(listed)).code != 0
    assert voltward(*many).code == 2
    assert voltward(*many, "--station", "CS-1", serials[0]).code == 2


def test_a_certificate_from_issuing_to_revoking(voltward: Command, tmp_path: Path) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    csr, out = tmp_path / "request.pem", tmp_path / "chain.pem"
    csr.write_text(request_pem("SN-1"))
    issue = ["cert", "issue", "--csr", str(csr), "--profile", "station", "--station", "CS-1"]
    issued = voltward(*issue, "--out", str(out), "--json").json
    assert out.read_text() == issued["chain_pem"]
    assert voltward("cert", "list", "--station", "CS-1", "--json").json["items"] == [issued]
    revoked = voltward("cert", "revoke", issued["serial"], "--reason", "keyCompromise", "--json").json
    assert (revoked["state"], revoked["reason"]) == ("revoked", "keyCompromise")
    assert voltward("cert", "show", issued["serial"], "--json").json["state"] == "revoked"
    assert voltward("cert", "revoke", issued["serial"], "--reason", "keyCompromise").code == 2
    csr.write_text("no request")
    refused = voltward(*issue)
    assert (refused.code, refused.out) == (2, "")


def test_authorities_are_exported_as_pem(voltward: Command) -> None:
    names = [one["name"] for one in voltward("ca", "list", "--json").json["items"]]
    assert {"root", "stations"} <= set(names)
    alone = x509.load_pem_x509_certificates(voltward("ca", "export", "stations").out.encode())
    chain = x509.load_pem_x509_certificates(voltward("ca", "export", "stations", "--chain").out.encode())
    assert (len(alone), len(chain)) == (1, 2)
    assert voltward("ca", "export", "none").code == 2


@pytest.mark.parametrize("scheme", ["ecdsa-sha256", "rsa-pkcs1v15-sha256", "rsa-pss-sha256"])
def test_firmware_is_signed_and_verified_without_a_service(
    voltward: Command, bare: Command, tmp_path: Path, scheme: str
) -> None:
    image, signature, certificate, root = (tmp_path / name for name in ("fw.bin", "fw.sig", "fw.pem", "root.pem"))
    image.write_bytes(b"firmware" * 1000)
    names = ["--vendor", "Acme", "--model", "W1", "--version", "1", "--scheme", scheme]
    out = ["--out-signature", str(signature), "--out-certificate", str(certificate)]
    signed = voltward("firmware", "sign", str(image), *names, *out, "--json").json
    authority = "manufacturer" if scheme == "ecdsa-sha256" else "manufacturer-rsa"
    root.write_text(voltward("ca", "export", authority).out)
    verify = ["firmware", "verify", str(image), "--certificate", str(certificate), "--scheme", scheme]
    assert bare(*verify, "--signature", str(signature), "--root", str(root)).code == 0
    base64 = tmp_path / "fw.b64"
    base64.write_text(signed["signature"] + "\n")
    told = bare(*verify, "--signature", str(base64), "--json").json
    assert (told["genuine"], told["faults"]) == (True, [])
    assert "--root" in told["notes"][0]
    image.write_bytes(b"tampered")
    broken = bare(*verify, "--signature", str(signature))
    assert broken.code == 1
    assert broken.err.startswith("error: the firmware must not be used")
    foreign = voltward("ca", "export", "root")
    root.write_text(foreign.out)
    assert bare(*verify, "--signature", str(signature), "--root", str(root)).code == 1


def test_a_token_is_made_without_a_running_service(voltward: Command) -> None:
    made = voltward("token", "create", "--role", "ci", "--name", "build", "--json").json
    assert made["token"].startswith("vw_")
    plain = voltward("token", "create", "--role", "admin", "--name", "script")
    assert plain.out.startswith("vw_")
    assert len(plain.out.split()) == 1
    listed = voltward("token", "list", "--json").json["items"]
    assert {token["name"] for token in listed} == {"build", "script"}
    assert voltward("token", "revoke", made["id"], "--json").json["revoked_at"]
    assert voltward("token", "create", "--role", "king", "--name", "x").code == 2


def test_users_are_added_and_disabled(voltward: Command) -> None:
    assert voltward("user", "add", "ada", "--role", "auditor", "--json").json["password"]
    assert {user["name"] for user in voltward("user", "list", "--json").json["items"]} == {"ada", "admin"}
    assert voltward("user", "disable", "ada", "--reason", "left", "--json").json["disabled_at"]


def test_only_a_password_that_was_made_is_shown(voltward: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = "a password of my own"
    for arguments in (("user", "add", "ada", "--role", "auditor"), ("user", "password", "ada")):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{chosen}\n"))
        ran = voltward(*arguments, "--password-stdin")
        assert (ran.code, chosen in ran.out + ran.err, "this once" in ran.err) == (0, False, False)
    made = voltward("user", "password", "ada", "--json")
    assert len(made.json["password"]) >= 12
    assert "this once" in made.err
    assert voltward("user", "password", "nobody").code == 2


def test_folders_that_cannot_be_opened_are_one_clear_line(
    bare: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (
        ["station", "list", "--data", str(tmp_path / "absent")],
        ["serve", "--data", str(tmp_path / "absent")],
        ["init", "--data", str(folder), "--organisation", "Other"],
        ["init", "--data", str(tmp_path / "new"), "--organisation", "Acme", "--hostname", "no host"],
    ):
        ran = bare(*arguments)
        assert (ran.code, ran.out) == (2, "")
        assert "error: " in ran.err
        assert "Traceback" not in ran.err
    monkeypatch.setenv("VOLTWARD_PASSPHRASE", "wrong")
    wrong = bare("station", "list", "--data", str(folder))
    assert (wrong.code, wrong.err.splitlines()[0]) == (
        2,
        "error: the passphrase does not open the keys of this data folder",
    )


def test_what_a_station_says_cannot_command_the_terminal(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1", "--site", "\x1b[2Jsite")
    assert "\x1b" not in voltward("station", "show", "CS-1").out


def test_an_unexpected_fault_is_one_line_and_a_trace_only_on_request(
    voltward: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr(client.ServiceClient, "get", fail)
    ran = voltward("station", "list")
    assert ran.code == 1
    assert ran.err.startswith("error: unexpected fault: RuntimeError: broken inside\nhint: Set VOLTWARD_DEBUG=1")
    monkeypatch.setenv("VOLTWARD_DEBUG", "1")
    assert "Traceback" in voltward("station", "list").err


def test_a_key_is_blocked_by_a_file_that_holds_it(voltward: Command, tmp_path: Path) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    csr = tmp_path / "request.pem"
    csr.write_text(request_pem("SN-1"))
    blocked = voltward("key", "block", str(csr), "--note", "leaked", "--json").json
    refused = voltward("cert", "issue", "--csr", str(csr), "--profile", "station", "--station", "CS-1")
    assert (refused.code, "the key is blocked" in refused.err) == (2, True)
    alarm = voltward("alarm", "list", "--json").json["items"][0]
    assert (alarm["kind"], alarm["thing"]) == ("blocked-key", blocked["spki_sha256"])
    assert voltward("alarm", "clear", str(alarm["id"]), "--note", "seen", "--json").json["cleared_by"]
    assert voltward("key", "unblock", blocked["spki_sha256"]).code == 0
    assert voltward("key", "list", "--json").json["items"] == []


def test_certificates_are_searched_and_forecast(voltward: Command, tmp_path: Path) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    csr = tmp_path / "station.csr"
    csr.write_text(request_pem("SN-1"))
    order = ("cert", "issue", "--csr", str(csr), "--profile", "station", "--station", "CS-1", "--json")
    issued = voltward(*order).json
    found = voltward("cert", "list", "--cn", "SN-*", "--serial", issued["serial"][:6], "--key", str(csr), "--json")
    assert [one["serial"] for one in found.json["items"]] == [issued["serial"]]
    window = ("cert", "list", "--in-use", "--profile", "station", "--expires-within")
    assert len(voltward(*window, "14w", "--json").json["items"]) == 1
    assert voltward(*window, "30d", "--json").json["items"] == []
    wrong = voltward(*window, "soon")
    assert (wrong.code, wrong.out) == (2, "")
    assert "'soon' is not a span like 48h, 30d or 4w" in wrong.err
    weeks = voltward("cert", "forecast", "--json").json["weeks"]
    assert (len(weeks), sum(week["total"] for week in weeks)) == (26, 1)
    assert "root-rsa" in voltward("cert", "forecast", "--weeks", "2").out


def test_renewing_tells_what_was_done_and_what_cannot_be(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    refused = voltward("cert", "renew", "--station", "CS-1", "--json")
    assert refused.code == 1
    assert [(one["station"], one["state"]) for one in refused.json["items"]] == [("CS-1", "unable")]
    assert "error: nothing was renewed" in refused.err
    forecast = voltward("cert", "forecast", "--json").json["endings"]
    serial = next(one["serial"] for one in forecast if one["name"] == "firmware")
    renewed = voltward("cert", "renew", serial, "--wait", "--json")
    assert (renewed.code, renewed.json["items"][0]["state"]) == (0, "renewed"), renewed.err
    assert voltward("cert", "list", "--serial", renewed.json["items"][0]["new_serial"], "--json").json["items"]
    assert voltward("cert", "renew", "--expires-within", "30d").err.startswith("nothing to renew")
    for wrong in ((), (serial, "--station", "CS-1")):
        ran = voltward("cert", "renew", *wrong)
        assert (ran.code, "one of the three" in ran.err) == (2, True)


def test_a_webhook_is_tested_where_there_is_one(voltward: Command) -> None:
    ran = voltward("alarm", "test")
    assert ran.code != 0
    assert ran.err.startswith("error: no webhook is set\nhint: Set VOLTWARD_WEBHOOK_URL")


def test_a_stations_posture_is_shown_and_asked_for(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1", "--ocpp", "1.6")
    shown = voltward("station", "posture", "CS-1")
    assert (shown.code, "organisation" in shown.out, "configured" in shown.err) == (0, True, True)
    asked = voltward("station", "posture", "CS-1", "--refresh", "--json")
    assert asked.json["reading"]["asked_at"]
    assert "as soon as the station is there" in asked.err
    assert voltward("station", "variables", "CS-1", "--search", "Profile", "--json").json == {"items": [], "next": None}
    assert voltward("station", "posture", "CS-9").code == 2


def test_differences_of_the_fleet_are_counted(voltward: Command) -> None:
    voltward("station", "add", "CS-1", "--serial", "SN-1")
    report = voltward("station", "differences", "--json").json
    assert (report["stations"], report["differing"], report["items"]) == (1, 0, [])
    assert "0 of 1 stations differ" in voltward("station", "differences").err
    assert voltward("station", "differences", "--kind", "colour").code == 2
