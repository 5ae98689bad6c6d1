"""Secrets, tokens and applications from the command line: shown once, listed without, revoked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cli.conftest import PROGRAM, Company, Terminal

pytestmark = pytest.mark.usefixtures("company")


def test_an_application_gets_secrets_and_loses_them(terminal: Terminal, company: Company) -> None:
    del company
    added = terminal("applications", "add", "Stock keeper")
    assert added.returncode == 0, added.stderr
    client = added.stdout.strip()
    secrets = [terminal.says("applications", "secret", "Stock keeper", "--name", name)["secret"]
               for name in ("old", "new")]  # fmt: skip
    assert len(set(secrets)) == 2
    (listed,) = terminal.says("applications", "list")["applications"]
    assert (listed["application"], listed["client_id"]) == ("Stock keeper", client)
    assert "old until" in listed["secrets"]
    assert not [secret for secret in secrets if secret in str(listed)]
    done = terminal("applications", "revoke", "Stock keeper")
    assert done.stdout.strip() == "2 revoked"
    (listed,) = terminal.says("applications", "list")["applications"]
    assert listed["secrets"] == ""
    assert "no GUID" in terminal.refuses("applications", "add", "X", "--client-id", "x")
    assert "no application" in terminal.refuses("applications", "secret", "olga")


def test_a_token_is_listed_and_revoked(terminal: Terminal) -> None:
    made = terminal("people", "token", "eve", "--name", "report")
    token = made.stdout.strip()
    assert token.startswith("flw_")
    (listed,) = terminal.says("people", "tokens", "eve")["tokens"]
    assert (listed["name"], listed["used"]) == ("report", None)
    assert token not in str(listed)
    assert "they have no token" in terminal.refuses(
        "people", "revoke", "eve", "--token", "00000000-0000-4000-8000-00000000dead"
    )
    assert terminal("people", "revoke", "eve", "--token", listed["id"]).returncode == 0
    assert terminal.says("people", "tokens", "eve") == {"tokens": []}


def test_a_password_is_set_from_a_pipe_and_taken_away(terminal: Terminal) -> None:
    def given(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(PROGRAM), "people", "password", "eve"], input=f"{line}\n",
            env=terminal.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    done = given("nobody sees this one")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "12 to 256" in given("short").stderr
    assert terminal("people", "password", "eve", "--remove").returncode == 0
    assert "no password" in terminal.refuses("people", "password", "eve", "--remove")


def test_a_group_follows_a_provider(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "providers.toml"
    file.write_text('[[provider]]\nname = "contoso"\nissuer = "https://contoso.example"\n'
                    'groups_claim = "groups"\n')  # fmt: skip
    assert terminal("groups", "add", "Sales").returncode == 0
    with_file = {"FLOWNER_PROVIDERS": str(file)}
    assert terminal("groups", "follow", "Sales", "contoso", "g-1", **with_file).returncode == 0
    assert "no provider" in terminal.refuses("groups", "follow", "Sales", "fabrikam", "g-1")
    assert terminal("groups", "unfollow", "Sales").returncode == 0
    assert "follows no provider" in terminal.refuses("groups", "unfollow", "Sales")
