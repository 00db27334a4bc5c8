"""What can go wrong in the authority, split by who must act.

PkiError
├── CsrRejected            whoever made the request: another key, another name, another encoding
├── OrderRefused           whoever placed the order: unknown profile, bad host name, validity too long
├── LintFailed             us: our own certificate would break a clause; nothing was signed
├── SignerUnavailable      the operator: a key is missing or cannot be used
│   └── VaultUnavailable   the operator: the place where keys are cannot be reached at all
├── SignerRefused          us: the signer looked at what it should sign, and did not like it
├── IssuerEndsTooSoon      the operator: roll the authority over
├── PostVacant             the operator: make an authority, or take one in, that fills the post
├── CeremonyRefused        whoever wrote the ceremony file: what is planned cannot be
├── ReturnedRefused        whoever brought it: a certificate or list from elsewhere that proves nothing
├── RecordRefused          whoever brought it: not the record of a ceremony, or changed since
├── MisSigned              us: what came back from the signer is not what we asked for
├── TokenSpent             us: a step of issuing was repeated
├── UnknownCertificate, UnknownAuthority, UnknownFirmware     the caller: no such thing
├── UnknownAlarm, UnknownKey, UnknownCode                     the caller: no such thing
├── RenewalRefused         the caller: the key is somebody else's, or its place is gone
├── SearchRefused          the caller: what is looked for can never be there
├── AlreadyRevoked, NotHeld, RevocationRefused                the caller: the state does not allow it
├── CrossRefused           whoever wants an authority certified by another
├── RolloverRefused, UnknownRollover                          whoever rolls an authority over
├── NoChain                whoever wants a chain to end in a root that none leads to
├── AnchorRefused, AnchorExists, UnknownAnchor                whoever adds or looks for a maker's root
├── FirmwareRefused        whoever ordered the signature
├── FirmwareNotPending, ApproverRefused   whoever approves or refuses
├── UnknownFirmwareRule, UnknownAttachment    the caller: no such thing
├── UnknownLogEntry        the caller: the firmware log has no such entry, or never had that size
├── CodeRefused            whoever presents an enrolment code
├── CodeAtWork             the same: the first request with the code is not answered yet
├── RequestAtWork, MadeAlready            whoever asks once more: it is being made, or was made
├── TrailDamaged, TrailSetBack            the operator: look before anything more is signed
├── StampRefused                          the operator: the time-stamping authority, or a stamp of it
├── NothingToAccept                       the caller: the database was not set back
└── KeyStoreError
    ├── WrongPassphrase, KeyStoreMissing                      the operator
    └── KeyExists                                             the operator

Every one has a `sentence` (what is wrong, fit for a person) and a `hint` (what to do, possibly empty).
"""


class PkiError(Exception):
    """The root of the tree. `sentence` says what is wrong, `hint` what to do about it."""

    hint = ""

    def __init__(self, sentence: str, hint: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if hint is not None:
            self.hint = hint


class CsrRejected(PkiError):
    """A certificate request that must not be signed. `code` is stable, `clause` names the rule it breaks."""

    def __init__(self, code: str, sentence: str, clause: str = "", hint: str | None = None) -> None:
        super().__init__(sentence, hint)
        self.code = code
        self.clause = clause


class OrderRefused(PkiError):
    """An order that cannot be carried out as placed; `field` names the part that is wrong."""

    def __init__(self, field: str, sentence: str, hint: str | None = None) -> None:
        super().__init__(sentence, hint)
        self.field = field


class LintFailed(PkiError):
    """Our own to-be-signed certificate breaks a clause. `findings` are sentences, each with its clause."""

    hint = "Nothing was signed. This is a fault of the profile or of the program, not of the request."

    def __init__(self, findings: tuple[str, ...]) -> None:
        super().__init__("the certificate would break a rule: " + "; ".join(findings))
        self.findings = findings


class SignerUnavailable(PkiError):
    """The key called `name` cannot sign now."""

    hint = "Check the keys folder and the passphrase, then try again; nothing was lost."

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"the key {name!r} cannot sign: {why}")
        self.name = name


class VaultUnavailable(SignerUnavailable):
    """None of the keys in the place called `name` can sign now: a token, a service or the signer process is away."""

    hint = "Nothing was lost; what waits for a signature is tried again."

    def __init__(self, place: str, why: str) -> None:
        PkiError.__init__(self, f"the {place} cannot be used: {why}")
        self.name = place


class SignerRefused(PkiError):
    """The signer would not sign with the key `name`; `code` names the rule of its own that was broken."""

    hint = "Nothing was signed. The signer's log has the request; find out who sent it."

    def __init__(self, name: str, code: str, sentence: str) -> None:
        super().__init__(f"the signer refuses to use the key {name!r}: {sentence}")
        self.name = name
        self.code = code


class IssuerEndsTooSoon(PkiError):
    """The certificate would outlive its issuer, which RFC 5280 path validation would not accept."""

    hint = "Order a shorter validity, or roll the authority over."

    def __init__(self, authority: str, sentence: str) -> None:
        super().__init__(sentence)
        self.authority = authority


class PostVacant(PkiError):
    """No active authority of this key family fills the post."""

    hint = "Make one with `voltward ca ceremony`, or take one in with `voltward ca request` and `voltward ca accept`."

    def __init__(self, post: str, family: str) -> None:
        super().__init__(f"no active authority with an {family.upper()} key fills the post {post!r}")
        self.post = post
        self.family = family


class CeremonyRefused(PkiError):
    """A ceremony that cannot be held as planned. `findings` are sentences that name the table and the key."""

    hint = "Nothing was made. Correct the file and try again."

    def __init__(self, findings: tuple[str, ...], hint: str | None = None) -> None:
        super().__init__("; ".join(findings), hint)
        self.findings = findings


class ReturnedRefused(PkiError):
    """A certificate or list from an authority elsewhere that must not be taken in. `code` is stable."""

    def __init__(self, code: str, sentence: str, clause: str = "", hint: str | None = None) -> None:
        super().__init__(sentence, hint)
        self.code = code
        self.clause = clause


class UnknownCeremony(PkiError):
    """No ceremony has this id."""

    def __init__(self, ceremony_id: str) -> None:
        super().__init__(f"there is no ceremony {ceremony_id!r}")
        self.ceremony_id = ceremony_id


class RecordRefused(PkiError):
    """The record of a ceremony that is none, or is not what was signed."""

    hint = "Compare it with another copy; the console and `voltward ca record list` show those kept here."


class MisSigned(PkiError):
    """The signer returned something else than a good signature over the intended bytes."""

    hint = "The intent is on record and the certificate was not delivered. Check the signer before trying again."


class TokenSpent(PkiError):
    """A single-use step of issuing was used twice, which would sign the same intent twice."""


class UnknownCertificate(PkiError):
    """No certificate of ours has this serial number."""

    def __init__(self, serial: str) -> None:
        super().__init__(f"there is no certificate with serial number {serial!r}")
        self.serial = serial


class UnknownAuthority(PkiError):
    """No authority has this name, or the authority has no such CRL shard."""

    def __init__(self, name: str, sentence: str | None = None) -> None:
        super().__init__(sentence or f"there is no authority called {name!r}")
        self.name = name


class UnknownFirmware(PkiError):
    """No firmware order has this id."""

    def __init__(self, firmware_id: str) -> None:
        super().__init__(f"there is no firmware with id {firmware_id!r}")
        self.firmware_id = firmware_id


class FirmwareNotPending(PkiError):
    """The firmware waits for nobody (any more): it is signed, refused or revoked."""

    def __init__(self, firmware_id: str, state: str) -> None:
        super().__init__(f"the firmware {firmware_id} is {state}, so there is nothing to decide")
        self.firmware_id = firmware_id


class ApproverRefused(PkiError):
    """This person's approval cannot count: who asked never approves, nor whom the rule does not name."""


class UnknownAttachment(PkiError):
    """The firmware binds no file with this SHA-256."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"the firmware binds no file with SHA-256 {sha256!r}")
        self.sha256 = sha256


class UnknownFirmwareRule(PkiError):
    """No approval rule has this id."""

    def __init__(self, rule_id: str) -> None:
        super().__init__(f"there is no firmware rule {rule_id!r}")
        self.rule_id = rule_id


class UnknownLogEntry(PkiError):
    """The firmware log has no such entry, or was never of that size."""

    def __init__(self, number: str, sentence: str | None = None) -> None:
        super().__init__(sentence or f"the firmware log has no entry {number}")
        self.number = number


class UnknownAlarm(PkiError):
    """No alarm has this number."""

    def __init__(self, alarm_id: str) -> None:
        super().__init__(f"there is no alarm {alarm_id!r}")
        self.alarm_id = alarm_id


class UnknownKey(PkiError):
    """No key with this fingerprint is blocked."""

    def __init__(self, spki_sha256: str) -> None:
        super().__init__(f"the key {spki_sha256!r} is not blocked")
        self.spki_sha256 = spki_sha256


class AnchorRefused(PkiError):
    """A certificate that cannot be a bootstrap anchor. `code` is stable and says which rule it breaks."""

    def __init__(self, code: str, sentence: str, hint: str | None = None) -> None:
        super().__init__(sentence, hint)
        self.code = code


class AnchorExists(PkiError):
    """The name is taken, or this very root is an anchor already."""

    def __init__(self, name: str, *, is_same_root: bool) -> None:
        what = f"this root is the anchor {name!r} already" if is_same_root else f"there is an anchor {name!r} already"
        super().__init__(what)
        self.name = name


class UnknownAnchor(PkiError):
    """No bootstrap anchor has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no anchor called {name!r}")
        self.name = name


class SearchRefused(PkiError):
    """A search that can match nothing, whatever there is; `field` names what makes it so."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class CrossRefused(PkiError):
    """One authority must not certify the other's key, or has done so already."""


class NoChain(PkiError):
    """No chain of good certificates leads from the authority to the root."""

    hint = "Have the root certify it, or an authority above it: voltward ca cross."

    def __init__(self, authority: str, root: str, sentence: str | None = None) -> None:
        super().__init__(sentence or f"no chain leads from {authority!r} to {root!r} now")
        self.authority = authority
        self.root = root


class UnknownRollover(PkiError):
    """No roll-over has this id."""

    def __init__(self, rollover_id: str) -> None:
        super().__init__(f"there is no roll-over {rollover_id!r}")
        self.rollover_id = rollover_id


class RolloverRefused(PkiError):
    """The roll-over cannot begin, or its next step cannot be taken. `findings` says what stands against it."""

    def __init__(self, findings: tuple[str, ...], hint: str | None = None) -> None:
        super().__init__("; ".join(findings), hint)
        self.findings = findings


class RenewalRefused(PkiError):
    """A certificate that we cannot renew by ourselves: whoever holds its key must ask."""


class AlreadyRevoked(PkiError):
    """The certificate is revoked for good already."""

    def __init__(self, serial: str) -> None:
        super().__init__(f"the certificate {serial} is revoked already")
        self.serial = serial


class NotHeld(PkiError):
    """Only a certificate on hold can be released (RFC 5280 §5.3.1, certificateHold)."""

    def __init__(self, serial: str) -> None:
        super().__init__(f"the certificate {serial} is not on hold, so there is nothing to release")
        self.serial = serial


class RevocationRefused(PkiError):
    """This certificate cannot be revoked by a list: a root is withdrawn from the trust stores instead."""


class FirmwareRefused(PkiError):
    """The firmware must not be signed as ordered; `field` names the part that is wrong."""

    def __init__(self, field: str, sentence: str, hint: str | None = None) -> None:
        super().__init__(sentence, hint)
        self.field = field


class CodeRefused(PkiError):
    """An enrolment code that is good for nothing (any more), or not for this station or key. `code` is stable."""

    hint = "Have a fresh code made: voltward station code ID"

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class CodeAtWork(PkiError):
    """A certificate is being made with this enrolment code; `wait` is after how many seconds to ask again."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"the first request with this enrolment code is under way: ask again in {wait} seconds")
        self.wait = wait


class RequestAtWork(PkiError):
    """The same was asked for a moment ago and is being made; `wait` is after how many seconds to ask again."""

    def __init__(self, wait: int) -> None:
        super().__init__(f"the same request is under way: ask again in {wait} seconds")
        self.wait = wait


class MadeAlready(PkiError):
    """What is asked for once more was made meanwhile; `serial` is the certificate's."""

    def __init__(self, serial: str) -> None:
        super().__init__(f"the certificate {serial} was made for the same request")
        self.serial = serial


class UnknownCode(PkiError):
    """No enrolment code has this id."""

    def __init__(self, code_id: str) -> None:
        super().__init__(f"there is no enrolment code {code_id!r}")
        self.code_id = code_id


class TrailDamaged(PkiError):
    """The audit trail does not hold, so no checkpoint is signed over it. `found` counts the findings."""

    hint = "See everything that is wrong with: voltward audit verify"

    def __init__(self, sentence: str, found: int) -> None:
        super().__init__(f"the audit trail is damaged: {sentence}")
        self.found = found


class TrailSetBack(PkiError):
    """The database is older than the checkpoint file beside it."""

    hint = (
        "Run `voltward audit verify`. If a backup was restored here, say so: "
        "voltward audit checkpoint --after-restore --reason TEXT"
    )


class StampRefused(PkiError):
    """No time stamp was to be had, or the one at hand is not good; `why` says which of the reasons it was."""

    hint = "The checkpoint is kept without one. Look at VOLTWARD_TSA_URL and VOLTWARD_TSA_ROOTS."

    def __init__(self, why: str) -> None:
        super().__init__(f"the time-stamping authority gave no good stamp: {why}")
        self.why = why


class NothingToAccept(PkiError):
    """The database is not older than the checkpoint file."""

    def __init__(self) -> None:
        super().__init__("the database is not older than the checkpoint file, so there is nothing to accept")


class KeyStoreError(PkiError):
    """Something about the folder of encrypted keys."""


class WrongPassphrase(KeyStoreError):
    """The passphrase does not open the key store."""

    hint = "Set VOLTWARD_PASSPHRASE or VOLTWARD_PASSPHRASE_FILE to the passphrase chosen at init."

    def __init__(self) -> None:
        super().__init__("the passphrase does not open the keys of this data folder")


class KeyStoreMissing(KeyStoreError):
    """The folder holds no key store, or a damaged one."""


class KeyExists(KeyStoreError):
    """A key file is never overwritten."""

    hint = "Keys are never overwritten; move the old file away if it is really not needed."
