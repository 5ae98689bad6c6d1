"""What no file of the repository may hold: registry hosts, machine paths, dead links, secrets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from house.rules import SOURCE

ROOT = SOURCE.parents[1]
FORBIDDEN = {
    "a registry's host": r"(?:pypi|test\.pypi)\.org|files\.pythonhosted\.org|registry\.npmjs\.org"
    r"|proxy\.golang\.org|crates\.io/api",
    "an index to install from": r"--(?:extra-)?index-url|--trusted-host|--find-links",
    "a path of somebody's machine": r"(?<![\w.])/(?:home|Users|work|root|mnt)/\w[\w.-]*/"
    r"|\b[A-Z]:\\\\?Users\\",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
}
PLANTS = {
    "a registry's host": ["https://pypi.org/simple", "https://files.pythonhosted.org/x.whl"],
    "an index to install from": ["--index-url https://x.example", "--extra-index-url=x"],
    "a path of somebody's machine": ["/home/ada/flowner/x.py", "'/mnt/disk/y'", "C:\\Users\\ada"],
    "a private key": ["-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----"],
}
NO_PLANTS = ["https://learn.microsoft.com/power-platform/x", "POST /api/work/2", "~/.flowner/key"]
PINNED = re.compile(r"[\w.-]+(\[[\w, -]+\])?==\S+.*--hash=sha256:[0-9a-f]{64}")


def files() -> list[Path]:
    """Return the files that are, or are about to be, in the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no git working tree, so its files cannot be told from others")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def forbidden(text: str) -> dict[str, str]:
    found = {kind: re.search(pattern, text) for kind, pattern in FORBIDDEN.items()}
    return {kind: match[0] for kind, match in found.items() if match}


def links(text: str) -> list[str]:
    """Return the targets of a page's links to places of its own repository, without fragments."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    targets = re.findall(r"\]\(<?([^)>\s]+)>?[^)]*\)", prose)
    targets += re.findall(r"^\[[^\]]+\]:\s*(\S+)", prose, re.MULTILINE)
    targets += re.findall(r"<(?:img|a)\b[^>]*(?:src|href)=\"([^\"]+)\"", prose)
    return [one for one in targets if not re.match(r"[a-z][a-z0-9+.-]*:|#", one, re.IGNORECASE)]


def headings(text: str) -> set[str]:
    """Return the fragments that a page's headings can be linked by, as GitHub makes them."""
    bare = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    titles = re.findall(r"^#+ +(.+?) *$", bare, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead(page: Path, text: str) -> list[str]:
    """Return the links of a page that lead nowhere."""
    lost = []
    for link in links(text):
        name, _, fragment = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        into = target.is_file() and target.suffix == ".md" and fragment
        if not target.exists() or (into and fragment not in headings(target.read_text("utf-8"))):
            lost.append(link)
    return lost


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in PLANTS.items() for text in texts]
)
def test_a_planted_text_is_found(kind: str, text: str) -> None:
    assert kind in forbidden(f"a = {text}\n")


@pytest.mark.parametrize("text", NO_PLANTS)
def test_a_harmless_text_is_not(text: str) -> None:
    assert forbidden(text) == {}


def test_no_file_holds_what_none_may() -> None:
    found = {}
    for path in files():
        if path == Path(__file__).resolve():
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        if what := forbidden(text):
            found[path.relative_to(ROOT).as_posix()] = what
    assert found == {}


def test_no_lock_file_of_a_registry_is_kept() -> None:
    assert {path.name for path in files()} & {"uv.lock", "poetry.lock", "Pipfile.lock"} == set()


def test_what_is_installed_is_pinned_with_its_hash() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                assert PINNED.match(line), line


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "there.md").write_text("# The `one` heading\n")
    text = (
        "[a](there.md) [b](there.md#the-one-heading) [c](gone.md) [d](there.md#gone) [e](https://x)"
    )
    page.write_text(text + " `[f](code.md)`\n[g]: lost.md\n![h](no.png)\n")
    assert dead(page, page.read_text()) == ["gone.md", "there.md#gone", "no.png", "lost.md"]


def test_every_link_leads_somewhere() -> None:
    pages = [path for path in files() if path.suffix == ".md"]
    assert {
        page.name: lost for page in pages if (lost := dead(page, page.read_text("utf-8")))
    } == {}
    assert pages
