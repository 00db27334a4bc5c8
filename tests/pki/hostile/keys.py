"""Keys that nobody should certify. Where nobody has the private half, the signature is only a filler."""

from math import gcd, prod

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki.der import bit_string, integer, octet_string, sequence, tlv
from pki.weak_keys import primes_below
from tests.pki.hostile.pieces import (
    EC_OID,
    ECDSA,
    NULL,
    P256,
    P256_OID,
    RSA_OID,
    Case,
    ec_key,
    information,
    of_key,
    oid,
    rsa_key,
    signed_request,
    spki_of,
)


def rsa_spki(modulus: int, exponent: int = 65537) -> bytes:
    return raw_rsa(sequence(integer(modulus), integer(exponent)))


def raw_rsa(numbers: bytes, parameters: bytes = NULL) -> bytes:
    return sequence(sequence(RSA_OID, parameters), bit_string(numbers))


def ec_spki(point: bytes, curve: bytes = P256_OID) -> bytes:
    return sequence(sequence(EC_OID, curve), bit_string(point))


def point() -> tuple[bytes, bytes]:
    """The coordinates of the EC key of these tests."""
    numbers = ec_key().public_key().public_numbers()
    return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")


def modulus() -> int:
    return rsa_key().public_key().public_numbers().n


def prime() -> int:
    """A prime of 1024 bits."""
    return max(rsa_key().private_numbers().p, rsa_key().private_numbers().q)


_SMALL = prod(primes_below(10_000))


def rough_after(number: int, step: int = 2) -> int:
    """The first number, in steps from an odd one, that has no factor below 10,000."""
    number |= 1
    while gcd(number, _SMALL) != 1:
        number += step
    return number


def roca_modulus() -> int:
    """Of the form that the chips with the ROCA fault make: each factor k·M + 65537^a mod M."""
    product_of_primes = prod(primes_below(702))  # M of keys of 2048 bits has 126 primes
    factors = [
        rough_after(
            ((3 << 1022) // product_of_primes + shift) * product_of_primes
            + pow(65537, 12345 + shift, product_of_primes),
            product_of_primes,
        )
        for shift in (1, 1 << 40)
    ]
    return prod(factors)


def off_the_curve() -> bytes:
    x, y = point()
    return b"\x04" + x + y[:-1] + bytes((y[-1] ^ 1,))


def unreachable_x() -> bytes:
    """A compressed point whose x no point of P-256 has."""
    for start in range(256):
        encoded = b"\x02" + bytes((start, *point()[0][1:]))
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(P256, encoded)
        except ValueError:
            return encoded
    raise AssertionError("half of all x are on no point")


def explicit_p256(generator: bytes = b"") -> bytes:
    """P-256 spelt out (SEC 1 §C.2): with a generator of the attacker's, the trick of CVE-2020-0601."""
    p = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
    a, b = p - 3, 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    one = ec.derive_private_key(1, P256).public_key()
    base = generator or one.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return sequence(
        integer(1),
        sequence(oid("2a8648ce3d0101"), integer(p)),
        sequence(octet_string(a.to_bytes(32, "big")), octet_string(b.to_bytes(32, "big"))),
        octet_string(base),
        integer(n),
        integer(1),
    )


def published_request() -> bytes:
    """Signed by the private key that is the number 1."""
    key = ec.derive_private_key(1, P256)
    return signed_request(information(spki=spki_of(key)), key)


KEYS = [
    Case("RSA of 1024 bits", "weak-key", lambda: of_key(rsa_spki(prime()))),
    Case("RSA of 2047 bits", "weak-key", lambda: of_key(rsa_spki(modulus() >> 1 | 1))),
    Case("RSA with modulus zero", "weak-key", lambda: of_key(rsa_spki(0))),
    Case("RSA of 16384 bits", "key-too-large", lambda: of_key(rsa_spki((1 << 16_383) + 1))),
    Case("RSA with exponent 1", "bad-exponent", lambda: of_key(rsa_spki(modulus(), 1))),
    Case("RSA with exponent 3", "bad-exponent", lambda: of_key(rsa_spki(modulus(), 3))),
    Case("RSA with an even exponent", "bad-exponent", lambda: of_key(rsa_spki(modulus(), 65538))),
    Case(
        "RSA with an exponent as long as the modulus",
        "bad-exponent",
        lambda: of_key(rsa_spki(modulus(), modulus() - 2)),
    ),
    Case("RSA with an even modulus", "factorable", lambda: of_key(rsa_spki(modulus() - 1))),
    Case(
        "RSA with the factor 9973",
        "factorable",
        lambda: of_key(rsa_spki(9973 * rough_after(modulus() >> 13) | 1 << 2047)),
    ),
    Case("RSA with a modulus that is a cube", "factorable", lambda: of_key(rsa_spki(rough_after(3 << 681) ** 3))),
    Case(
        "RSA with a modulus that is a thirteenth power",
        "factorable",
        lambda: of_key(rsa_spki(rough_after(3 << 157) ** 13)),
    ),
    Case("RSA with one prime twice", "close-primes", lambda: of_key(rsa_spki(prime() ** 2))),
    Case("RSA with neighbouring primes", "close-primes", lambda: of_key(rsa_spki(prime() * rough_after(prime() + 2)))),
    Case("RSA from a chip with the ROCA fault", "roca", lambda: of_key(rsa_spki(roca_modulus()))),
    Case(
        "RSA with a negative modulus",
        "bad-key",
        lambda: of_key(raw_rsa(sequence(tlv(2, b"\x80" + bytes(255)), integer(65537)))),
    ),
    Case(
        "RSA with a modulus longer than need be",
        "bad-key",
        lambda: of_key(raw_rsa(sequence(tlv(2, b"\0\0" + modulus().to_bytes(256, "big")), integer(65537)))),
    ),
    Case(
        "RSA with octets after the numbers",
        "bad-key",
        lambda: of_key(raw_rsa(sequence(integer(modulus()), integer(65537)) + NULL)),
    ),
    Case(
        "RSA with three numbers",
        "bad-key",
        lambda: of_key(raw_rsa(sequence(integer(modulus()), integer(65537), integer(1)))),
    ),
    Case(
        "RSA with parameters",
        "bad-key",
        lambda: of_key(raw_rsa(sequence(integer(modulus()), integer(65537)), P256_OID)),
    ),
    Case(
        "RSA for RSASSA-PSS only",
        "key-type",
        lambda: of_key(
            sequence(sequence(oid("2a864886f70d01010a")), bit_string(sequence(integer(modulus()), integer(65537))))
        ),
    ),
    Case("a key that is empty", "bad-key", lambda: of_key(sequence())),
    Case("a key without an algorithm", "key-type", lambda: of_key(sequence(sequence(), bit_string(b"")))),
    Case("a DSA key", "key-type", lambda: of_key(spki_of(dsa.generate_private_key(2048)))),
    Case("an Ed25519 key", "key-type", lambda: of_key(spki_of(ed25519.Ed25519PrivateKey.generate()))),
    Case("an X25519 key, which cannot sign", "key-type", lambda: of_key(spki_of(x25519.X25519PrivateKey.generate()))),
    Case(
        "an ML-DSA key",
        "key-type",
        lambda: of_key(sequence(sequence(oid("608648016503040312")), bit_string(bytes(1952)))),
    ),
    Case(
        "the curve P-192",
        "key-type",
        lambda: of_key(ec_spki(b"\x04" + bytes(48), oid("2a8648ce3d030101")), ECDSA["sha256"]),
    ),
    Case(
        "the curve P-224", "key-type", lambda: of_key(spki_of(ec.generate_private_key(ec.SECP224R1())), ECDSA["sha256"])
    ),
    Case(
        "the curve of Bitcoin",
        "key-type",
        lambda: of_key(spki_of(ec.generate_private_key(ec.SECP256K1())), ECDSA["sha256"]),
    ),
    Case(
        "a curve that nobody knows",
        "key-type",
        lambda: of_key(ec_spki(b"\x04" + bytes(64), oid("2a0304")), ECDSA["sha256"]),
    ),
    Case(
        "P-256 spelt out",
        "explicit-curve",
        lambda: of_key(ec_spki(b"\x04" + b"".join(point()), explicit_p256()), ECDSA["sha256"]),
    ),
    Case(
        "P-256 with a generator of the sender's",
        "explicit-curve",
        lambda: of_key(
            ec_spki(b"\x04" + b"".join(point()), explicit_p256(b"\x04" + b"".join(point()))), ECDSA["sha256"]
        ),
    ),
    Case(
        "a curve left to the reader",
        "explicit-curve",
        lambda: of_key(ec_spki(b"\x04" + b"".join(point()), NULL), ECDSA["sha256"]),
    ),
    Case(
        "no curve at all", "explicit-curve", lambda: of_key(ec_spki(b"\x04" + b"".join(point()), b""), ECDSA["sha256"])
    ),
    Case("a point off the curve", "bad-point", lambda: of_key(ec_spki(off_the_curve()), ECDSA["sha256"])),
    Case("the point at infinity", "bad-point", lambda: of_key(ec_spki(b"\x00"), ECDSA["sha256"])),
    Case("the point 0, 0", "bad-point", lambda: of_key(ec_spki(b"\x04" + bytes(64)), ECDSA["sha256"])),
    Case("coordinates beyond the field", "bad-point", lambda: of_key(ec_spki(b"\x04" + b"\xff" * 64), ECDSA["sha256"])),
    Case("a point cut off", "bad-point", lambda: of_key(ec_spki(b"\x04" + point()[0]), ECDSA["sha256"])),
    Case(
        "a point of the next larger curve", "bad-point", lambda: of_key(ec_spki(b"\x04" + bytes(96)), ECDSA["sha256"])
    ),
    Case("no point", "bad-point", lambda: of_key(ec_spki(b""), ECDSA["sha256"])),
    Case(
        "a hybrid point",
        "bad-point",
        lambda: of_key(ec_spki(bytes((6 + point()[1][-1] % 2,)) + b"".join(point())), ECDSA["sha256"]),
    ),
    Case("a compressed point that is none", "bad-point", lambda: of_key(ec_spki(unreachable_x()), ECDSA["sha256"])),
    Case("a key whose private half is the number 1", "published-key", published_request),
]
