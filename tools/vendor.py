"""Fetch what the portal ships of others, at the versions and hashes below, with its licences.

For maintainers: it needs `npm` to fetch packages. Users have the files in the repository.

    python tools/vendor.py
"""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "src/flowner/portal/static/vendor"
TESTED = ROOT / "tests/portal/vendor"
PACKAGES = {
    "htmx.org@4.0.1": "oF7JgXhDW9UXCy/k1ZYFUQgzu/rm19ORWPSPNL91vPlu"
    "B2PB9+MV55tyQdH/w7o2EAbTYUG5SDW1R60mdkdqGg==",
    "@fluentui/svg-icons@1.1.343": "+rlKFnM2MkAg2G0qMD3BM/K3jC+Jc+VAKgxE7x9cpCPD"
    "DNpwKaOSD0DntUkVXrZGOjBvfmID0DoRslsXbC8X5Q==",
    "@fluentui/tokens@1.0.0-alpha.24": "YrjGQfnxBR+9o8wXyTflON3Ohsv7OrZWYLVRU+7RaiFO"
    "1gcu36iDm3WjudlVmYuWRLDO0Gmxotm6RQNhbZuEQQ==",
    "axe-core@4.14.1": "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NP"
    "jCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
}
"""By name and version: the integrity of its archive, sha512 in base64."""
ICONS = """
add alert app_generic approvals_app apps arrow_download arrow_left arrow_redo arrow_repeat_all
arrow_split arrow_swap arrow_sync arrow_undo arrow_upload beaker bot braces_variable branch_fork
calendar_clock checkmark checkmark_circle chevron_down chevron_right circle_half_fill clock code
copy cursor_click database_lightning delete dismiss document_text edit error_circle eye filter
flash flow full_screen_maximize globe history home info key keyboard link link_dismiss
lock_closed mail map more_horizontal navigation open organization people people_team person
person_arrow_right person_edit person_key play plug_connected question_circle rename save search
settings share shield sign_out stethoscope subtract_circle table table_edit timer warning
weather_moon weather_sunny zoom_in zoom_out cloud_arrow_up arrow_clockwise link_multiple pause
""".split()


def main() -> None:
    """Write every file anew."""
    with tempfile.TemporaryDirectory() as folder:
        opened = {name: _open(name, Path(folder)) for name in PACKAGES}
        htmx, icons, tokens, axe = opened.values()
        _copy(htmx / "dist/htmx.min.js", SHIPPED / "htmx.min.js")
        _copy(htmx / "LICENSE", SHIPPED / "htmx.LICENSE.txt")
        (SHIPPED / "icons.svg").write_text(_sprite(icons / "icons"), encoding="utf-8")
        _copy(tokens / "LICENSE", SHIPPED / "icons.LICENSE.txt")
        _copy(axe / "axe.min.js", TESTED / "axe.min.js")
        _copy(axe / "LICENSE", TESTED / "axe.LICENSE.txt")


def _open(package: str, folder: Path) -> Path:
    done = subprocess.run(
        ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
    )
    archive = folder / done.stdout.split()[-1]
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != PACKAGES[package]:
        raise SystemExit(f"{package} is not what it was: its sha512 is {found}")
    target = folder / archive.stem
    with tarfile.open(archive) as packed:
        packed.extractall(target, filter="data")
    return target / "package"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())


def _sprite(folder: Path) -> str:
    symbols = []
    for name in sorted(ICONS):
        drawn = (folder / f"{name}_20_regular.svg").read_text(encoding="utf-8")
        inner = re.search(r"<svg[^>]*>(.*)</svg>", drawn, re.DOTALL)
        if inner is None:
            raise SystemExit(f"{name} is no drawing")
        symbols.append(f'<symbol id="{name}" viewBox="0 0 20 20">{inner[1].strip()}</symbol>\n')
    return (
        '<svg xmlns="http://www.w3.org/2000/svg">\n'
        "<!-- Fluent UI System Icons, MIT, Microsoft: icons.LICENSE.txt -->\n"
        f"{''.join(symbols)}</svg>\n"
    )


if __name__ == "__main__":
    main()
