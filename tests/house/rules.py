"""Rules of the house that no linter off the shelf knows, each a function over one module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "flowner"
LONGEST_MODULE, LONGEST_FUNCTION = 400, 40
HOMELESS = frozenset({"utils", "common", "helpers", "core", "base", "services", "models"})
WORDS = frozenset({"expressions", "odata", "definitions", "access", "identity", "runs"})
MEMORY = frozenset({"rows", "journal", "vault", "database"})
EXPLAINED = "# over budget: "
"""Stands on the first line of what is too long, or the line above, and is followed by the why."""


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the tree."""

    path: str
    """From the package's root, with slashes: ``access/decide.py``."""
    text: str
    tree: ast.Module

    @classmethod
    def written(cls, path: str, text: str) -> Module:
        return cls(path, text, ast.parse(text))

    @property
    def room(self) -> str:
        return self.path.split("/")[0].removesuffix(".py")


Broken = tuple[str, int]
"""What breaks the rule (a module's path), and its line."""


def modules() -> list[Module]:
    """Read the whole tree."""
    return [
        Module.written(path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    ]


def calls_of(module: Module, *names: str) -> Iterator[Broken]:
    """Find calls of a name, plain or as the last part of a dotted one."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            called = node.func
            last = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if last in names:
                yield module.path, node.lineno


def permits(module: Module) -> Iterator[Broken]:
    """Only the law issues permits."""
    return calls_of(module, "Permit")


def secrets_revealed(module: Module) -> Iterator[Broken]:
    """A secret is revealed only where it is sealed, sent or struck out."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "reveal":
            yield module.path, node.lineno


def runs_begun(module: Module) -> Iterator[Broken]:
    """A run begins in one place: nothing else writes a run's header or its first event."""
    return calls_of(module, "RunHeader", "RunStarted")


def environment_read(module: Module) -> Iterator[Broken]:
    """The environment is read once."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"):
            yield module.path, node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if alias.name in ("environ", "getenv", "environb"):
                    yield module.path, node.lineno


def long_modules(module: Module) -> Iterator[Broken]:
    """A module fits in a sitting."""
    lines = module.text.splitlines()
    if len(lines) > LONGEST_MODULE and not any(EXPLAINED in line for line in lines[:3]):
        yield module.path, len(lines)


def long_functions(module: Module) -> Iterator[Broken]:
    """A function fits on a screen."""
    lines = module.text.splitlines()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            near = lines[max(0, node.lineno - 2) : node.lineno]
            if length > LONGEST_FUNCTION and not any(EXPLAINED in line for line in near):
                yield module.path, node.lineno


def homeless_names(module: Module) -> Iterator[Broken]:
    """A function that seems homeless is a word nobody has named yet."""
    if HOMELESS & set(module.path.removesuffix(".py").split("/")):
        yield module.path, 1


_EMPTY_NAMES = re.compile(r"(Manager|Handler|Helper|Helpers|Info|Data|Util|Utils)$")


def empty_names(module: Module) -> Iterator[Broken]:
    """A class is named for what it is, not for being a thing that manages or helps."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and _EMPTY_NAMES.search(node.name):
            yield module.path, node.lineno


def waiting_words(module: Module) -> Iterator[Broken]:
    """Words are synchronous: nothing on that floor waits."""
    if module.room in WORDS:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                yield module.path, node.lineno


_SQL = re.compile(r"\s*(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|WITH\s+\w+)")


def sql_upstairs(module: Module) -> Iterator[Broken]:
    """SQL is spoken in memory only, though a string needs no import."""
    if module.room in MEMORY:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant):
            value = node.value
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            if isinstance(text, str) and _SQL.match(text):
                yield module.path, node.lineno


_ERRORS = frozenset(
    {"Invalid", "NotFound", "AccessDenied", "Refused", "Conflict", "Unavailable"}
    | {"Rejected", "Transient"}
)
_SHOUTED = re.compile(r"[A-Z][a-z]*(\s|$)")


def loud_errors(module: Module) -> Iterator[Broken]:
    """Messages begin in lower case and end without a full stop: they are parts of sentences."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
            continue
        name, given = getattr(node.exc.func, "id", ""), node.exc.args
        if name in _ERRORS and given and _loud(_ends(given[0])):
            yield module.path, node.lineno


def _loud(ends: tuple[str, str]) -> bool:
    first, last = ends
    return bool(_SHOUTED.match(first)) or (last.endswith(".") and not last.endswith("..."))


def _ends(message: ast.expr) -> tuple[str, str]:
    """Return the written beginning and end of a message; '' where they are not written."""
    if isinstance(message, ast.Constant) and isinstance(message.value, str):
        return message.value, message.value
    if isinstance(message, ast.JoinedStr) and message.values:
        first, last = message.values[0], message.values[-1]
        return _ends(first)[0], _ends(last)[1]
    return "", ""


def undocumented(module: Module, promised: frozenset[str] = frozenset()) -> Iterator[Broken]:
    """Every module, public class and public function says what its signature cannot.

    Said already, and so not said again: an entry of the language's catalogue (its ``@function``
    says it), a migration's two functions, a method that a protocol or a base class of the house
    promises (``promised``), and a function of one statement, whose name says it all.
    """
    if not _says_something(module.tree):
        yield module.path, 1
    if "migrations/versions" not in module.path:
        for node in module.tree.body:
            yield from _undocumented(module, node, promised, inside=False)


def promises(tree: list[Module]) -> frozenset[str]:
    """Return the names of the methods that documented protocols of the house promise."""
    return frozenset(
        method.name
        for module in tree
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and _says_something(node) and _is_protocol(node)
        for method in node.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def _is_protocol(node: ast.ClassDef) -> bool:
    return any("Protocol" in ast.unparse(base) for base in node.bases)


def _undocumented(
    module: Module, node: ast.stmt, promised: frozenset[str], *, inside: bool
) -> Iterator[Broken]:
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
        if not _says_something(node):
            yield module.path, node.lineno
        for member in node.body:
            yield from _undocumented(module, member, promised, inside=True)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
        said = inside and node.name in promised
        if not (said or _says_something(node) or _is_entry(node) or _is_plain(node)):
            yield module.path, node.lineno


def _is_entry(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(
        isinstance(one, ast.Call) and getattr(one.func, "id", "") == "function"
        for one in node.decorator_list
    )


def _is_plain(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return len(node.body) == 1 and isinstance(node.body[0], ast.Return | ast.Expr | ast.Raise)


def _says_something(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> bool:
    said = ast.get_docstring(node) or ""
    return said.split("\n\n")[0].rstrip().endswith((".", "!", "?", ":"))
