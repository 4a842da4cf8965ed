"""A recipient's system in a shell: waits for an extract and fetches it with its papers."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import click
from joserfc.jwk import ECKey
from tqdm import tqdm

from gateway.cli.shared import progress_bar
from gateway.cli.unpacking import PartCheck, private_key, unpack
from gateway.releases.manifest import claims_of
from gateway.remote import Caller, Client, UnexpectedAnswerError, for_grant

RENEW_SECONDS = 200
"""A token lives for 300 seconds at the most; a long preparation needs several."""


@dataclass(frozen=True, slots=True)
class Words:
    """How a command names what it waits for."""

    label: str
    noun: str
    failed_zh: str


EXTRACT = Words("准备 prepare", "preparation", "提取准备失败。")
MATCH = Words("比对 match", "match", "比对失败。")


def system_of(url: str, client_id: str, key: Path, grant: str, use: str) -> Client:
    """Return the recipient's system whose private JWK is in the file ``key``; its tokens are good for one use."""
    jwk = ECKey.import_key(json.loads(key.read_text(encoding="utf-8")))
    return Client(url.rstrip("/"), client_id, jwk, [for_grant(grant, use)])


def fetch(
    system: Client, caller: Caller, extract: str, words: Words, out: Path, *, opened_by: Path | None = None
) -> None:
    """Wait for ``extract``, download it into ``out`` part by part, check it, unpack it, and keep the papers beside it.

    ``caller`` has a new token of ``system``; ``opened_by`` is the file of the private key of an encrypted extract.
    Raises ``UnexpectedAnswerError`` when nothing was prepared, or when the content is not the one that was announced.
    """
    key = None if opened_by is None else private_key(opened_by)
    since = time.monotonic()
    with progress_bar(words.label, 0) as bar:
        while (found := caller.call("GET", f"/v1/extracts/{extract}").json())["state"] in {"queued", "preparing"}:
            bar.total = int(str(found["rows_total"])) or None
            bar.update(int(str(found["rows_done"])) - bar.n)
            time.sleep(0.5)
            if time.monotonic() - since > RENEW_SECONDS:
                caller, since = system.caller(), time.monotonic()
    if found["state"] != "ready":
        raise UnexpectedAnswerError(f"The {words.noun} failed: {found['failure']}.", detail_zh=words.failed_zh)
    out.mkdir(parents=True, exist_ok=True)
    caller, size = system.caller(), int(str(found["bytes"]))
    parts = caller.call("GET", f"/v1/extracts/{extract}/parts").json()["items"]
    with tqdm(total=size, desc="下载 download", unit="B", unit_scale=True, file=sys.stderr) as bar:
        digest = caller.download(
            f"/v1/extracts/{extract}/content",
            out / str(found["file_name"]),
            size,
            bar.update,
            sound=PartCheck(parts if isinstance(parts, list) else ()),
            renewed=system.caller,
        )
    if digest != found["sha256"]:
        raise UnexpectedAnswerError(
            "The content is not the one that the gateway announced.", detail_zh="内容摘要不符。"
        )
    for paper, suffix in (("manifest", "jws"), ("report", "json"), ("obligations", "json")):
        content = caller.call("GET", f"/v1/extracts/{extract}/{paper}").body
        (out / f"{extract}.{paper}.{suffix}").write_bytes(content)
    manifest = claims_of((out / f"{extract}.manifest.jws").read_text(encoding="ascii"))
    plain = unpack(out / str(found["file_name"]), extract, manifest, key)
    click.echo(f"{found['rows']} 行 rows → {plain.name}  sha256 {digest}")
