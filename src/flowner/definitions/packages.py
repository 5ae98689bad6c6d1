"""Packages: solution archives, legacy packages, unpacked folders and single files, to flows.

Bytes in, objects out: nothing is fetched and nothing is written. A package is read whole or not
at all; one bad flow refuses it, and the error carries everything that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from flowner.definitions.archives import expand, is_archive, unpack
from flowner.definitions.codec import read_flow
from flowner.definitions.documents import parse, parse_object
from flowner.definitions.envelopes import is_flow
from flowner.definitions.flow import Flow
from flowner.definitions.manifests import CONNECTIONS_MAP, MANIFEST, with_accounts, with_titles
from flowner.definitions.problems import InvalidDefinition, Problem, Severity
from flowner.definitions.reading import text_at
from flowner.definitions.solutions import (
    DeclaredReference,
    DeclaredVariable,
    DeclaredWorkflow,
    Solution,
    parse_xml,
    read_references,
    read_solution,
    read_variable,
    read_variables,
    read_workflows,
)
from flowner.errors import Code, Invalid
from flowner.values import JsonObject

_WORKFLOW: Final = re.compile(r"(?:^|/)workflows/[^/]+\.json$", re.IGNORECASE)
_WORKFLOW_DATA: Final = re.compile(r"(?:^|/)workflows/[^/]+\.data\.xml$", re.IGNORECASE)
_LEGACY: Final = re.compile(
    r"(?:^|/)microsoft\.flow/flows/([^/]+)/definition\.json$", re.IGNORECASE
)
_VARIABLE: Final = re.compile(r"(?:^|/)environmentvariabledefinition\.xml$", re.IGNORECASE)
_MANIFEST: Final = re.compile(r"(?:^|/)(?:other/)?(solution|customizations)\.xml$", re.IGNORECASE)
_GUID_SUFFIX: Final = re.compile(r"-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_JSON_STARTS: Final = (b"{", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_SCHEMA: Final = b"/workflowdefinition.json"
_AGAIN: Final = "export it again, or correct the file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something in a package that looks like a flow, and is none that runs here."""

    name: str
    why: str
    """Continues a sentence that begins with the name: ``is a desktop flow (category 6)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What a package holds, in the order of its files."""

    flows: tuple[Flow, ...]
    skipped: tuple[Skipped, ...]
    references: tuple[DeclaredReference, ...]
    """One per logical name."""
    variables: tuple[DeclaredVariable, ...]
    """One per schema name."""
    solutions: tuple[Solution, ...]
    """Usually one; none for a legacy package or single files; several for a package of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What can be read of a package, and what cannot."""

    package: Package
    faults: tuple[Problem, ...]
    """Each with its file: its path inside the package, or the package itself."""
    recognised: bool
    """Whether there is a solution, a package or a flow in it at all."""


def read_package(data: bytes, *, file: str) -> Package:
    """Read a solution archive, a legacy package, an archive of those, or one JSON file.

    Raises `Invalid` for what cannot be read; `InvalidDefinition` with all problems where there is
    more than one. ``file`` names the package; an error names the file inside it.
    """
    return _opened(data, file).settled(file)


def read_files(files: Mapping[str, bytes], *, file: str | None = None) -> Package:
    """Read an unpacked solution or any folder with flows: file contents by relative path.

    Archives among them are opened. Raises as `read_package`.
    """
    return _gathered(expand(files, file=file)).settled(file)


def survey_package(data: bytes, *, file: str) -> Survey:
    """Read as `read_package` does, but go on after a fault: one bad flow hides no other."""
    try:
        return _opened(data, file).survey()
    except Invalid as error:
        faults = tuple(_all(file, error))
        return Survey(package=_Gathering().package(), faults=faults, recognised=True)


def survey_files(files: Mapping[str, bytes]) -> Survey:
    """Read an unpacked solution or package as `survey_package` does an archive."""
    return _gathered(files).survey()


def _opened(data: bytes, file: str) -> _Gathering:
    if is_archive(data):
        return _gathered(unpack(data, file=file))
    if file.casefold().endswith(".json") or data[:256].lstrip().startswith(_JSON_STARTS):
        found = _Gathering()
        found.attempt(
            file, lambda path: found.flows.append(_flow(parse_object(data, file=path), path))
        )
        return found
    raise Invalid("is not a zip archive", code=Code.INVALID_PACKAGE, file=file)


@dataclass(slots=True)
class _Gathering:
    """What has been found so far, and what was wrong with it."""

    flows: list[Flow] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    references: dict[str, DeclaredReference] = field(default_factory=dict)
    variables: dict[str, DeclaredVariable] = field(default_factory=dict)
    solutions: list[Solution] = field(default_factory=list)
    workflows: dict[str, DeclaredWorkflow] = field(default_factory=dict)
    """By the lower-case path of their file."""
    errors: list[tuple[str, Invalid]] = field(default_factory=list)
    known: bool = False
    """Whether a file stands where only a package has one."""

    @property
    def recognised(self) -> bool:
        return self.known or bool(self.flows)

    def attempt(self, path: str, read: Callable[[str], None]) -> None:
        try:
            read(path)
        except Invalid as error:
            self.errors.append((path, error))

    def settled(self, file: str | None) -> Package:
        if len(self.errors) == 1:
            raise self.errors[0][1]
        if self.errors:
            raise InvalidDefinition(list(self.problems()))
        if not self.recognised:
            raise Invalid(
                "holds neither a flow nor a solution", code=Code.INVALID_PACKAGE, file=file
            )
        return self.package()

    def problems(self) -> Iterator[Problem]:
        for path, error in self.errors:
            yield from _all(path, error)

    def package(self) -> Package:
        titles = {key: reference.display_name for key, reference in self.references.items()}
        return Package(
            flows=tuple(with_titles(flow, titles) for flow in self.flows),
            skipped=tuple(self.skipped),
            references=tuple(self.references.values()),
            variables=tuple(self.variables.values()),
            solutions=tuple(self.solutions),
        )

    def survey(self) -> Survey:
        recognised = self.recognised or bool(self.errors)
        return Survey(package=self.package(), faults=tuple(self.problems()), recognised=recognised)


def _all(path: str, error: Invalid) -> Iterator[Problem]:
    if isinstance(error, InvalidDefinition):
        yield from error.problems
        return
    yield Problem(
        severity=Severity.FATAL,
        code=error.code,
        pointer=error.pointer or "",
        message=error.message,
        mend=_AGAIN,
        file=error.file or path,
    )


def _gathered(files: Mapping[str, bytes]) -> _Gathering:
    found = _Gathering()
    readers: tuple[tuple[re.Pattern[str], Callable[[str], None]], ...] = (
        (_MANIFEST, lambda path: _manifest(path, files[path], found)),
        (_WORKFLOW_DATA, lambda path: _workflow_data(path, files[path], found)),
        (_VARIABLE, lambda path: _variable(path, files, found)),
        (_WORKFLOW, lambda path: _workflow(path, files[path], found)),
        (_LEGACY, lambda path: found.flows.append(_legacy_flow(path, files))),
    )
    for pattern, read in readers:
        for path in sorted(path for path in files if pattern.search(path)):
            found.known = True
            found.attempt(path, read)
    _loose(files, found)
    _missing(files, found)
    return found


def _legacy_flow(path: str, files: Mapping[str, bytes]) -> Flow:
    flow = _flow(_parsed(path, files), path)
    folder = path.rpartition("/")[0]
    root = path[: path.casefold().rindex("microsoft.flow/")]
    beside = (f"{root}{MANIFEST}", f"{folder}/{CONNECTIONS_MAP}")
    if any(one not in files for one in beside):
        return flow
    manifest, connections_map = (parse(files[one], file=one) for one in beside)
    return with_accounts(flow, manifest, connections_map)


def _parsed(path: str, files: Mapping[str, bytes]) -> JsonObject:
    return parse_object(files[path], file=path)


def _manifest(path: str, data: bytes, found: _Gathering) -> None:
    match = _MANIFEST.search(path)
    root = parse_xml(data, file=path)
    if match is None or match[1].casefold() == "solution":
        found.solutions.append(read_solution(root))
        return
    folder = path[: match.start()]
    for workflow in read_workflows(root, file=path):
        inside = workflow.file or workflow.name
        found.workflows[_joined(folder, inside).casefold()] = workflow
    for reference in read_references(root):
        found.references.setdefault(reference.logical_name.casefold(), reference)
    for variable in read_variables(root, file=path):
        found.variables.setdefault(variable.schema_name.casefold(), variable)


def _joined(folder: str, inside: str) -> str:
    return f"{folder}/{inside}" if folder else inside


def _workflow_data(path: str, data: bytes, found: _Gathering) -> None:
    of = path[: -len(".data.xml")].casefold()
    for workflow in read_workflows(parse_xml(data, file=path), file=path):
        found.workflows[of] = workflow


def _variable(path: str, files: Mapping[str, bytes], found: _Gathering) -> None:
    beside = path.rpartition("/")[0] + "/environmentvariablevalues.json"
    values = _parsed(beside, files) if beside in files else None
    value = text_at(values, "environmentvariablevalues", "environmentvariablevalue", "value")
    variable = read_variable(parse_xml(files[path], file=path), value, file=path)
    found.variables.setdefault(variable.schema_name.casefold(), variable)


def _workflow(path: str, data: bytes, found: _Gathering) -> None:
    declared = found.workflows.pop(path.casefold(), None)
    if declared is not None and declared.why_skipped:
        found.skipped.append(Skipped(name=declared.name, why=declared.why_skipped))
        return
    document = parse_object(data, file=path)
    if declared is None and not is_flow(document):
        found.skipped.append(Skipped(name=_name(document, path), why="is no cloud flow"))
        return
    flow = _flow(document, path, declared.name if declared else None)
    guid = declared.guid if declared else None
    found.flows.append(replace(flow, guid=guid or flow.guid))


def _missing(files: Mapping[str, bytes], found: _Gathering) -> None:
    """Account for the workflows that are declared and were not among the JSON files."""
    for path, workflow in found.workflows.items():
        if workflow.why_skipped:
            found.skipped.append(Skipped(name=workflow.name, why=workflow.why_skipped))
        elif path not in {file.casefold() for file in files}:
            error = Invalid(
                f"flow `{workflow.name}` is declared, but its file `{workflow.file}` is not there",
                code=Code.INVALID_PACKAGE,
                file=path,
            )
            found.errors.append((path, error))


def _loose(files: Mapping[str, bytes], found: _Gathering) -> None:
    """Read files that are in no known place: whichever of them is a flow.

    Beside a solution, only what says of itself that it is a workflow definition counts, such as
    the template of a logic app that is shipped with it.
    """

    def read(path: str) -> None:
        document = parse(files[path], file=path)
        if isinstance(document, dict) and (is_flow(document) or len(files) == 1):
            found.flows.append(_flow(document, path))
        elif not found.known:
            found.skipped.append(Skipped(name=path, why="is no flow"))

    for path in sorted(files):
        if not path.casefold().endswith(".json") or _WORKFLOW.search(path) or _LEGACY.search(path):
            continue
        if not found.known or _SCHEMA in files[path]:
            found.attempt(path, read)


def _flow(document: JsonObject, path: str, name: str | None = None) -> Flow:
    return read_flow(document, name=name or _name(document, path), file=path)


def _name(document: JsonObject, path: str) -> str:
    """Return the display name, else the file's name without its GUID, else its folder's."""
    display_name = text_at(document, "properties", "displayName")
    if display_name:
        return display_name
    folder, _, last = path.rpartition("/")
    stem = _GUID_SUFFIX.sub("", re.sub(r"\.json$", "", last, flags=re.IGNORECASE))
    if stem.casefold() in ("workflow", "definition") and folder:
        return folder.rpartition("/")[2]
    return stem
