"""What it costs to pack an extract for its recipient, and to make a ladder over many values, against the plain way.

``python -m bench.travel encrypt|copy [MEGABYTES]``: a sealed file of so much CSV, read and sealed again, with each
piece in an envelope for the recipient's key (ours), or as it is (reference). ``python -m bench.travel ladder|loop
[VALUES]``: the ladder of so many different school codes, by columns (ours) or by a loop over chains (reference).
"""

from __future__ import annotations

import secrets
import sys
import tempfile
from pathlib import Path

import polars as pl
from joserfc.jwk import ECKey

from bench.measure import answer, job
from gateway.anonymize.hierarchies import ladder_of
from gateway.anonymize.ladders import TOP
from gateway.ids import ExtractId
from gateway.policies.records import Format
from gateway.releases.packing import Sealed, packed
from gateway.releases.records import ExtractRequest, PreparedFile
from gateway.releases.vault import FileKey, SealedSink, SealedSource
from rulebook.records import Divisions, Hierarchy

EXTRACT = ExtractId("ex-bench")
_STEP = 1 << 20


def sealed_file(path: Path, megabytes: int) -> Sealed:
    """Write a sealed file of lines that look like an extract's."""
    key = FileKey.new(EXTRACT)
    line = b"".join(b"%s,2114000001,140105,primary,13\n" % secrets.token_hex(16).encode() for _ in range(16_000))[
        :_STEP
    ]
    with SealedSink(path, key) as sink:
        for _ in range(megabytes):
            sink.write(line)
        digest = sink.commit()
        size, parts = sink.size, sink.parts.digests()
    return Sealed(PreparedFile(size, 0, digest, 0, 0, "0", "", (), parts), key)


def pack(megabytes: int, *, encrypt: bool) -> None:
    """Pack a file, or copy it, and print what that cost."""
    jwk = {name: str(value) for name, value in ECKey.generate_key("P-256", private=False).as_dict().items()}
    request = ExtractRequest(Format.CSV, encrypt=encrypt, encrypt_to={**jwk, "kid": "bench"} if encrypt else None)
    with tempfile.TemporaryDirectory(prefix="xueji-bench-") as folder:
        path = Path(folder) / "file.sealed"
        sealed = sealed_file(path, megabytes)
        with job() as cost:
            if encrypt:
                packed(EXTRACT, request, sealed, path)
            else:
                _copy(path, sealed)
    answer(cost, megabytes=megabytes)


def _copy(path: Path, sealed: Sealed) -> None:
    key = FileKey.new(EXTRACT)
    with SealedSource(path, sealed.key, sealed.prepared.size) as source, SealedSink(path, key) as sink:
        while piece := source.read(_STEP):
            sink.write(piece)
        sink.commit()


def ladder(values: int, *, columns: bool) -> None:
    """Make the ladder of school codes and print what that cost."""
    codes = pl.Series("school_code", [f"{2114000000 + number}" for number in range(values)])
    with job() as cost:
        if columns:
            hierarchy = Hierarchy("school", "prefix", ("10", "4", "2", TOP), None)
            ladder_of(hierarchy, Divisions({}, {}), codes)
        else:
            _loop(codes)
    answer(cost, values=values)


def _loop(codes: pl.Series) -> None:
    """Give each label of each level its number, value by value, and look whether all have one above them."""
    chains = {code: (code, code[:4], code[:2], TOP) for code in codes.unique().sort().to_list()}
    for level in range(1, 4):
        order: dict[str, int] = {}
        above: dict[str, str] = {}
        for chain in chains.values():
            order.setdefault(chain[level], len(order))
            if above.setdefault(chain[level - 1], chain[level]) != chain[level]:
                raise ValueError("no tree")
        _ = [order[chain[level]] for chain in chains.values()]


def main() -> None:
    """Carry out what the arguments say."""
    what, size = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
    if what in {"encrypt", "copy"}:
        pack(size or 300, encrypt=what == "encrypt")
    else:
        ladder(size or 1_000_000, columns=what == "ladder")


if __name__ == "__main__":
    main()
