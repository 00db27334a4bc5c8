"""A secret that does not show itself."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """Raw secret bytes (a password, a token); `repr` and `str` hide them, so that no log line can show them."""

    reveal: bytes = field(repr=False)

    @classmethod
    def of(cls, text: str) -> "Secret":
        """The secret that `text` spells in UTF-8."""
        return cls(text.encode())

    def text(self) -> str:
        """The secret as UTF-8 text. Raises UnicodeDecodeError when it is binary."""
        return self.reveal.decode()

    def __str__(self) -> str:
        return "Secret(…)"
