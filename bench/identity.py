"""Issue, verify and end credentials, beside the bare signatures and beside other implementations, in one process.

``python -m bench.identity`` prints one line a measure. CPU time of one core, rounds of all measures in turn, the best
of each: the ratios are of work done under the same conditions. ``answer`` prints them as JSON for ``python -m bench``.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from bench.measure import BenchError, answer, job, run
from bench.results import Figure, Figures
from gateway.db import make_engine
from gateway.db import migrate as gateway_migrate
from gateway.identity import jws, status_list
from gateway.identity.issue import Blank, issue
from gateway.identity.keys import HolderKey, IssuerKey, IssuerKeys
from gateway.identity.present import present
from gateway.identity.records import ClaimValue, IdentitySettings, Shard, ShardId, StatusReference
from gateway.identity.shards import ShardKeeper
from gateway.identity.status_list import OpenLists
from gateway.identity.store import IdentityStore
from gateway.identity.verify import UnverifiedPresentation, VerificationPolicy, verify
from gateway.journal import Tx

ISSUER = "https://xueji.example"
VCT = f"{ISSUER}/v1/identity/types/student/1"
URI = f"{ISSUER}/v1/identity/status/bench"
AUDIENCE, NONCE = "library.example", "n"
NOW = datetime.now(UTC).replace(microsecond=0)
SHOWN = ("stage", "grade", "age_over_14")
CLAIMS: dict[str, ClaimValue] = {
    "stage": "junior",
    "grade": "22",
    "school_name": "太原市第一示例中学",
    "school_code": "2114000001",
    "county": "140105",
    "enrolment_status": "active",
    "age_over_6": True,
    "age_over_12": True,
    "age_over_14": False,
    "enrolment_year": 2025,
}
BATCH = 10
ENTRIES = 5_000_000
NODE = Path(__file__).with_name("identity_node")
ISSUE_GOAL, VERIFY_GOAL, PEER_GOAL = 1 / 0.5, 1 / 0.6, 1 / 2
"""As times: a rate of at least half of bare signing, of at least 0.6 of bare verifying, twice that of a peer."""
PUBLISH_SECONDS = 2.0
CHECK_MICROSECONDS = 20.0


def measured(measures: Mapping[str, Callable[[], object]], *, count: int, rounds: int) -> dict[str, float]:
    """Return the best CPU time of one call of each, in microseconds; the measures take turns."""
    best = dict.fromkeys(measures, float("inf"))
    for _ in range(rounds):
        for name, work in measures.items():
            start = time.process_time()
            for _ in range(count):
                work()
            best[name] = min(best[name], (time.process_time() - start) / count)
    return {name: seconds * 1e6 for name, seconds in best.items()}


def credentials(*, count: int, rounds: int) -> dict[str, float]:
    """Measure one credential of ten claims, and one presentation of three with key binding and a cached list."""
    private = ec.generate_private_key(ec.SECP256R1())
    signer, holder = IssuerKey.of(private), ECKey.generate_key("P-256")
    reference_key = JWK.from_json(json.dumps(signer.key.as_dict(private=True)))
    reference_holder = JWK.from_json(json.dumps(jws.public_jwk(holder)))
    bound = HolderKey.shown(jws.public_jwk(holder))  # as a wallet shows it in its proof
    status = StatusReference(URI, 5)
    frame = {"key": signer, "issuer": ISSUER, "vct": VCT, "now": NOW, "life": timedelta(days=14)}

    def batch() -> list[str]:
        blank = Blank.of(CLAIMS, **frame)  # type: ignore[arg-type]  # the members of one mapping
        return [blank.filled(bound, status) for _ in range(BATCH)]

    def one() -> str:
        return issue(CLAIMS, holder=holder, status=status, **frame)  # type: ignore[arg-type]  # the same

    def peer() -> str:
        claims: dict[object, object] = {SDObj(name): value for name, value in CLAIMS.items()}
        claims |= {"iss": ISSUER, "vct": VCT, "iat": 1, "exp": 2, "status": {"status_list": {"idx": 5, "uri": URI}}}
        text: str = SDJWTIssuer(
            claims, reference_key, reference_holder, sign_alg="ES256", extra_header_parameters={"typ": "dc+sd-jwt"}
        ).sd_jwt_issuance
        return text

    keys = IssuerKeys.from_jwks({"keys": [{**jws.public_jwk(signer.key), "kid": signer.kid}]})
    policy = VerificationPolicy(AUDIENCE, NONCE, ISSUER, VCT)
    shown = present(one(), disclose=SHOWN, holder_key=holder, audience=AUDIENCE, nonce=NONCE, now=NOW)
    token = _list(signer, 1 << 17)
    lists = OpenLists()
    parsed = jws.parse(shown.split("~")[0])
    message = parsed.signing_input
    der = private.sign(message, ec.ECDSA(SHA256()))
    public = private.public_key()

    def peer_verify() -> object:
        return SDJWTVerifier(shown, lambda *_: reference_key, AUDIENCE, NONCE).get_verified_payload()

    times = measured(
        {
            "sign": lambda: private.sign(message, ec.ECDSA(SHA256())),
            "verify": lambda: public.verify(der, message, ec.ECDSA(SHA256())),
            "batch": batch,
            "issue": one,
            "verified": lambda: verify(
                UnverifiedPresentation(shown), policy, keys=keys, status_list_token=token, now=NOW, lists=lists
            ),
            "checked": lambda: status_list.read(token, status, issuer=ISSUER, keys=keys, now=NOW, lists=lists),
            "peer_issue": peer,
            "peer_verify": peer_verify,
        },
        count=count,
        rounds=rounds,
    )
    return {**times, "in_batch": times["batch"] / BATCH}


def published(entries: int) -> float:
    """Return the seconds of CPU time that ending one pupil's batch takes in a list of ``entries``, on SQLite."""
    signer, store = IssuerKey.of(ec.generate_private_key(ec.SECP256R1())), IdentityStore()
    settings = IdentitySettings.at(ISSUER)
    keeper = ShardKeeper(settings, store, signer, lambda: secrets.token_hex(16), secrets.randbelow)
    with tempfile.TemporaryDirectory(prefix="xueji-bench-") as folder:
        url = f"sqlite:///{folder}/gateway.db"
        gateway_migrate.upgrade(url)
        engine = make_engine(url)
        names = [ShardId(f"{number:032x}") for number in range(-(-entries // settings.shard_size))]
        with engine.begin() as connection:
            tx: Tx = connection  # type: ignore[assignment]  # what a store gets
            for name in names:
                store.add_shard(tx, _shard(name, settings.shard_size))
        changes = {name: {secrets.randbelow(settings.shard_size): 1} for name in names[:BATCH]}
        start = time.process_time()
        with engine.begin() as connection:
            tx = connection  # type: ignore[assignment]  # the same
            keeper.change(tx, changes, NOW)
        spent = time.process_time() - start
        engine.dispose()
    return spent


def on_node(*, count: int) -> dict[str, float] | None:
    """Return microseconds of CPU time of ``@sd-jwt`` for issue and verify, ``None`` without Node.js."""
    if not (shutil.which("node") and shutil.which("npm")):
        return None
    holder = ECKey.generate_key("P-256")
    question = {"claims": CLAIMS, "shown": SHOWN, "holder": holder.as_dict(private=True), "count": count}
    with tempfile.TemporaryDirectory(prefix="xueji-bench-") as folder:
        for name in ("package.json", "package-lock.json", "measure.mjs"):
            shutil.copy(NODE / name, folder)
        command = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
        if subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False).returncode:
            return None
        done = subprocess.run(
            ["node", "measure.mjs"],
            cwd=folder, input=json.dumps(question), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    if done.returncode:
        raise BenchError(f"node: {done.stderr.strip().splitlines()[-1:]}")
    told: dict[str, float] = json.loads(done.stdout)
    return told


def figures(count: int, say: Callable[[str], None]) -> Figures:
    """Return the goals of issue 7 as ratios of times."""
    told = run("bench.identity", "answer", str(count)).answer
    found = [
        Figure("issue in a batch, against one bare signature", told["in_batch"], told["sign"], ISSUE_GOAL, "µs"),
        Figure("issue alone, against sd-jwt", told["issue"], told["peer_issue"], PEER_GOAL, "µs"),
        Figure("verify, against its two bare checks", told["verified"], 2 * told["verify"], VERIFY_GOAL, "µs"),
        Figure("verify, against sd-jwt", told["verified"], told["peer_verify"], PEER_GOAL, "µs"),
        Figure("end a batch among 5 million entries", told["publish"], PUBLISH_SECONDS, 1, "s"),
        Figure("look up in an opened list", told["checked"], CHECK_MICROSECONDS, 1, "µs"),
    ]
    if told["node"] is not None:
        found += [
            Figure("issue alone, against @sd-jwt", told["issue"], told["node"]["issue"], PEER_GOAL, "µs"),
            Figure("verify, against @sd-jwt", told["verified"], told["node"]["verify"], PEER_GOAL, "µs"),
        ]
    for figure in found:
        say(figure.line())
    return Figures(
        "Credentials",
        found,
        "CPU time of one core, one process, rounds in turn, the best of each. A batch is ten credentials of ten "
        "claims, bound to a key as its wallet showed it. A presentation shows three of the ten with key binding: the "
        "issuer's key is at hand, the holder's is read from the credential; the status list (131,072 entries) was "
        "opened before. The bare checks are two with a key at hand. The peers check no status here, and less."
        + ("" if told["node"] is not None else " Without Node.js: @sd-jwt was left out."),
    )


def _list(signer: IssuerKey, size: int) -> str:
    return status_list.sign(
        status_list.empty(size), uri=URI, issuer=ISSUER, key=signer, now=NOW, ttl=timedelta(hours=1),
        life=timedelta(days=1),
    )  # fmt: skip


def _shard(name: ShardId, size: int) -> Shard:
    """Return a shard of which one entry in a hundred is ended, as after a year."""
    ended = {secrets.randbelow(size): 1 for _ in range(size // 100)}
    return Shard(
        name, status_list.BITS, size, size // 2, status_list.put(status_list.empty(size), ended), 1, "", NOW, NOW
    )


def main(arguments: list[str]) -> int:
    """Print the measures in words, or as JSON for ``answer COUNT``."""
    count = int(arguments[1]) if arguments[:1] == ["answer"] else 300
    with job() as cost:
        told: dict[str, object] = {
            **credentials(count=count, rounds=5),
            "publish": published(ENTRIES),
            "node": on_node(count=count),
        }
    if arguments[:1] == ["answer"]:
        answer(cost, **told)
        return 0
    for name, value in told.items():
        print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
