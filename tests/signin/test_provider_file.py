"""The file of providers: what it says, and what is wrong with it."""

from __future__ import annotations

import pytest

from flowner.directory.provider_file import read_provider_file
from flowner.errors import Invalid
from flowner.settings import read_settings

GOOD = """
[[provider]]
name = "contoso"
title = "Contoso"
issuer = "https://login.contoso.example/v2.0"
audience = ["api://flowner"]
person_claim = "oid"
application_claim = "azp"
client_id = "c"
client_secret = "never seen"
match = "email"
provision = true
end_session = false
groups_claim = "groups"

[[provider]]
name = "here"
issuer = "http://127.0.0.1:9000"
"""


def test_it_describes_providers(tmp_path) -> None:
    file = tmp_path / "providers.toml"
    file.write_text(GOOD)
    settings = read_settings({"FLOWNER_PROVIDERS": str(file)})
    contoso, here = settings.providers
    assert (contoso.title, contoso.audience, contoso.provision) == (
        "Contoso", ("api://flowner",), True
    )  # fmt: skip
    assert (contoso.end_session, here.end_session) == (False, True)
    assert (here.title, here.audience, here.match, here.client_id) == ("here", (), None, None)
    assert "never seen" not in repr(settings)
    assert read_settings({}).providers == ()


BAD = {
    "no TOML": "[[provider",
    "something else": "[other]",
    "no table of tables": "provider = 1",
    "no name": '[[provider]]\nissuer = "https://a.example"',
    "a name with a space": '[[provider]]\nname = "a b"\nissuer = "https://a.example"',
    "no issuer": '[[provider]]\nname = "a"',
    "an issuer in the clear": '[[provider]]\nname = "a"\nissuer = "http://a.example"',
    "no address": '[[provider]]\nname = "a"\nissuer = "a.example"',
    "an unknown key": '[[provider]]\nname = "a"\nissuer = "https://a.example"\nsecret = "x"',
    "a number": '[[provider]]\nname = "a"\nissuer = "https://a.example"\nclient_id = 1',
    "a text for a list": '[[provider]]\nname = "a"\nissuer = "https://a.example"\naudience = "x"',
    "a text for a switch": '[[provider]]\nname = "a"\nissuer = "https://a.b"\nend_session = "no"',
    "an empty claim": '[[provider]]\nname = "a"\nissuer = "https://a.example"\nmatch = ""',
    "twice the same": '[[provider]]\nname = "a"\nissuer = "https://a.example"\n' * 2,
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_said(what) -> None:
    with pytest.raises(Invalid):
        read_provider_file(BAD[what])


def test_a_file_that_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(Invalid, match="FLOWNER_PROVIDERS"):
        read_settings({"FLOWNER_PROVIDERS": str(tmp_path / "none.toml")})
