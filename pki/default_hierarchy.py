"""The hierarchy that `voltward init` makes when nobody says otherwise, as a ceremony file."""

# Beside each ECDSA authority stands an RSA one, for stations that cannot do ECDSA.
DEFAULT_HIERARCHY = """\
title = "The default hierarchy"

[[root]]
name = "root"
algorithm = "ec-p256"

[[root]]
name = "root-rsa"
algorithm = "rsa-3072"

[[root]]
name = "manufacturer"
hierarchy = "manufacturer"
algorithm = "ec-p256"

[[root]]
name = "manufacturer-rsa"
hierarchy = "manufacturer"
algorithm = "rsa-3072"

[[issuing]]
name = "stations"
parent = "root"
post = "stations"
algorithm = "ec-p256"

[[issuing]]
name = "stations-rsa"
parent = "root-rsa"
post = "stations"
algorithm = "rsa-3072"

[[issuing]]
name = "csms"
parent = "root"
post = "csms"
algorithm = "ec-p256"

[[issuing]]
name = "csms-rsa"
parent = "root-rsa"
post = "csms"
algorithm = "rsa-3072"
"""
