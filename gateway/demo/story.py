"""The steps of the demo, each over HTTP, each checked: a step that is not as promised ends the run with status 1."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from gateway import bootstrap, inspection, keyring, samples
from gateway.app import create_app
from gateway.bootstrap import Process
from gateway.demo import approvals, asking, counting, families, people, registry, trying
from gateway.demo.server import BackgroundServer, port_or_free
from gateway.demo.stage import Stage, problem, ready
from gateway.identity.holder import fetch_batch
from gateway.identity.offline import verify_credential
from gateway.keyring import Face, Key
from gateway.policies.scope import civil_date
from gateway.releases.manifest import verify_manifest
from gateway.remote import Caller, UnexpectedAnswerError, for_grant
from gateway.settings import Settings, default_config

HOST = "127.0.0.1"
WITNESS = "inspector.example/witness"
BUNDLE = "log"
"""Folder with the whole log as C2SP tlog-tiles has it, up to what the witness cosigned."""
TEXTS = 0.01
"""Share of pupils with an award in words, and of those with a remark: enough to see redacted ones, in seconds."""
CHAIN = {"ground", "basis_recorder", "basis_confirmer", "approver", "executor", "recipient", "responsible"}
"""The chain of responsibility that every release leads to (A50-10)."""


Step = tuple[str, str, Callable[[Stage], str]]


def run(directory: Path, *, once: bool, count: int, port: int, bar: samples.Bar) -> int:
    """Run the story in ``directory``, which is emptied first; return the exit status."""
    directory = directory.absolute()
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    started = time.monotonic()
    try:
        free = port_or_free(HOST, port)
        if free != port:
            print(f"端口 {port} 已被占用，改用 {free} · port {port} is taken, {free} is used instead", flush=True)
        with _stage(directory, count, free, bar) as (stage, server):
            for zh, en, step in steps():
                _tell(stage, zh, en, step)
            _write(stage)
            print(f"\n用时 {time.monotonic() - started:.0f} 秒 · {directory.name}/demo.json")
            if not once:
                print(f"控制台 · console: {stage.base}/   (Ctrl-C to stop)", flush=True)
                server.join()
    except UnexpectedAnswerError as error:
        print(f"✗ 与预期不符 · not as promised: {error}", flush=True)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _tell(stage: Stage, zh: str, en: str, step: Callable[[Stage], str]) -> None:
    stage.number += 1
    print(f"\n{stage.number:2d}. {zh}\n    {en}", flush=True)
    for line in step(stage).splitlines():
        print(f"    → {line}", flush=True)


@contextmanager
def _stage(directory: Path, count: int, port: int, bar: samples.Bar) -> Iterator[tuple[Stage, BackgroundServer]]:
    found = Settings(
        home=directory,
        registry_url=f"sqlite:///{directory / 'registry.db'}",
        gateway_url=f"sqlite:///{directory / 'gateway.db'}",
        keys=directory / "keys",
        config=default_config(),
        files=directory / "files",
        public_url=f"http://{HOST}:{port}",
        log_origin="xueji-gateway.example/log",
        witness=directory / "witness",
    )
    book = bootstrap.load_rulebook(found)
    keyring.create(found.keys)
    signer = inspection.witness_signer(directory / "witness", WITNESS)
    inspection.require_witness(found, [signer.verifier])
    bootstrap.prepare_databases(found, book)
    print(f"准备：规则、密钥、数据库 · rule book {book.sha256[:12]}…, keys, databases", flush=True)
    process = bootstrap.open_process(found, Face.ALL)
    try:
        officers = people.open_accounts(process)
        clients = people.register_clients(process, officers)
        _import(process, directory, count, bar)
        if process.worker is not None:
            process.worker.start()
        server = BackgroundServer(create_app(process.services), host=HOST, port=port)
        try:
            yield Stage(directory, found, f"http://{HOST}:{server.port}", process, officers, clients), server
        finally:
            server.close()
    finally:
        process.close()


def _import(process: Process, directory: Path, count: int, bar: samples.Bar) -> None:
    """Generate pupils, import them as a registrar's workbook; forms with clear identifiers are gone after."""
    book = process.services.book
    today = civil_date(datetime.now(UTC))
    office = process.services.office
    if office is None:
        raise UnexpectedAnswerError("the demo needs the registry")
    with tempfile.TemporaryDirectory(prefix="xueji-demo-") as temporary:
        ticks = bar("生成 generate", count)
        written = samples.write(
            Path(temporary),
            count=count,
            seed=20260210,
            kind="xlsx",
            book=book,
            today=today,
            tick=ticks.update,
            source=directory / "source.parquet",
            texts=TEXTS,
        )
        ticks.close()
        office.import_schools(samples.read_schools(written.schools_file))
        for form in written.forms:
            summary = samples.import_file(process, form, bar=bar, errors=Path(temporary) / "errors.xlsx")
            print("\n".join(samples.summary_lines(summary)[:1]), flush=True)
            if summary.rejected or not summary.new:
                raise UnexpectedAnswerError(
                    f"{summary.rejected} generated rows were rejected: {summary.finding_counts}"
                )
            again = samples.import_file(process, form, bar=bar, errors=Path(temporary) / "errors.xlsx")
            if again.new or again.changed:
                raise UnexpectedAnswerError("the same file changed something the second time")
        print("同一文件再次导入：未作任何更改 · the same file again changes nothing", flush=True)


def steps() -> list[Step]:
    """Return the steps in order: Chinese line, English line, what is done."""
    return [
        ("没有依据：不提供", "Without a ground nothing leaves", _refused),
        ("登记依据、复核、试算、批准，三人分别办理", "Ground, confirmation, dry run, decision: three people", _granted),
        ("匿名、去标识、脱敏三种提取", "Extracts: anonymous, pseudonymous, masked", _extracted),
        ("统计：加噪计数，隐私预算记账", "Statistics: counts with noise, on an account", counting.counted),
        ("逐人核验、比对回填：只回答所问", "Checks and a match: only what was asked", asking.answered),
        ("超出授权范围：拒绝、记录、预警", "Beyond the grant: refused, recorded, alerted", _exceeded),
        (
            "签发学生可信教育数字身份，在线与离线核验",
            "A digital identity, issued, verified online and offline",
            _identified,
        ),
        (
            "家庭账号：学校开通，柜台扫码核验",
            "A family: let in by the school, the identity shown at a counter",
            families.let_in,
        ),
        ("用家庭账号登录示例借阅系统", "Sign-in at a service with the family's account", families.sign_in),
        ("谁看过我的孩子：查看并询问", "Who looked at my child's data: seen, and asked about", families.looked),
        ("休学：核验立即失败", "Suspension: verification fails at once", _suspended),
        ("检查员核对责任链并验证日志", "The inspector reads the chain and verifies the log", _inspected),
    ]


def _refused(stage: Stage) -> str:
    applicant = stage.officer("applicant-books")
    body = people.application("textbook", date.today())  # noqa: DTZ011  checked by the server in Shanghai time
    application = applicant.call("POST", "/v1/applications", body, expect=201).text("id")
    stage.grants["textbook-application"] = application
    path = f"/v1/applications/{application}"
    lines = []
    decided = stage.officer("approver").call("POST", f"{path}/decision", {"decision": "approve"}, expect=422)
    lines.append(problem("批准尚无依据的申请 decide without a ground", decided))
    bureau = people.government_approval(government="太原市教育局", division="140100", document_number="")
    refused = stage.officer("recorder").call("POST", f"{path}/basis", {"ground": bureau}, expect=422)
    lines.append(problem("以教育局批准为依据 a bureau's approval as ground", refused))
    nothing = stage.client("books").call("POST", "/v1/grants/gr-none/extracts", {"format": "csv"}, expect=404)
    lines.append(problem("没有授权就提取 an extract without a grant", nothing))
    return "\n".join(lines)


def _granted(stage: Stage) -> str:
    lines = []
    for name, applicant in people.APPLICATIONS.items():
        application = stage.grants.pop(f"{name}-application", None)
        if application is None:
            body = people.application(name, date.today())  # noqa: DTZ011  checked by the server in Shanghai time
            application = stage.officer(applicant).call("POST", "/v1/applications", body, expect=201).text("id")
        path = f"/v1/applications/{application}"
        recorder = stage.officer("recorder")
        ground = approvals.hand_in(recorder, application, people.government_approval())
        recorder.call("POST", f"{path}/basis", {"ground": ground})
        if name == "textbook":
            held = stage.officer("confirmer").call("GET", f"{path}/basis").json()
            if held["scan_held"] is not True:
                raise UnexpectedAnswerError("the scan of the approval is not held")
            lines.append(f"批准文件扫描件加密收存 the scan is held, sealed: sha256 {str(ground['scan_sha256'])[:16]}…")
            own = recorder.call("POST", f"{path}/confirmation", {}, expect=403)
            lines.append(problem("登记人自行复核 the recorder confirms", own))
        stage.officer("confirmer").call("POST", f"{path}/confirmation", {})
        decision = {"decision": "approve", "reason": "符合规定，准予提供。"}
        if name in trying.TRIED:
            tried = trying.tried_out(stage, application)
            stage.tried[name] = tried
            decision["dry_run"] = str(tried["id"])
            lines.append(trying.told(tried))
        decided = stage.officer("approver").call("POST", f"{path}/decision", decision)
        grant = decided.text("grant_id")
        stage.grants[name] = grant
        lines.append(f"{decided.json()['recipient_name']}: {decided.text('state')} → {grant}")
    return "\n".join(lines)


def _extracted(stage: Stage) -> str:
    lines = []
    folder = stage.directory / "extracts"
    folder.mkdir()
    for name, client, kind in people.EXTRACTS:
        caller = stage.client(client, for_grant(stage.grants[name], "extract"))
        started = caller.call("POST", f"/v1/grants/{stage.grants[name]}/extracts", {"format": kind}, expect=202)
        extract = ready(caller, started.text("id"))
        content = caller.call("GET", f"/v1/extracts/{extract['id']}/content")
        manifest = caller.call("GET", f"/v1/extracts/{extract['id']}/manifest").body.decode()
        key = stage.process.services.keyring.verifying(Key.GRANT)
        claims = verify_manifest(manifest, key)  # type: ignore[arg-type]  # the grant key is on P-256
        digest = people.sha256(content.body)
        told = claims["file"]
        if not isinstance(told, dict) or told["sha256"] != digest:
            raise UnexpectedAnswerError("the manifest does not name the content that was delivered")
        file = folder / str(extract["file_name"])
        file.write_bytes(content.body)
        (folder / f"{extract['id']}.manifest.jws").write_text(manifest, encoding="ascii")
        report = caller.call("GET", f"/v1/extracts/{extract['id']}/report").body
        (folder / f"{extract['id']}.report.json").write_bytes(report)
        if name in stage.tried:
            lines.append(trying.compared(stage.tried[name], json.loads(report)))
        duties = caller.call("GET", f"/v1/extracts/{extract['id']}/obligations").body
        (folder / f"{extract['id']}.obligations.json").write_bytes(duties)
        stage.extracts.append(
            {
                "file": f"extracts/{extract['file_name']}",
                "manifest": f"extracts/{extract['id']}.manifest.jws",
                "report": f"extracts/{extract['id']}.report.json",
                "level": str(extract["level"]),
                "recipient": stage.clients[client].recipient,
            }
        )
        lines.append(
            f"{extract['level']}: {extract['rows']} 行 rows, {kind}, sha256 {digest[:16]}…，清单签名有效 signed"
        )
    return "\n".join(lines)


def _exceeded(stage: Stage) -> str:
    books = stage.client("books")
    path = f"/v1/grants/{stage.grants['textbook']}/extracts"
    field_ = books.call("POST", path, {"format": "csv", "fields": ["grade", "name_masked"]}, expect=403)
    other = stage.client("bus").call("POST", path, {"format": "csv"}, expect=404)
    statistics = stage.client("books", for_grant(stage.grants["textbook"], "statistics"))
    use = statistics.call("POST", path, {"format": "csv"}, expect=403)
    stolen = Caller(stage.base, books.token).call("POST", path, {"format": "csv"}, expect=401)
    return "\n".join(
        [
            problem("多要一个字段 one field more", field_),
            problem("别的单位使用 another organisation", other),
            problem("用于统计的令牌去提取 a token for statistics used for an extract", use),
            problem("令牌被窃、没有密钥 a stolen token without its key", stolen),
            asking.alerted(stage),
        ]
    )


def _identified(stage: Stage) -> str:
    stage.student, subject = _some_pupil(stage)
    registrar = stage.officer("registrar")
    offer = registrar.call("POST", "/v1/identity/offers", {"subject_ref": subject}, expect=201)
    issuer = stage.settings.public_url
    fetched = fetch_batch(offer.text("link"), offer.text("tx_code"), 4)
    fetched.notify("credential_accepted")
    wallet = fetched.wallet()
    credential, holder = wallet.held[0]
    party = stage.clients["library"].client_id
    claims = ["stage", "age_over_6"]
    shown = wallet.present(claims, audience=party, nonce="demo-nonce-1", now=datetime.now(UTC))
    library = stage.client("library")
    question = {"presentation": shown, "audience": party, "nonce": "demo-nonce-1", "claims": claims}
    told = library.call("POST", "/v1/identity/verifications", question).json()
    tampered = {**question, "presentation": _tampered(shown)}
    refused = library.call("POST", "/v1/identity/verifications", tampered, expect=422)
    jwks = Caller(stage.base).call("GET", "/v1/identity/jwks.json")
    folder = stage.directory / "identity"
    folder.mkdir()
    (folder / "jwks.json").write_bytes(jwks.body)
    uri = _status_uri(credential)
    status = Caller(stage.base).call("GET", uri.removeprefix(issuer))
    (folder / "status-list.jwt").write_bytes(status.body)
    settings = stage.process.services.identity.settings
    report = verify_credential(
        shown,
        audience=party,
        nonce="demo-nonce-1",
        issuer=settings.issuer,
        vct=settings.vct,
        jwks=json.loads(jwks.body),
        status_list_token=status.body.decode(),
        required=frozenset(claims),
        now=datetime.now(UTC),
    )
    stage.identity = {
        "credential": credential,
        "presentation": shown,
        "nonce": "demo-nonce-1",
        "aud": party,
        "vct": settings.vct,
        "iss": settings.issuer,
        "holder_jwk": holder.as_dict(private=True),
        "jwks_url": f"{stage.base}/v1/identity/jwks.json",
        "jwks_file": "identity/jwks.json",
        "status_list_url": uri,
        "status_list_file": "identity/status-list.jwt",
    }
    stage.wallet = wallet
    return "\n".join(
        [
            f"在线 online: {json.dumps(told['claims'], ensure_ascii=False)}",
            problem("被改动的出示 an altered presentation", refused),
            f"离线 offline: {json.dumps(report.as_json(), ensure_ascii=False, default=str)[:160]}…",
        ]
    )


def _suspended(stage: Stage) -> str:
    done = registry.suspend(stage.process, stage.student)
    stage.officers.update({one.username: one for one in done.officers})
    party = stage.clients["library"].client_id
    shown = stage.wallet.present(["stage"], audience=party, nonce="demo-nonce-3", now=datetime.now(UTC))
    question = {"presentation": shown, "audience": party, "nonce": "demo-nonce-3", "claims": ["stage"]}
    refused = stage.client("library").call("POST", "/v1/identity/verifications", question, expect=422)
    return "\n".join([done.told, problem("休学后核验 verify after suspension", refused)])


def _inspected(stage: Stage) -> str:
    inspector = stage.officer("inspector")
    extract = stage.extracts[0]["manifest"].removeprefix("extracts/").removesuffix(".manifest.jws")
    found = inspector.call("GET", f"/v1/audit/entries?extract={extract}&limit=20").json()
    items = found["items"]
    if not isinstance(items, list) or not items:
        raise UnexpectedAnswerError("the inspector finds no entry of the extract")
    kinds = [item["content"]["kind"] for item in reversed(items)]
    links = items[0]["content"]["links"]
    missing = {"ground", "basis_recorder", "basis_confirmer", "approver", "executor", "recipient", "responsible"} - set(
        links
    )
    if missing or "release.intent" not in kinds or "release.outcome" not in kinds:
        raise UnexpectedAnswerError(f"the chain of responsibility lacks {missing or kinds}")
    proof = inspector.call("GET", f"/v1/audit/entries/{items[0]['index']}/proof").json()
    cosigned = inspection.witness_once(stage.process.services, stage.directory / "witness", WITNESS)
    package = inspector.call("POST", "/v1/audit/packages", {}).body
    (stage.directory / "inspection.zip").write_bytes(package)
    inspection.witness_once(stage.process.services, stage.directory / "witness", WITNESS)  # the export is an entry too
    copied = inspection.mirror(stage.process.services, stage.directory / BUNDLE)
    report = inspection.verify(lambda: stage.settings)
    if not report.ok:
        raise UnexpectedAnswerError("; ".join(inspection.lines(report)))
    keys = stage.process.services.audit.policy
    stage.log = {
        "bundle": BUNDLE,
        "origin": stage.settings.log_origin,
        "verifier_key": str(keys.logs[0]),
        "witness_key": cosigned.vkey,
        "database": "gateway.db",
    }
    return "\n".join(
        [
            f"{' → '.join(kinds)}",
            f"依据 {links['ground']} · 批准 {links['approver']} · 执行 {links['executor']} · 接收 {links['recipient']}",
            f"第 {items[0]['index']} 条的包含证明 inclusion proof: {len(str(proof['proof']))} bytes",
            f"检查员见证 the inspector's witness cosigned size {cosigned.size}",
            f"日志副本 copy of the log in the layout of tlog-tiles: {BUNDLE}/, {copied.size} 条 entries",
            *inspection.lines(report),
        ]
    )


def _some_pupil(stage: Stage) -> tuple[str, str]:
    """Return the student id and the reference of a pupil, as the registrar looks one up: masked, with a reason."""
    office = stage.process.services.office
    if office is None:
        raise UnexpectedAnswerError("no registry")
    registrar = stage.officer("registrar")
    for school in office.schools()["school_code"].to_list():
        path = f"/v1/registry/students?school={school}&limit=5&reason=identity"
        items = registrar.call("GET", path).json()["items"]
        if isinstance(items, list) and items:
            student = str(items[0]["student_id"])
            return student, registrar.call("GET", f"/v1/registry/students/{student}/subject").text("subject_ref")
    raise UnexpectedAnswerError("no pupil found")


def _tampered(presentation: str) -> str:
    head, _, rest = presentation.partition("~")
    first, _, tail = rest.partition("~")
    return f"{head}~{first[:-2]}{'A' if first[-2] != 'A' else 'B'}{first[-1]}~{tail}"


def _status_uri(credential: str) -> str:
    payload = people.jwt_payload(credential.split("~", 1)[0])
    status = payload["status"]
    if not isinstance(status, dict):
        raise UnexpectedAnswerError("the credential has no status")
    return str(status["status_list"]["uri"])


def _write(stage: Stage) -> None:
    document = {
        "base_url": stage.base,
        "accounts": [one.entry() for one in stage.officers.values()],
        "clients": [
            {
                "client_id": one.client_id,
                "private_jwk": one.key.as_dict(private=True),
                "grants": [stage.grants[name] for name in one.applications if name in stage.grants],
            }
            for one in stage.clients.values()
        ],
        "source": "source.parquet",
        "extracts": stage.extracts,
        "identity": stage.identity,
        "family": stage.family,
        "sign_in": stage.sign_in,
        "log": stage.log,
    }
    path = stage.directory / "demo.json"
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    path.chmod(0o600)
