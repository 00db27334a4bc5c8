"""Texts that are no single request in PEM."""

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.pki.hostile.pieces import Case, ec_key, pem, request


def private_key_pem() -> str:
    return ec_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


TEXTS = [
    Case("nothing", "not-pem", lambda: ""),
    Case("a word", "not-pem", lambda: "hello"),
    Case("a page of a proxy", "not-pem", lambda: "<html><body>502 Bad Gateway</body></html>"),
    Case("a NUL", "not-pem", lambda: "\x00"),
    Case("half a surrogate", "not-pem", lambda: "\ud800" + "A" * 200),
    Case("a certificate's label", "not-pem", lambda: pem(request(), "CERTIFICATE")),
    Case("a private key", "not-pem", private_key_pem),
    Case("labels that differ", "not-pem", lambda: pem(request()).replace("BEGIN CERT", "BEGIN NEW CERT")),
    Case("no last line", "not-pem", lambda: pem(request()).split("-----END")[0]),
    Case(
        "no base64", "not-pem", lambda: "-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----\n"
    ),
    Case(
        "base64 cut off",
        "not-pem",
        lambda: (
            pem(request()).replace("=\n", "\n").replace("A\n", "\n", 1)[:200] + "B\n-----END CERTIFICATE REQUEST-----"
        ),
    ),
    Case("a NUL inside the base64", "not-pem", lambda: pem(request())[:100] + "\x00" + pem(request())[100:]),
    Case(
        "headers as of RFC 1421",
        "not-pem",
        lambda: pem(request()).replace("-----\nM", "-----\nProc-Type: 4,CLEAR\n\nM", 1),
    ),
    Case("two requests", "several-requests", lambda: pem(request()) * 2),
    Case("a hundred thousand blanks", "too-long", lambda: pem(request()) + " " * 100_000),
    Case("a megabyte of base64", "too-long", lambda: pem(bytes(750_000))),
    Case("sixty thousand beginnings", "too-long", lambda: "-----BEGIN CERTIFICATE REQUEST-----" * 60_000),
    Case("four hundred beginnings", "not-pem", lambda: "-----BEGIN CERTIFICATE REQUEST-----" * 400),
]
