"""The inventory as one self-contained page: coverage, ages, faults, changes since the last commit."""

import html
import subprocess
from pathlib import Path

from strict_cassettes.inventory import KILOBYTE, Inventory
from strict_cassettes.paging import PAGES
from strict_cassettes.scenarios import Matrix

STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c2330 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { border: 1px solid #ccd3de; padding: .25rem .6rem }
th { background: #eef1f6; text-align: left }
td { white-space: nowrap }
td.number { text-align: right }
.yes { background: #d9f2dd }
.no { background: #fbdcdc }
pre { background: #f6f8fa; padding: 1rem; overflow-x: auto }
"""


def write_page(
    path: Path, matrix: Matrix, cassettes: Path, inventories: list[Inventory], faults: list[str]
) -> None:
    """Write the page; it loads nothing from anywhere."""
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>Cassettes</title><style>{STYLE}</style></head>',
        "<body>",
        f"<h1>Cassettes</h1><p>{sum(len(found.lines) for found in inventories)} cassettes, "
        f"{len(faults)} fault(s).</p>",
        "<h2>Faults</h2>",
        f"<ul id='faults'>{''.join(f'<li>{_text(fault)}</li>' for fault in faults)}</ul>"
        if faults
        else "<p>None.</p>",
        *(part for inventory in inventories for part in _set(matrix, inventory)),
        "<h2>Changes since the last commit</h2>",
        f"<pre>{_text(_diff(cassettes)) or 'None.'}</pre>",
        "</body></html>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _set(matrix: Matrix, inventory: Inventory) -> list[str]:
    lacking = "".join(
        f"<li>{_text(name)}: {_text(reason)}</li>" for name, reason in sorted(inventory.lacking.items())
    )
    return [
        f"<h2>{inventory.origin}: coverage</h2>",
        _coverage(matrix, inventory),
        f"<p>Lacking:</p><ul>{lacking}</ul>" if lacking else "",
        f"<h2>{inventory.origin}: cassettes</h2>",
        _lines(inventory),
    ]


def _coverage(matrix: Matrix, inventory: Inventory) -> str:
    columns = [*dict.fromkeys(found.title for found in matrix.scenarios.values()), *PAGES]
    rows = []
    for table in matrix.tables:
        lines = [line for line in inventory.lines if line.scenario.startswith(f"{table}/")]
        shown = {line.scenario.partition("/")[2] for line in lines} | {
            page for line in lines for page in line.pages
        }
        own = [found for found in matrix.scenarios.values() if found.table == table]
        wanted = {found.title for found in own} | set(PAGES if any(found.pages for found in own) else ())
        signs = [("yes", "✓") if name in shown else ("no", "✗") for name in columns]
        cells = "".join(
            f"<td class='{sign}'>{text}</td>" if name in wanted else "<td></td>"
            for name, (sign, text) in zip(columns, signs, strict=True)
        )
        rows.append(f"<tr><th>{_text(table)}</th>{cells}</tr>")
    head = "".join(f"<th>{_text(name)}</th>" for name in columns)
    return f"<table class='coverage'><tr><th>table</th>{head}</tr>{''.join(rows)}</table>"


def _lines(inventory: Inventory) -> str:
    rows = []
    for line in inventory.lines:
        routes = "<br>".join(map(_text, line.routes))
        numbers = (line.interactions, f"{line.bytes / KILOBYTE:.0f}", line.age_days)
        cells = "".join(f"<td class='number'>{number}</td>" for number in numbers)
        known = "".join(
            f"<td>{_text(line.provenance.get(name, '?'))}</td>"
            for name in ("recorded_from", "recorded_at", "commit", "rules")
        )
        rows.append(f"<tr><td>{_text(line.scenario)}</td><td>{routes}</td>{cells}{known}</tr>")
    names = ("scenario", "routes", "interactions", "KiB", "days", "from", "recorded", "commit", "rules")
    head = "".join(f"<th>{name}</th>" for name in names)
    return f"<table class='cassettes'><tr>{head}</tr>{''.join(rows)}</table>"


def _diff(cassettes: Path) -> str:
    command = ["git", "-C", str(cassettes), "diff", "--stat", "--patch", "HEAD", "--", str(cassettes)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout


def _text(value: str) -> str:
    return html.escape(value)
