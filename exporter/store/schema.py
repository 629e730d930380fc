"""The ledger's SQLite schema, one script a version. A ledger is brought up to date when it is opened.

A script that was released is never edited, not even its layout: SQLite keeps the text, and a ledger whose schema is
not word for word what these scripts make is taken for damaged.
"""

from __future__ import annotations

APPLICATION_ID = 0x564C4D52
"""``VLMR``: tells our ledger from any other SQLite file."""

MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE sources (
        id INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        source TEXT NOT NULL,
        coverage BLOB,
        UNIQUE (account, source)
    ) STRICT;
    CREATE TABLE settled (
        source INTEGER NOT NULL,
        second INTEGER NOT NULL,
        hash INTEGER NOT NULL,
        mark INTEGER NOT NULL,
        PRIMARY KEY (source, second, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE waiting (
        source INTEGER NOT NULL,
        hash INTEGER NOT NULL,
        created INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        PRIMARY KEY (source, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE series (
        id INTEGER PRIMARY KEY,
        account TEXT NOT NULL,
        source TEXT NOT NULL,
        model TEXT NOT NULL,
        skill TEXT NOT NULL,
        status TEXT NOT NULL,
        late TEXT NOT NULL,
        released INTEGER NOT NULL DEFAULT 0,
        slots BLOB NOT NULL,
        UNIQUE (account, source, model, skill, status, late)
    ) STRICT;
    CREATE TABLE counters (
        family TEXT NOT NULL,
        labels TEXT NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (family, labels)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE spend (
        source INTEGER NOT NULL,
        quarter INTEGER NOT NULL,
        credits INTEGER NOT NULL,
        PRIMARY KEY (source, quarter)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE offenders (id INTEGER PRIMARY KEY CHECK (id = 1), entries BLOB NOT NULL) STRICT;
    CREATE TABLE requests (account TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
    CREATE INDEX requests_by_account ON requests (account, at);
    """,
    # Digests of what the other tables hold: see exporter.store.digests.
    """
    CREATE TABLE digests (
        name TEXT PRIMARY KEY,
        row_count INTEGER NOT NULL,
        crcs INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE settled_sums (
        source INTEGER PRIMARY KEY,
        row_count INTEGER NOT NULL,
        seconds INTEGER NOT NULL,
        high INTEGER NOT NULL,
        low INTEGER NOT NULL,
        marks INTEGER NOT NULL
    ) STRICT;
    """,
    # The ids in segments, no longer a row each: see exporter.store.segments. Quarter by quarter, because a GROUP BY
    # would sort all ids in memory. Fingerprints are taken in another way since: 0 stands for one that is not known.
    """
    CREATE TABLE segments (
        id INTEGER PRIMARY KEY,
        source INTEGER NOT NULL,
        quarter INTEGER NOT NULL,
        oldest INTEGER NOT NULL,
        newest INTEGER NOT NULL,
        entries BLOB NOT NULL
    ) STRICT;
    CREATE INDEX segments_by_time ON segments (source, quarter, oldest, newest);
    CREATE TABLE vanished (
        source INTEGER NOT NULL,
        second INTEGER NOT NULL,
        hash INTEGER NOT NULL,
        PRIMARY KEY (source, second, hash)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO vanished SELECT source, second, hash FROM settled WHERE mark = 1;
    INSERT INTO segments (source, quarter, oldest, newest, entries)
        SELECT source, quarter, quarter * 900, quarter * 900 + 899, (
            SELECT pack_segment(hash, 0, second - quarter * 900) FROM settled
            WHERE source = held.source AND second BETWEEN quarter * 900 AND quarter * 900 + 899 AND mark <> 1
        )
        FROM (SELECT DISTINCT source, second / 900 AS quarter FROM settled WHERE mark <> 1) AS held;
    DROP TABLE settled;
    DROP TABLE settled_sums;
    DELETE FROM digests;
    """,
)

VERSION = len(MIGRATIONS)
