"""The compressed form of /metrics: the same text, for any decoder."""

from __future__ import annotations

import gzip
import subprocess
import zlib

import pytest

from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Snapshot
from tests.expositions import OPENMETRICS, body, everything, expected, parse_text, published, read


@pytest.fixture(scope="module")
def exposition() -> Exposition:
    return everything()


@pytest.mark.parametrize("accept", ["", OPENMETRICS], ids=["text", "openmetrics"])
def test_the_compressed_form_is_the_same(exposition: Exposition, accept: str) -> None:
    packed = exposition.scrape(accept, packed=True)
    plain = exposition.scrape(accept, packed=False)
    assert (packed.content_encoding, plain.content_encoding) == ("gzip", None)
    assert packed.content_type == plain.content_type
    unpacked = gzip.decompress(packed.body)
    assert published(unpacked) == published(plain.body)
    assert unpacked.removeprefix(published(unpacked)).startswith(b"# HELP p")
    assert unpacked.endswith(plain.body[-6:])
    assert len(packed.body) < len(plain.body) / 3


def test_another_decoder_reads_all_of_it_too(exposition: Exposition) -> None:
    packed = exposition.scrape("", packed=True).body
    unpacked = subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout
    assert unpacked.startswith(published(body(exposition)))
    assert read(parse_text(unpacked), exemplars=False) == read(expected(), exemplars=False)


def test_the_packed_answer_is_a_single_gzip_member_as_some_clients_read_no_second_one() -> None:
    exposition = Exposition()
    exposition.publish(Snapshot())
    body = exposition.scrape("application/openmetrics-text", packed=True).body
    member = zlib.decompressobj(16 + zlib.MAX_WBITS)
    text = member.decompress(body)
    assert member.eof
    assert not member.unused_data
    assert text.endswith(b"# EOF\n")
