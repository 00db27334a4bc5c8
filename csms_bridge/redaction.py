"""Taking secrets out of OCPP payloads before anything is kept or shown of them."""

import re

HIDDEN = "•••"

# Names of fields and variables whose value is a secret, in all three versions (reference §3.12-3.14).
_SECRET_NAME = re.compile(
    r"password|passphrase|passwd|authorizationkey|^key$|^vpnkey$|private_?key|api_?key|^simpin$|^psk$|secret|token$",
    re.IGNORECASE,
)
# Up to the last @ before the path: some people put one into the password without encoding it.
_USER_INFO = re.compile(r"(?<=://)[^/?#\s]+@")
# The secret in the address that a log is uploaded to (log_fetches), or an image fetched from (firmware.links).
_UPLOAD = re.compile(r"(?:(?<=/logs/)|(?<=/firmware/))[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
# Where a setting's value stands: 1.6, Set/GetVariables, NotifyReport (inside `variableAttribute`), NotifyEvent.
_VALUES = ("value", "attributeValue", "actualValue")


def is_secret_name(name: str) -> bool:
    """Whether a setting of this name holds a secret: AuthorizationKey, BasicAuthPassword, a maker's own …"""
    return _SECRET_NAME.search(name) is not None


def redact(payload: object) -> object:
    """A copy of a payload with every secret replaced; everything else is as it was.

    Covers named fields (`basicAuthPassword`, `simPin`, the VPN's `key` …), key/value pairs of 1.6 configuration, 2.x
    variables, user names and passwords inside URLs, and the secret of an address for uploads.
    """
    match payload:
        case dict():
            return _redact_object(payload)
        case list():
            return [redact(item) for item in payload]
        case str():
            return _UPLOAD.sub(HIDDEN, _USER_INFO.sub(HIDDEN + "@", payload))
    return payload


def _redact_object(payload: dict[str, object]) -> dict[str, object]:
    if _SECRET_NAME.search(_named(payload)):
        return {name: _hide_values(name, value) for name, value in payload.items()}
    return {name: HIDDEN if _is_secret(name, value, payload) else redact(value) for name, value in payload.items()}


def _hide_values(name: str, value: object) -> object:
    if name in _VALUES:
        return HIDDEN
    if name == "variableAttribute" and isinstance(value, list):
        return [{n: _hide_values(n, v) for n, v in one.items()} if isinstance(one, dict) else HIDDEN for one in value]
    return redact(value)


def _named(payload: dict[str, object]) -> str:
    """The name of the setting that an object with a value is about: 1.6 `key`, 2.x `variable.name`."""
    if isinstance(key := payload.get("key"), str) and ("value" in payload or "readonly" in payload):
        return key
    variable = payload.get("variable")
    return str(variable.get("name", "")) if isinstance(variable, dict) else ""


def _is_secret(name: str, value: object, payload: dict[str, object]) -> bool:
    if not isinstance(value, str) or not _SECRET_NAME.search(name):
        return False
    # In 1.6 `key` is the name of a setting; it is a secret only inside a VPN's settings.
    return name != "key" or "server" in payload
