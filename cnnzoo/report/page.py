"""A report as one HTML file that needs nothing else: figures inside, tables that sort, light and dark, fit to print."""

import html
import io
import re

from cnnzoo.report.document import Document, Figure, Notes, Paragraph, Table
from cnnzoo.report.tables import texts

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1b; --paper: #fff; --soft: #f3f3f5; --line: #c8c8d0; --faint: #5a5a66 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6ea; --paper: #16161a; --soft: #222228; --line: #4a4a55; --faint: #a9a9b5 }
}
@media (min-width: 1600px) { html { font-size: 125% } }  /* a wall */
body { background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, "Noto Sans CJK SC", sans-serif;
  margin: 2rem auto; max-width: 84rem; padding: 0 1.2rem }
h1 { font-size: 1.7rem; line-height: 1.2 } h2 { font-size: 1.25rem; margin-top: 2.4rem }
p { max-width: 46rem }
.table { overflow-x: auto; margin: 1.2rem 0 0 }
table { border-collapse: collapse; font-size: .78rem; line-height: 1.35; font-variant-numeric: tabular-nums }
caption { caption-side: top; text-align: left; font-weight: 600; padding-bottom: .4rem }
th, td { padding: .28rem .42rem; border-bottom: 1px solid var(--line); white-space: nowrap; text-align: right }
th { background: var(--soft); cursor: pointer; position: sticky; top: 0; vertical-align: bottom;
  white-space: normal }
th:focus-visible { outline: 2px solid currentColor }
th[aria-sort=ascending]::after { content: " ▲" } th[aria-sort=descending]::after { content: " ▼" }
.left { text-align: left } td.long { white-space: normal; min-width: 12rem }
.notes, figcaption { color: var(--faint); font-size: .8rem; max-width: 60rem; margin: .4rem 0 0; padding: 0;
  overflow-wrap: anywhere } .notes { padding-left: 1.1rem }
figure { margin: 1.6rem 0; break-inside: avoid } svg { width: min(100%, 60rem); height: auto; color: var(--ink) }
@page { size: A4 landscape; margin: 12mm }
@media print {
  :root { --ink: #000; --paper: #fff; --soft: #eee; --line: #999; --faint: #333 }
  svg { max-height: 165mm; width: auto; max-width: 100% }
  body { max-width: none; margin: 0; font-size: 10pt } table { font-size: 7pt } .table { overflow: visible }
  th, td { padding: .15rem .3rem; white-space: normal } th::after { content: "" !important }
}
"""
SCRIPT = """
for (const head of document.querySelectorAll("th")) {
  const sort = () => {
    const up = head.ariaSort !== "ascending", place = head.cellIndex, body = head.closest("table").tBodies[0];
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.ariaSort = up ? "ascending" : "descending";
    const key = row => row.cells[place].dataset.value;
    const words = (a, b) => a.localeCompare(b, undefined, {numeric: true});
    const order = (a, b) => (isNaN(a) || isNaN(b) ? words(a, b) : a - b) * (up ? 1 : -1);
    const compare = (a, b) => a === "" ? 1 : b === "" ? -1 : order(a, b);  // what is blank stays below
    body.append(...[...body.rows].sort((a, b) => compare(key(a), key(b))));
  };
  head.addEventListener("click", sort);
  head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
}
"""


def page(document: Document) -> str:
    """Return the report as a page of HTML."""
    title = html.escape(document.title)
    parts = [f"<h1>{title}</h1>"]
    for block in document.blocks:
        match block:
            case Paragraph(text):
                parts.append(f"<p>{html.escape(text)}</p>")
            case Table():
                parts.append(_table(block))
            case Notes(lines):
                items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
                parts.append(f'<ul class="notes">{items}</ul>')
            case Figure(_, caption, _):
                parts.append(f"<figure>{_svg(block)}<figcaption>{html.escape(caption)}</figcaption></figure>")
    return (
        f'<!doctype html>\n<html lang="{document.language}">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{title}</title>\n'
        f"<style>{STYLE}</style>\n" + "\n".join(parts) + f"\n<script>{SCRIPT}</script>\n</html>\n"
    )


def _table(table: Table) -> str:
    def cell(kind: str, text: str, left: bool, value: object = None) -> str:
        names = [name for name, on in (("left", left), ("long", kind == "td" and len(text) > 40)) if on]
        shown = f' class="{" ".join(names)}"' if names else ""
        if kind == "th":
            return f'<th scope="col" tabindex="0"{shown}>{html.escape(text)}</th>'
        number = getattr(value, "mean", getattr(value, "value", value))
        key = "" if number is None else str(float(number)) if isinstance(number, bool | int | float) else text
        return f'<td{shown} data-value="{html.escape(key)}">{html.escape(text)}</td>'

    columns = table.columns
    head = "".join(cell("th", column.title, column.left) for column in columns)
    lines = [
        "".join(cell("td", text, column.left, row.get(column.key)) for text, column in zip(line, columns, strict=True))
        for line, row in zip(texts(columns, table.rows), table.rows, strict=True)
    ]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    caption = f"<caption>{html.escape(table.caption)}</caption>"
    inner = f"{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>"
    return f'<div class="table"><table>{inner}</table></div>'


def _svg(figure: Figure) -> str:
    """Return the drawing for a page: without a background, in the page's own ink, its ids its own."""
    from cnnzoo.report.style import INK, write

    file = io.StringIO()
    write(figure.draw(), file, "svg", transparent=True)
    drawing = file.getvalue()
    drawing = drawing[drawing.index("<svg") :].replace(INK, "currentColor")
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{figure.name}-", drawing)
    return drawing.replace("<svg ", f'<svg role="img" aria-label="{html.escape(figure.caption)}" ', 1)
