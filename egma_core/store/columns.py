"""The ways in which this library's tables spell their columns, and the metadata that gathers them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, cast

from sqlalchemy import BigInteger, Column, DateTime, Dialect, Double, ForeignKey, Integer, LargeBinary, MetaData, String, Text
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; SQLite has no zones, so there it is kept without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring a moment to UTC."""
        if value is None:
            return None
        utc = value.astimezone(timezone.utc)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say again that it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if dialect.name == "sqlite" else value.astimezone(timezone.utc)


def plain(value: Any) -> Any:
    """A value as JSON has it: mappings and lists of numbers, texts and nothing, with None for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast(Iterable[Any], value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value


Id = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER makes a self-numbering key there


def row_id() -> Column[int]:
    """A key that numbers itself."""
    return Column("id", Id, primary_key=True)


def parent(table: str, **options: Any) -> Column[int]:
    """The row of another table that this one goes with."""
    return Column(f"{table}_id", Id, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False, **options)


def text(name: str) -> Column[str]:
    """A short text."""
    return Column(name, String, nullable=False)


def integer(name: str) -> Column[int]:
    """A small whole number."""
    return Column(name, Integer, nullable=False)


def nanoseconds(name: str) -> Column[int]:
    """A whole number of 64 bits: a time in ns, a checksum."""
    return Column(name, BigInteger, nullable=False)


def real(name: str, nullable: bool = False) -> Column[float]:
    """A number; NULL stands for NaN."""
    return Column(name, Double, nullable=nullable)


def prose(name: str) -> Column[str]:
    """A long text."""
    return Column(name, Text, nullable=False)


def key_part(table: str) -> Column[int]:
    """The row of another table that this one goes with, as the first part of the key."""
    return Column(f"{table}_id", Id, ForeignKey(f"{table}.id", ondelete="CASCADE"), primary_key=True)


def seq(name: str = "seq") -> Column[int]:
    """Rows that go with one other are counted from 0, so that a gap can be proved; the last part of the key."""
    return Column(name, Integer, primary_key=True, autoincrement=False)


def chunk() -> tuple[Column[Any], ...]:
    """A checked block of packed samples with its times."""
    return (
        nanoseconds("t0_ns"),
        nanoseconds("t1_ns"),
        integer("n"),
        nanoseconds("crc32"),
        text("format"),
        Column("payload", LargeBinary, nullable=False),
    )
