"""Secrets, tokens and applications from the command line: shown once, listed without, revoked."""

from __future__ import annotations

import pytest

from cli.conftest import Company, Terminal

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
    assert "has no token" in terminal.refuses(
        "people", "revoke", "eve", "--token", "00000000-0000-4000-8000-00000000dead"
    ).replace("they have", "has")
    assert terminal("people", "revoke", "eve", "--token", listed["id"]).returncode == 0
    assert terminal.says("people", "tokens", "eve") == {"tokens": []}
