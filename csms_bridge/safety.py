"""Which messages a person may not send by hand, because they could strand or weaken a station. Pure.

Walks send the same messages, in an order that keeps a way back; by hand that order is lost.
"""

from collections.abc import Mapping

_WHOLE_MESSAGES = {
    "SetNetworkProfile": "a walk changes connection slots, and sees whether the station comes back",
    "DeleteCertificate": "a root that is in use could go: `voltward station delete-root` looks first",
    "CertificateSigned": "certificates are delivered for a station's own request only",
    "InstallCertificate": "roots are installed by walks, and by `voltward station install-root`",
    "UpdateFirmware": "firmware goes through signing",
    "SignedUpdateFirmware": "firmware goes through signing",
}
_SETTINGS = {
    "securityprofile",
    "authorizationkey",
    "basicauthpassword",
    "networkconfigurationpriority",
    "allowsecurityprofiledowngrade",
    "identity",
    "ocppcsmsurl",
}


def objection(action: str, payload: Mapping[str, object]) -> str | None:
    """Why `action` is not to be sent by hand; None when nothing speaks against it."""
    if action in _WHOLE_MESSAGES:
        return _WHOLE_MESSAGES[action]
    guarded = sorted(name for name in _named(payload) if name.lower() in _SETTINGS)
    if action in ("ChangeConfiguration", "SetVariables") and guarded:
        return f"{', '.join(guarded)} is changed by walks, which keep a way back"
    return None


def _named(payload: Mapping[str, object]) -> list[str]:
    entries = payload.get("setVariableData")
    variables = (
        [entry.get("variable") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
    names = [str(variable.get("name", "")) for variable in variables if isinstance(variable, dict)]
    return [*names, str(payload.get("key", ""))]
