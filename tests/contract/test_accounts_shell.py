"""``xueji accounts`` on a host: an administrator proves who it is, then manages accounts and recipients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from joserfc.jwk import ECKey

from gateway import bootstrap, keyring, settings
from gateway.accounts import service
from gateway.cli import cli
from gateway.demo import people
from gateway.errors import ForbiddenError
from gateway.keyring import Face

CODE = "91140100MA0GATEW7P"


@dataclass
class Host:
    home: Path
    officers: dict[str, people.Officer] = field(repr=False)

    def run(self, *words: str, who: str = "secadmin") -> Result:
        """Run a command as an officer."""
        officer = self.officers[who]
        typed = f"{officer.username}\n{officer.password}\n123456\n"
        return CliRunner().invoke(cli, ["--home", str(self.home), "accounts", *words], input=typed)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    home = tmp_path_factory.mktemp("shell")
    found = settings.from_environment({}, home=home)
    keyring.create(found.keys)
    bootstrap.prepare_databases(found, bootstrap.load_rulebook(found))
    process = bootstrap.open_process(found, Face.ALL, with_worker=False)
    try:
        officers = people.open_accounts(process)
    finally:
        process.close()
    with pytest.MonkeyPatch.context() as patch:
        # one administrator signs in several times in a minute: no code is looked at twice here
        patch.setattr(service, "matching_step", lambda secret, code, now, *, after: (after or 0) + 1)
        yield Host(home, officers)


def test_accounts_are_opened_listed_reset_and_sealed(host: Host) -> None:
    made = host.run(
        "create", "--username", "li.na", "--name", "李娜", "--role", "data_officer", "--unit", "140105",
        "--post", "数据管理员",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    account = next(line for line in made.output.splitlines() if "st-" in line).split("\t")[0].rpartition(" ")[2]
    listed = host.run("list", "--unit", "140105").output
    assert f"{account}\tli.na\t140105\tdata_officer\t有效 active" in listed
    assert host.run("seal", account, "--reason", "调离").exit_code == 0
    assert "封存 sealed" in host.run("list", "--unit", "140105").output


def test_the_policies_hold_in_the_shell_too(host: Host) -> None:
    refused = host.run("list", who="sysadmin")
    assert isinstance(refused.exception, ForbiddenError)
    assert refused.exception.extra["policy"] == "default-deny"


def test_a_recipient_and_its_system_are_onboarded_and_suspended(host: Host, tmp_path: Path) -> None:
    words = ["--name", "虚构公司", "--post", "信息科", "--responsible", "李某", "--evidence", "营业执照"]
    wrong = host.run("recipient", "register", "--code", f"{CODE[:-1]}X", *words)
    assert "credit code" in str(wrong.exception)
    assert f"{CODE}\t虚构公司\t140000\t有效" in host.run("recipient", "register", "--code", CODE, *words).output
    keys = tmp_path / "client.jwks.json"
    keys.write_text(json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=False)]}), encoding="utf-8")
    client = host.run("client", "--recipient", CODE, "--role", "applicant", "--jwks", str(keys))
    assert "cl-" in client.output
    party = ["client", "--recipient", CODE, "--role", "relying_party", "--jwks", str(keys), "--redirect-uri"]
    assert "cl-" in host.run(*party, "https://a.example/cb", "--after-sign-out", "https://a.example/bye").output
    assert "redirect_uris" in str(host.run(*party, "http://a.example/cb").exception)
    renamed = host.run("recipient", "rename", CODE, "--name", "新名称公司", "--evidence", "变更通知书")
    assert "renamed" in renamed.output
    assert "manager" in host.run("recipient", "suspend", CODE, "--reason", "核查").output
    assert "manager" in host.run("recipient", "list").output
