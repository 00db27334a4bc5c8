"""Many new rows of one table by one statement: what the hot paths write with.

SQLAlchemy goes through the columns of each row anew, which takes longer than writing it. Here a statement is made once
for each kind of database, and values are encoded column by column; equal times, of which a batch is full, only once.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import Dialect, insert
from sqlmodel import Session, SQLModel

from pki.store import UtcDateTime

_Encoder: TypeAlias = Callable[[Any], Any]


class ManyRows:
    """INSERT into the table of `row`, with values for these columns (two at least). Made once, used from any thread."""

    def __init__(self, row: type[SQLModel], *columns: str) -> None:
        self._table = SQLModel.metadata.tables[str(row.__tablename__)]
        self._columns = columns
        self._prepared = functools.cache(self._prepare)

    def add(self, session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert the rows; of each mapping only the columns count. Raises ValueError for a time without a zone."""
        if not rows:
            return
        connection = session.connection()
        text, names, encoders = self._prepared(connection.dialect)
        columns = zip(*map(itemgetter(*names), rows), strict=True)
        values = zip(*map(_encoded, columns, encoders), strict=True)
        by_name = not connection.dialect.positional
        connection.exec_driver_sql(
            text, [dict(zip(names, one, strict=True)) for one in values] if by_name else [*values]
        )

    def _prepare(self, dialect: Dialect) -> tuple[str, list[str], list[_Encoder | None]]:
        """The statement, the names of its parameters in their order, and what encodes each."""
        compiled = insert(self._table).inline().compile(dialect=dialect, column_keys=list(self._columns))
        names = list(compiled.params)
        return compiled.string, names, [self._encoder(name, dialect) for name in names]

    def _encoder(self, name: str, dialect: Dialect) -> _Encoder | None:
        kind = self._table.c[name].type
        encode = kind.dialect_impl(dialect).bind_processor(dialect)
        return functools.lru_cache(maxsize=256)(encode) if encode and isinstance(kind, UtcDateTime) else encode


def _encoded(values: Iterable[Any], encode: _Encoder | None) -> Iterable[Any]:
    return values if encode is None else map(encode, values)
