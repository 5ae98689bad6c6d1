"""What the files for containers and services say is what the program understands."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from flowner.cli import app
from flowner.settings import Settings, read_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
OURS = {name: one for name, one in COMPOSE["services"].items() if one["image"] == "flowner"}
IN_PAGES = [ROOT / "docs/how-to/run-it-in-production.md", ROOT / "docs/explanation/sizing.md"]
SETTINGS = set(
    re.findall(r'"(FLOWNER_[A-Z_]+)"', (ROOT / "src/flowner/settings.py").read_text("utf-8"))
)
SPARE = 5
"""Seconds that a process may take to end beyond its time for draining."""


def parsed(*words: str) -> None:
    """Have the command line read a command as it would, without doing anything."""
    group = typer.main.get_command(app)
    context = group.make_context("flowner", list(words), resilient_parsing=False)
    name, command, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    command.make_context(name, rest, parent=context)


def unit(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Return a unit's settings by section, in order; a name may stand there more than once."""
    found: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(section, []).append((name, value))
    return found


def environment(path: Path, instance: str = "1") -> dict[str, str]:
    given = [value for name, value in unit(path)["Service"] if name == "Environment"]
    return dict(one.replace("%i", instance).split("=", 1) for one in given)


def without_files(given: dict[str, str]) -> dict[str, str]:
    """Return an environment with secrets in place of the files that they come in."""
    secrets = {"FLOWNER_KEY_FILE": "a2V5", "FLOWNER_DATABASE_URL_FILE": "postgresql://h/d",
               "FLOWNER_METRICS_TOKEN_FILE": "token"}  # fmt: skip
    return {name.removesuffix("_FILE"): secrets.get(name, value) for name, value in given.items()}


def test_a_command_that_is_none_is_noticed() -> None:
    with pytest.raises(Exception, match="No such"):
        parsed("work")
    with pytest.raises(Exception, match="No such"):
        parsed("serve", "--no-doors")


@pytest.mark.parametrize("path", [*DEPLOY.rglob("*.*ml"), DEPLOY / "Containerfile", *UNITS,
                                  *IN_PAGES], ids=lambda path: path.name)  # fmt: skip
def test_every_setting_that_is_named_is_one(path: Path) -> None:
    named = set(re.findall(r"FLOWNER_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8")))
    assert named <= SETTINGS
    assert named


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_the_compose_file_starts_as_it_says(name: str) -> None:
    service = OURS[name]
    parsed(*service["command"])
    given = {n: str(value).replace("${FLOWNER_PUBLIC_URL:-", "").rstrip("}")
             for n, value in service["environment"].items()}  # fmt: skip
    settings = read_settings(without_files(given))
    assert (settings.metrics, settings.log) == ("token", "json")
    patience = int(service["stop_grace_period"].removesuffix("s"))
    assert patience > 2 * settings.drain_seconds + SPARE
    port = settings.port if "serve" in service["command"] else settings.worker_port
    assert f"http://127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][-1]
    compile(service["healthcheck"]["test"][-1], "healthcheck", "exec")
    files = {f"/run/secrets/{one}" for one in service["secrets"]}
    assert {value for n, value in given.items() if n.endswith("_FILE")} == files
    assert set(service["secrets"]) <= COMPOSE["secrets"].keys()


def test_the_compose_file_has_the_doors_two_workers_and_their_database() -> None:
    assert set(COMPOSE["services"]) == {"postgres", "server", "worker"}
    assert OURS["worker"]["deploy"]["replicas"] == 2
    assert OURS["server"]["ports"] == [f"127.0.0.1:{Settings().port}:{Settings().port}"]
    for service in OURS.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        assert (DEPLOY / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_as_it_says_and_is_given_time_to_end(path: Path) -> None:
    service = unit(path)["Service"]
    said = dict(service)
    program, *words = said["ExecStart"].split()
    assert program == "/opt/flowner/bin/flowner"
    parsed(*words)
    given = environment(path)
    settings = read_settings(without_files(given))
    assert int(said["TimeoutStopSec"]) > 2 * settings.drain_seconds + SPARE
    credentials = {value.split(":")[0] for name, value in service if name == "LoadCredential"}
    files = {value.removeprefix("%d/") for name, value in given.items() if name.endswith("_FILE")}
    assert files == credentials
    assert said.items() >= {"NoNewPrivileges": "yes", "ProtectSystem": "strict",
                            "CapabilityBoundingSet": "", "User": "flowner"}.items()  # fmt: skip


def test_every_worker_of_a_machine_answers_at_a_port_of_its_own() -> None:
    (path,) = (one for one in UNITS if "@" in one.name)
    ports = {read_settings(without_files(environment(path, i))).worker_port for i in "123456789"}
    assert len(ports) == 9
    assert Settings().port not in ports


def test_units_are_read_as_configuration() -> None:
    for path in UNITS:
        parser = configparser.RawConfigParser(strict=False)
        parser.read(path, encoding="utf-8")
        started_by = path.with_suffix(".timer")
        if started_by.exists():
            assert {"Unit", "Service"} == set(parser.sections())
            parser = configparser.RawConfigParser(strict=False)
            parser.read(started_by, encoding="utf-8")
            assert {"Unit", "Timer", "Install"} == set(parser.sections())
        else:
            assert {"Unit", "Service", "Install"} == set(parser.sections())


def test_the_image_is_nobodys_who_may_do_more() -> None:
    lines = (DEPLOY / "Containerfile").read_text(encoding="utf-8").splitlines()
    last = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert "USER 10001" in last
    assert 'ENTRYPOINT ["flowner"]' in last
    words = re.findall(r'"(\w+)"', next(line for line in last if line.startswith("CMD")))
    parsed(*words)
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ")]
    for sources in copied:
        for one in sources:
            assert one.startswith("--from") or one == "/opt/flowner" or (ROOT / one).exists(), one
    for file in re.findall(r"requirements/\S+\.txt", "\n".join(lines)):
        assert "--hash=sha256:" in (ROOT / file).read_text(encoding="utf-8")
