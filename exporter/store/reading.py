"""Reads a whole ledger into memory, but for the ids of counted rows."""

from __future__ import annotations

import sqlite3
from array import array
from pathlib import Path

import msgspec

from exporter.counting.coverage import Coverage, Waiting
from exporter.counting.layout import Layout
from exporter.models import Offender, SeriesKey, SourceKey
from exporter.store.changes import Contents
from exporter.store.problems import LedgerCorrupt, corrupt


def list_ids(db: sqlite3.Connection) -> dict[SourceKey, int]:
    """The number by which each list is known in the other tables."""
    return {
        SourceKey(account, source): id_
        for id_, account, source in db.execute("SELECT id, account, source FROM sources")
    }


def series_ids(db: sqlite3.Connection) -> dict[SeriesKey, int]:
    """The number by which each series is known."""
    rows = db.execute("SELECT id, account, source, model, skill, status, late FROM series")
    return {SeriesKey(*labels): id_ for id_, *labels in rows}


def read(db: sqlite3.Connection, path: Path, layout: Layout) -> Contents:
    """Read everything but the ids. Raises LedgerCorrupt, or what SQLite or msgspec raises."""
    names = {id_: key for key, id_ in list_ids(db).items()}
    blobs = db.execute("SELECT id, coverage FROM sources WHERE coverage IS NOT NULL")
    coverage = {names[id_]: msgspec.json.decode(blob, type=Coverage) for id_, blob in blobs}
    waiting: dict[SourceKey, dict[int, Waiting]] = {key: {} for key in names.values()}
    for source, hash_, created, seen in db.execute("SELECT * FROM waiting"):
        waiting[names[source]][hash_] = Waiting(created, seen)
    spend: dict[SourceKey, dict[int, int]] = {key: {} for key in names.values()}
    for source, quarter, amount in db.execute("SELECT * FROM spend"):
        spend[names[source]][quarter] = amount
    totals, released = _series(db, path, layout)
    row = db.execute("SELECT entries FROM offenders").fetchone()
    return Contents(
        coverage=coverage,
        waiting=waiting,
        totals=totals,
        released=released,
        counters={
            (family, tuple(msgspec.json.decode(labels, type=list[str]))): value
            for family, labels, value in db.execute("SELECT * FROM counters")
        },
        spend=spend,
        offenders=msgspec.json.decode(row[0], type=tuple[Offender, ...]) if row else (),
    )


def _series(
    db: sqlite3.Connection, path: Path, layout: Layout
) -> tuple[dict[SeriesKey, list[int]], dict[SeriesKey, int]]:
    totals: dict[SeriesKey, list[int]] = {}
    released: dict[SeriesKey, int] = {}
    rows = db.execute("SELECT account, source, model, skill, status, late, released, slots FROM series")
    for *labels, mask, blob in rows:
        key = SeriesKey(*labels)
        values = array("q")
        if len(blob) != layout.size * values.itemsize:
            raise LedgerCorrupt(corrupt(path, f"the totals of {key} have {len(blob)} bytes"))
        values.frombytes(blob)
        totals[key] = values.tolist()
        released[key] = mask
    return totals, released
