"""The house keeps its rules, and each rule catches what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from house import rules
from house.rules import Broken, Module

TREE = rules.modules()
PROMISED = rules.promises(TREE)
LONG_FUNCTION = "def f():\n" + "    pass\n" * 40


@dataclass(frozen=True)
class Rule:
    """A rule, modules that break it and modules that do not, and where it may be broken."""

    check: Callable[[Module], Iterator[Broken]]
    bad: dict[str, str]
    good: dict[str, str] = field(default_factory=dict)
    allowed: dict[str, str] = field(default_factory=dict)
    """Modules that the rule is not for, and why."""


def undocumented(module: Module) -> Iterator[Broken]:
    return rules.undocumented(module, PROMISED)


RULES = {
    "only the law issues permits": Rule(
        rules.permits,
        bad={"plain": "Permit(action, 'because', flow)", "dotted": "decide.Permit(a, b, c)"},
        good={"asked for": "match decide_flow(a, b, c):\n    case Permit() as p:\n        pass"},
        allowed={"access/decide.py": "it is the law"},
    ),
    "secrets are revealed where they are sealed, sent or struck out": Rule(
        rules.secrets_revealed,
        bad={"called": "print(secret.reveal())", "handed on": "show = secret.reveal"},
        allowed={
            "vault/keys.py": "reads the vault's own key",
            "vault/store.py": "seals it",
            "engine/invoke.py": "strikes it out of what is recorded",
            "connectors/mail/relay.py": "signs in to its owner's relay, and strikes it out",
            "connectors/http/preauthorized.py": "sends a token to the one service that it is for",
            "flows/authorizing.py": "proves this server, and shows a token to whom it is of",
            "flows/granting.py": "hashes a session",
            "flows/refreshing.py": "sends a refresh token back, and knows a token that was refused",
            "demo/mailbox.py": "is the relay: compares what a client signed in with",
            "engine/temporal/driver.py": "shows Temporal's server who we are",
            "engine/addresses.py": "signs the addresses of flows with the server's own secret",
            "cli/directory.py": "prints a token for whom it was made, once",
            "cli/applications.py": "prints a secret for whom it was made, once",
            "api/health.py": "compares the token of `/metrics` with the one that was sent",
            "api/oauth.py": "sends a token to the application that asked for it, once",
            "directory/passwords.py": "hashes a password, to know it again",
            "directory/openid.py": "proves this server to a provider, and a browser to this server",
            "directory/applications.py": "hashes a secret, to know it again",
            "portal/pages/sign_in.py": "gives a session's secret to the browser that begins it",
            "demo/main.py": "shows the demo's own token, once",
        },
    ),
    "a run begins in one place": Rule(
        rules.runs_begun,
        bad={"header": "RunHeader(id=1)", "first event": "events.RunStarted(at=now)"},
        allowed={
            "triggers/start.py": "it is the place",
            "journal/store.py": "reads headers back",
            "runs/simulation.py": "begins runs in memory, which no journal keeps",
            "runs/trigger.py": "a scope to evaluate conditions in, before there is a run",
        },
    ),
    "the environment is read once": Rule(
        rules.environment_read,
        bad={
            "by name": "import os\nos.environ['HOME']",
            "by function": "os.getenv('HOME')",
            "imported": "from os import environ as e",
        },
        allowed={"settings.py": "it is the place"},
    ),
    "a module fits in a sitting": Rule(
        rules.long_modules,
        bad={"401 lines": "pass\n" * 401},
        good={
            "400 lines": "pass\n" * 400,
            "explained": "# over budget: one table\n" + "pass\n" * 401,
        },
    ),
    "a function fits on a screen": Rule(
        rules.long_functions,
        bad={
            "plain": LONG_FUNCTION,
            "async": "async " + LONG_FUNCTION,
            "inside": "class A:\n    def f(self):\n" + "        pass\n" * 40,
        },
        good={
            "40 lines": "def f():\n" + "    pass\n" * 39,
            "explained": "# over budget: one list\n" + LONG_FUNCTION,
        },
    ),
    "nothing is homeless": Rule(
        rules.homeless_names,
        bad={"flows/utils.py": "", "core/mail.py": "", "models.py": "", "rows/helpers.py": ""},
        good={"flows/sharing.py": ""},
    ),
    "classes have names of their own": Rule(
        rules.empty_names,
        bad={"manager": "class FlowManager: ...", "data": "class RowData: ...",
             "inside": "class A:\n    class MailHelper: ..."},
        good={"a database": "class Database: ..."},
    ),
    "words do not wait": Rule(
        rules.waiting_words,
        bad={"runs/x.py": "async def f(): ...", "identity/x.py": "async def f():\n    await g()"},
        good={"engine/x.py": "async def f(): ...", "runs/y.py": "def f(): ..."},
    ),
    "SQL is spoken in memory only": Rule(
        rules.sql_upstairs,
        bad={
            "flows/x.py": "q = 'SELECT 1 FROM rows.workflow'",
            "api/x.py": "q = b'\\n  DELETE FROM rows.workflow'",
            "engine/x.py": "q = f'UPDATE rows.workflow SET name = {name}'",
            "cli/x.py": "q = 'INSERT INTO rows.workflow VALUES (1)'",
        },
        good={"rows/x.py": "q = 'SELECT 1'", "flows/y.py": "m = 'Select what you want'"},
    ),
    "messages are parts of sentences": Rule(
        rules.loud_errors,
        bad={
            "capital": "raise Invalid('The flow is off')",
            "full stop": "raise Refused('the flow is off.')",
            "formatted": "raise NotFound(f'There is no {x}')",
            "formatted end": "raise Rejected(f'there is no {x}.', status=404)",
        },
        good={
            "quiet": "raise Invalid('the flow is off')",
            "a name": "raise Invalid(f'{name} is off')",
            "abbreviation": "raise Invalid('SMTP says no')",
            "not ours": "raise ValueError('Whatever.')",
        },
    ),
    "what is public says what it is for": Rule(
        undocumented,
        bad={
            "module": "x = 1",
            "module without a sentence": '"""flows"""',
            "class": '"""M."""\nclass A:\n    x: int',
            "function": '"""M."""\ndef f():\n    x = 1\n    return x',
            "method": '"""M."""\nclass A:\n    """A."""\n    def f(self):\n        x = 1\n'
            "        return x",
            "named like a promise, but no method": '"""M."""\ndef find(x):\n    x = 1\n'
            "    return x",
        },
        good={
            "all said": '"""M."""\nclass A:\n    """A."""\n    def f(self):\n        """F."""\n'
            "        x = 1",
            "private": '"""M."""\ndef _f():\n    x = 1\n    return x\nclass _A:\n    x: int',
            "one statement": '"""M."""\ndef f(x):\n    return x',
            "an entry of the catalogue": '"""M."""\n@function(summary="s")\ndef f(x):\n    x = 1\n'
            "    return x",
            "promised": '"""M."""\nclass A:\n    """A."""\n    async def find(self, x):\n'
            "        x = 1\n        return x",
            "database/migrations/versions/x.py": '"""M."""\ndef upgrade():\n    x = 1\n    y = 2',
        },
    ),
}  # fmt: skip


def cases(kind: str) -> list[object]:
    return [
        pytest.param(rule, Module.written(name if "." in name else "flows/planted.py", text),
                     id=f"{title}: {name}")
        for title, rule in RULES.items()
        for name, text in getattr(rule, kind).items()
    ]  # fmt: skip


@pytest.mark.parametrize(("rule", "module"), cases("bad"))
def test_the_rule_catches_what_breaks_it(rule: Rule, module: Module) -> None:
    assert list(rule.check(module))


@pytest.mark.parametrize(("rule", "module"), cases("good"))
def test_the_rule_lets_pass_what_keeps_it(rule: Rule, module: Module) -> None:
    assert list(rule.check(module)) == []


@pytest.mark.parametrize("title", RULES)
def test_the_house_keeps_the_rule(title: str) -> None:
    rule = RULES[title]
    broken = [found for module in TREE for found in rule.check(module)]
    assert [f"{path}:{line}" for path, line in broken if path not in rule.allowed] == []
    unneeded = rule.allowed.keys() - {path for path, _ in broken}
    assert not unneeded, "these exceptions are no longer needed"


def test_every_plant_breaks_a_rule_and_every_rule_has_one() -> None:
    assert all(rule.bad for rule in RULES.values())
    assert len(TREE) > 100, "the tree was not found"
