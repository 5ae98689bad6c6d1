"""Check files and folders of exported flows, package by package."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from flowner.definitions.documents import parse
from flowner.definitions.envelopes import is_flow
from flowner.definitions.flow import Flow
from flowner.definitions.packages import (
    Package,
    Skipped,
    Survey,
    survey_files,
    survey_package,
)
from flowner.definitions.problems import Problem, Severity
from flowner.errors import Code, Invalid
from flowner.flows.bringing import read_bytes
from flowner.flows.check import check_flow, report_json, unreadable_json
from flowner.identity.save import child_guid
from flowner.values import JsonObject

_FLOWS, _PACKAGE = "workflows", "microsoft.flow"
_BESIDE = frozenset({"manifest.json", "environmentvariablevalues.json"})
_INSTALLED = "node_modules"
_NO_PACKAGE = "holds neither a flow nor a solution"
_NOTHING = Survey(
    package=Package(flows=(), skipped=(), references=(), variables=(), solutions=()),
    faults=(),
    recognised=False,
)


@dataclass(frozen=True, slots=True)
class Found:
    """One package to check: an archive, an unpacked solution or package, or one flow."""

    path: Path
    """As the user named it, or below what the user named."""
    files: tuple[Path, ...] = ()
    """What an unpacked package consists of; empty for an archive or a single file."""
    named: bool = False
    """Whether the user named it: then it must be a flow."""


def check_path(path: Path) -> list[Found]:
    """Find the packages at a path; in a folder, whatever looks like one, by path.

    Hidden folders, links to folders and installed packages of other languages are passed over.
    """
    if not path.is_dir():
        return [Found(path, named=True)]
    files = list(_files(path))
    roots = {root for root in (_root(one) for one in files) if root is not None}
    parts: dict[Path, list[Path]] = {root: [] for root in roots}
    found: list[Found] = []
    for one in files:
        root = next((above for above in one.parents if above in roots), None)
        if root is not None and _is_part(one):
            parts[root].append(one)
        elif one.suffix.lower() != ".xml":
            found.append(Found(one))
    found += [Found(root, tuple(inside)) for root, inside in parts.items()]
    return sorted(found, key=lambda one: one.path.as_posix())


def _files(folder: Path) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        yield folder  # reading it will say why
        return
    for path in inside:
        if path.is_dir():
            if not (path.name.startswith(".") or path.name == _INSTALLED or path.is_symlink()):
                yield from _files(path)
        elif path.suffix.lower() in (".json", ".xml", ".zip"):
            yield path


def _root(file: Path) -> Path | None:
    """Return the folder of the unpacked solution or package that a file belongs to by its place."""
    if file.suffix.lower() != ".json":
        return None
    if file.parent.name.lower() == _FLOWS:
        return file.parent.parent
    holders = (folder for folder in file.parents if folder.name.lower() == _PACKAGE)
    return next((holder.parent for holder in holders), None)


def _is_part(file: Path) -> bool:
    """Say whether a file below an unpacked package is of it, and does not only lie there."""
    known = file.name.lower() in _BESIDE or _root(file) is not None
    return known or file.suffix.lower() == ".xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What there is to say of everything that was read."""

    flows: tuple[JsonObject, ...]
    """One entry per flow, and one per file that is no readable one."""
    skipped: tuple[JsonObject, ...]
    """What looks like a flow and is none, by its category or its content."""

    @property
    def refused(self) -> bool:
        """Whether anything would be refused: the exit status of ``flowner check``."""
        return any(entry["refused"] for entry in self.flows)

    def json(self) -> JsonObject:
        return {"flows": list(self.flows), "skipped": list(self.skipped)}


@dataclass(slots=True)
class Checked:
    """What has been read so far."""

    _surveys: list[tuple[Found, Survey]] = field(default_factory=list)

    def add(self, found: Found) -> None:
        """Read one package. What cannot be read becomes an entry that says so."""
        self._surveys.append((found, _survey(found)))

    def report(self) -> Report:
        """Check what was read, in the order in which it was.

        A child is looked for in its parent's package, else among everything.
        """
        everywhere = _by_guid(flow for _, survey in self._surveys for flow in survey.package.flows)
        families = [everywhere | _by_guid(survey.package.flows) for _, survey in self._surveys]
        parents = self._parents(families)
        flows: list[JsonObject] = []
        for (found, survey), family in zip(self._surveys, families, strict=True):
            flows += _unreadable(found, survey.faults)
            for flow in survey.package.flows:
                file = _shown(found, flow.file)
                flows.append(report_json(check_flow(flow, file, family, parents.get(id(flow), ()))))
        return Report(flows=tuple(flows), skipped=tuple(self._skipped()))

    def _skipped(self) -> Iterator[JsonObject]:
        for found, survey in self._surveys:
            for one in survey.package.skipped:
                yield {"name": one.name, "file": found.path.as_posix(), "why": one.why}

    def _parents(self, families: list[dict[str, Flow]]) -> dict[int, list[Flow]]:
        """Return who calls whom: the callers, by the identity of the called flow's object."""
        called: dict[int, list[Flow]] = {}
        for (_, survey), family in zip(self._surveys, families, strict=True):
            for flow in survey.package.flows:
                guids = dict.fromkeys(child_guid(action) for action in flow.walk())
                for child in (family.get(guid) for guid in guids if guid is not None):
                    if child is not None:
                        called.setdefault(id(child), []).append(flow)
        return called


def _by_guid(flows: Iterable[Flow]) -> dict[str, Flow]:
    """Return the flows that have a guid to themselves."""
    known = [flow for flow in flows if flow.guid is not None]
    count = Counter(flow.guid for flow in known)
    return {flow.guid: flow for flow in known if flow.guid and count[flow.guid] == 1}


def _survey(found: Found) -> Survey:
    if found.files:
        return _unpacked(found)
    file = found.path.as_posix()
    try:
        data = read_bytes(found.path)
        loose = not found.named and found.path.suffix.lower() == ".json"
        if loose and not is_flow(parse(data, file=file)):
            return _NOTHING
    except Invalid as error:
        return replace(_NOTHING, faults=(_problem(error, file),))
    survey = survey_package(data, file=file)
    if survey.recognised:
        return survey
    if found.named:
        return replace(
            survey, faults=(_problem(Invalid(_NO_PACKAGE, code=Code.INVALID_PACKAGE), file),)
        )
    return replace(
        survey,
        package=replace(survey.package, skipped=(Skipped(name=found.path.name, why=_NO_PACKAGE),)),
    )


def _unpacked(found: Found) -> Survey:
    files: dict[str, bytes] = {}
    faults: list[Problem] = []
    for one in found.files:
        inside = one.relative_to(found.path).as_posix()
        try:
            files[inside] = read_bytes(one)
        except Invalid as error:
            faults.append(_problem(error, inside))
    survey = survey_files(files)
    return replace(survey, faults=(*faults, *survey.faults))


def _problem(error: Invalid, file: str) -> Problem:
    return Problem(
        severity=Severity.FATAL,
        code=error.code,
        pointer=error.pointer or "",
        message=error.message,
        mend="correct the file, or leave it out",
        file=file,
    )


def _unreadable(found: Found, faults: Iterable[Problem]) -> Iterator[JsonObject]:
    """Make one entry per file, whatever number of faults it has."""
    by_file: dict[str, list[Problem]] = {}
    for fault in faults:
        by_file.setdefault(_shown(found, fault.file), []).append(fault)
    for file, problems in by_file.items():
        yield unreadable_json(file, problems)


def _shown(found: Found, file: str | None) -> str:
    """Name a file so that the user finds it: below what they named, archives like folders."""
    outer = found.path.as_posix()
    return outer if file in (None, outer) else (found.path / file).as_posix()
