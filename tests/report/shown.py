"""What a report shows, as texts."""

from cnnzoo.report.document import Notes, Paragraph, Table
from cnnzoo.report.make import make_report
from cnnzoo.report.tables import texts


def tables(document):
    return [block for block in document.blocks if isinstance(block, Table)]


def cells(document):
    return {cell for table in tables(document) for line in texts(table.columns, table.rows) for cell in line if cell}


def table_of(folder, **options):
    """Return the first two tables of a report, side by side, as dicts of their texts by column title."""
    rows = []
    for table in tables(make_report([folder], **options))[:2]:
        titles = [column.title for column in table.columns]
        lines = [dict(zip(titles, line, strict=True)) for line in texts(table.columns, table.rows)]
        rows = [first | second for first, second in zip(rows, lines, strict=True)] if rows else lines
    return rows


def notes_of(folder, **options):
    return "; ".join(note_lines(make_report([folder], **options)))


def paragraphs(folder, **options):
    return [block.text for block in make_report([folder], **options).blocks if isinstance(block, Paragraph)]


def note_lines(document):
    (notes,) = (block for block in document.blocks if isinstance(block, Notes))
    return notes.lines
