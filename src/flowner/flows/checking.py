"""Check files and folders of exported flows, package by package."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from flowner.definitions.envelopes import is_flow
from flowner.definitions.flow import Flow
from flowner.definitions.packages import Package, read_files, read_package
from flowner.definitions.problems import InvalidDefinition
from flowner.errors import Invalid
from flowner.flows.bringing import read_bytes
from flowner.flows.check import check_flow, report_json, unreadable_json
from flowner.values import JsonObject


@dataclass(frozen=True, slots=True)
class Found:
    """One package to check: an archive, an unpacked solution's folder, or one flow."""

    path: Path
    named: bool
    """Whether the user named it: then it must be a flow."""


def check_path(path: Path) -> Iterator[Found]:
    """Yield the packages at a path; in a folder, whatever looks like one."""
    if not path.is_dir():
        yield Found(path, True)
        return
    solutions = {
        one.parent.parent for one in path.rglob("*.json") if one.parent.name.lower() == "workflows"
    }
    yield from (Found(one, False) for one in sorted(solutions))
    for one in sorted(path.rglob("*")):
        inside = any(solution in one.parents for solution in solutions)
        if one.is_file() and one.suffix.lower() in (".zip", ".json") and not inside:
            yield Found(one, False)


@dataclass(slots=True)
class Checked:
    """The reports so far, as ``flowner check --json`` prints them."""

    reports: list[JsonObject] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether anything would be refused."""
        return any(report["refused"] for report in self.reports)

    def add(self, found: Found) -> None:
        """Check one package. What cannot be read becomes a report that says so."""
        try:
            package = _read(found)
        except InvalidDefinition as error:
            self.reports += [
                unreadable_json(p.file or str(found.path), f"{p.message}; {p.mend}", p.pointer)
                for p in error.problems
            ]
            return
        except Invalid as error:
            file = f"{found.path}/{error.file}" if error.file else str(found.path)
            self.reports.append(unreadable_json(file, error.message, error.pointer))
            return
        if package is not None:
            self._add_flows(package.flows, str(found.path))

    def _add_flows(self, flows: tuple[Flow, ...], file: str) -> None:
        siblings = {flow.guid.lower(): flow for flow in flows if flow.guid is not None}
        self.reports += [report_json(check_flow(flow, file, siblings)) for flow in flows]


def _read(found: Found) -> Package | None:
    if found.path.is_dir():
        files = {
            one.relative_to(found.path).as_posix(): read_bytes(one)
            for one in sorted(found.path.rglob("*"))
            if one.is_file() and one.suffix.lower() in (".json", ".xml")
        }
        return read_files(files)
    data = read_bytes(found.path)
    if not found.named and found.path.suffix.lower() == ".json" and not _is_flow(data):
        return None
    return read_package(data, file=found.path.name)


def _is_flow(data: bytes) -> bool:
    try:
        return is_flow(json.loads(data))
    except (ValueError, RecursionError):
        return False
