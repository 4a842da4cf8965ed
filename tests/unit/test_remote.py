"""Our own client of the API: a proof for each request, also for the second half of a download that broke."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from gateway import remote
from gateway.accounts import dpop
from gateway.remote import Caller, Client, UnexpectedAnswerError, dpop_proof, for_grant, process_key

CONTENT = bytes(range(256)) * 1024
TOKEN = "aaa.bbb.ccc"


class Breaking(BaseHTTPRequestHandler):
    """Serves ``CONTENT`` in ranges, and breaks off after ``most`` bytes each time."""

    most = 100_000
    seen: list[tuple[str, str | None]] = []  # noqa: RUF012  one server a test

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        type(self).seen.append((self.headers["DPoP"], wanted))
        if self.path == "/refused":
            self.send_response(401)
            self.end_headers()
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + self.most])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(remote, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(Breaking, "seen", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Breaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_download_that_breaks_goes_on_with_a_proof_of_its_own_each_time(base: str, tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256")
    shown: list[int] = []
    caller = Caller(base, TOKEN, key)
    digest = caller.download("/content?x=1", tmp_path / "file", len(CONTENT), shown.append)
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert [range_ for _, range_ in Breaking.seen] == [None, "bytes=100000-", "bytes=200000-"]
    proofs = [
        dpop.verify(dpop.Shown(proof, "GET", f"{base}/content"), now=_now(), token=TOKEN, jkt=key.thumbprint())
        for proof, _ in Breaking.seen
    ]
    assert len({proof.jti_sha256 for proof in proofs}) == 3
    assert sum(shown) == len(CONTENT)


def test_a_download_that_is_refused_is_not_tried_again(base: str, tmp_path: Path) -> None:
    with pytest.raises(UnexpectedAnswerError, match="401"):
        Caller(base, TOKEN, ECKey.generate_key("P-256")).download("/refused", tmp_path / "file", 10, lambda _n: None)
    assert len(Breaking.seen) == 1


def test_a_download_that_breaks_too_often_is_left_to_go_on_later(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Breaking, "most", 1000)
    caller = Caller(base, TOKEN, ECKey.generate_key("P-256"))
    with pytest.raises(UnexpectedAnswerError):
        caller.download("/content", tmp_path / "file", len(CONTENT), lambda _n: None)
    assert (tmp_path / "file.part").stat().st_size == 1000 * (remote.RETRIES + 1)
    monkeypatch.setattr(Breaking, "most", len(CONTENT))
    caller.download("/content", tmp_path / "file", len(CONTENT), lambda _n: None)
    assert Breaking.seen[-1][1] == "bytes=4000-"


def test_a_bearer_caller_sends_no_proof_and_a_process_binds_its_tokens_to_one_key() -> None:
    plain = Caller("http://127.0.0.1:1", TOKEN).request("GET", "/x")
    assert plain.get_header("Authorization") == f"Bearer {TOKEN}"
    assert not plain.has_header("Dpop")
    assert process_key() is process_key()
    assert for_grant("gr-1", "extract") == {"type": "xueji_grant", "identifier": "gr-1", "actions": ["extract"]}
    assert "private" not in repr(Client("http://127.0.0.1:1", "cl-1", process_key()))
    proof = dpop_proof(process_key(), "POST", "https://a.example/x?y=1#z")
    assert dpop.verify(dpop.Shown(proof, "POST", "https://a.example/x"), now=_now()).jkt == process_key().thumbprint()


def _now() -> float:

    return time.time()
