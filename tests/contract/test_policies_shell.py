"""``xueji policy``: what an official sees who edits the policies."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import cli
from gateway.errors import NotFoundError, ParameterError
from tests.factories.api import gateway
from tests.factories.policies import CONFIG, decision_point


@pytest.fixture
def config(tmp_path: Path) -> Path:
    copied = tmp_path / "config"
    shutil.copytree(CONFIG, copied)
    return copied


def run(config: Path, *arguments: str, home: Path | None = None) -> Result:
    """Run ``xueji policy``; errors of ours are left as the exception of the result."""
    where = config.parent / "home" if home is None else home
    return CliRunner().invoke(cli, ["--home", str(where), "policy", *arguments], env={"XUEJI_CONFIG": str(config)})


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_check_tells_every_policy_and_the_hash_that_the_audit_trail_carries(config: Path) -> None:
    done = run(config, "check")
    assert done.exit_code == 0, done.output
    for name, policy in decision_point().policies.items():
        assert name in done.output
        assert policy.zh in done.output
        assert policy.file in done.output
    assert decision_point().sha256 in done.output
    assert "rule book" in done.output
    assert run(config, "check", str(config / "policies")).exit_code == 0


def test_check_names_file_and_policy_and_what_to_change(config: Path) -> None:
    policies = config / "policies"
    edit(
        policies / "alerts.cedar",
        '@id("inspector-reads-alerts")\n@basis("晋教〔2026〕1号 arts. 50, 51")',
        '@id("inspector-reads-alerts")',
    )
    (policies / "separation.cedar").write_text("// 暂时删去\n", encoding="utf-8")
    annotation = run(config, "check", str(policies))
    assert annotation.exit_code == 1
    assert "policies/alerts.cedar" in annotation.stderr
    assert "@basis" in annotation.stderr
    assert "inspector-reads-alerts" in annotation.stderr
    shutil.copy(CONFIG / "policies" / "alerts.cedar", policies / "alerts.cedar")
    floor = run(config, "check")
    assert floor.exit_code == 1
    assert "recorder-does-not-decide" in floor.stderr
    assert "不得删除" in floor.stderr


@pytest.mark.parametrize("text", ["permit (principal, oops", "\n"])
def test_check_of_a_file_that_does_not_parse_names_it(config: Path, text: str) -> None:
    (config / "policies" / "grants.cedar").write_text(text, encoding="utf-8")
    done = run(config, "check", str(config / "policies"))
    assert done.exit_code == 1
    assert "policies/grants.cedar" in done.stderr
    assert run(config, "check").exit_code == 1


def test_check_of_a_directory_that_is_not_there_fails(config: Path) -> None:
    assert run(config, "check", str(config / "nowhere")).exit_code == 1


def test_check_notes_what_nobody_may_and_files_that_do_not_belong(config: Path) -> None:
    policies = config / "policies"
    text = (policies / "system.cedar").read_text(encoding="utf-8")
    (policies / "system.cedar").write_text(
        text[: text.index('@id("system-administrator-configures")')], encoding="utf-8"
    )
    (policies / "system.cedar~").write_text(text, encoding="utf-8")
    done = run(config, "check", str(policies))
    assert done.exit_code == 0, done.output
    assert "configure 未准许任何人" in done.output
    assert "system.cedar~" in done.output


def test_the_shipped_examples_pass(config: Path) -> None:
    done = run(config, "test")
    assert done.exit_code == 0, done.output
    assert done.output.count("通过 ok") == 2 * len(decision_point().policies)


def test_a_wrong_example_and_a_missing_one_fail(config: Path) -> None:
    examples = config / "policies" / "examples"
    edit(examples / "decide-in-territory.toml", 'roles = ["approving_officer"]', 'roles = ["executor"]')
    (examples / "comment-in-territory.toml").unlink()
    done = run(config, "test")
    assert done.exit_code == 1
    assert "失败 FAILED\tdecide-in-territory: decide_application 拒绝 denied by default-deny" in done.stderr
    assert "comment-in-territory: 没有示例" in done.stderr
    one = run(config, "test", str(examples / "withdraw-in-territory.toml"))
    assert one.exit_code == 0
    assert one.output.count("通过 ok") == 2


def test_an_example_of_no_policy_fails_and_a_broken_file_is_named(config: Path) -> None:
    examples = config / "policies" / "examples"
    shutil.copy(examples / "withdraw-in-territory.toml", examples / "no-such-policy.toml")
    assert "no-such-policy: 没有这条规则" in run(config, "test").stderr
    (examples / "no-such-policy.toml").write_text("[permitted", encoding="utf-8")
    done = run(config, "test")
    assert isinstance(done.exception, ParameterError)
    assert "no-such-policy.toml" in done.exception.detail


def test_explain_says_which_policy_and_what_would_have_to_change(config: Path) -> None:
    asked = ("explain", "--action", "decide_application", "--unit", "140100")
    place = ("--resource", "Application:state=confirmed,territory=140105,recorder=st-recorder")
    allowed = run(config, *asked, *place, "--as", "approving_officer")
    assert allowed.exit_code == 0, allowed.output
    assert "准许 ALLOWED: decide-in-territory" in allowed.output
    assert "A50-10" in allowed.output
    nobody = run(config, *asked, *place, "--as", "data_officer")
    assert nobody.exit_code == 1
    assert "default-deny" in nobody.output
    assert "担任批准人" in nobody.output
    assert "with the role approving_officer" in nobody.output
    several = run(
        config, *asked, "--as", "approving_officer,inspector", "--assurance", "1", "--account", "st-recorder",
        "--resource", "Application:territory=140200,recorder=st-recorder",
    )  # fmt: skip
    assert several.exit_code == 1
    assert "recorder-does-not-decide (forbid, A50-11" in several.output
    assert "范围外 outside" in several.output
    assert "以下任一变化" not in several.output  # four things are wrong; three changes do not help
    three = run(
        config, *asked, "--as", "approving_officer", "--assurance", "1", "--account", "st-recorder",
        "--resource", "Application:territory=140200,recorder=st-recorder",
    )  # fmt: skip
    assert "使用第二因素登录，且改由未经手此事的其他人员办理，且在办理人单位的范围之内" in three.output


def test_explain_of_a_client_with_a_token_for_another_use(config: Path) -> None:
    asked = (
        "explain", "--as", "executor", "--kind", "client", "--account", "cl-x", "--recipient", "91140100MA0EXAMPLE",
        "--action", "execute_release", "--resource", "Grant:recipient=91140100MA0EXAMPLE,state=withdrawn",
        "--errand", "gr-one extract", "--mandate", "gr-one match",
    )  # fmt: skip
    done = run(config, *asked)
    assert done.exit_code == 1
    assert "token-names-its-grant-and-use" in done.output
    assert "ended-grant-releases-nothing" in done.output
    assert "授权处于有效状态" in done.output
    assert "the grant is active" in done.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--as", "king", "--resource", "System:"), "king"),
        (("--as", "inspector"), "--resource"),
        (("--as", "inspector", "--resource", "System:", "--grant", "gr-x"), "--resource"),
    ],
)
def test_explain_refuses_what_it_does_not_understand(config: Path, arguments: tuple[str, ...], says: str) -> None:
    done = run(config, "explain", "--action", "configure", *arguments)
    assert done.exit_code == 2
    assert says in done.output


@pytest.mark.parametrize("resource", ["Castle:", "System:unit"])
def test_explain_refuses_a_resource_that_there_is_not(config: Path, resource: str) -> None:
    done = run(config, "explain", "--action", "configure", "--as", "inspector", "--resource", resource)
    assert isinstance(done.exception, ParameterError)


def test_explain_reads_grant_application_and_account_from_the_database(config: Path, tmp_path: Path) -> None:
    home = tmp_path / "real"
    with gateway(home) as running:
        grant = running.grant()
        token = running.person("approver")
        told = running.call("GET", f"/v1/grants/{grant}", token=token).get_json()
        application, account = told["application"], told["approver"]
    whole = ("--account", account, "--separation", "three")
    withdraw = run(config, "explain", "--action", "withdraw_grant", "--grant", grant, *whole, home=home)
    assert withdraw.exit_code == 0, withdraw.output
    assert f"approver={account}" in withdraw.output
    execute = run(config, "explain", "--action", "execute_release", "--grant", grant, *whole, home=home)
    assert "approver-does-not-execute" in execute.output
    decide = run(config, "explain", "--action", "decide_application", "--application", application, *whole, home=home)
    assert "decide-in-territory" in decide.output
    for wrong in (("--grant", "gr-none"), ("--application", "ap-none")):
        assert isinstance(
            run(config, "explain", "--action", "dry_run", *wrong, *whole, home=home).exception, NotFoundError
        )
    nobody = run(config, "explain", "--action", "dry_run", "--grant", grant, "--account", "st-none", home=home)
    assert isinstance(nobody.exception, NotFoundError)
