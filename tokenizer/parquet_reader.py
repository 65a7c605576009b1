"""Reads documents from one column of a Parquet file, or of some of its row groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from tokenizer.compression import format_of, open_seekable
from tokenizer.corpus_error import CorpusFileError
from tokenizer.locations import Location
from tokenizer.readers import EVERYTHING, WHOLE, Span, listed
from tokenizer.refusals import Refusals


def read_parquet(path: Location, column: str, refusals: Refusals = EVERYTHING, span: Span = WHOLE) -> Iterator[str]:
    """The strings of one column, without nulls. Raises CorpusFileError for a wrong file, column, type or encoding."""
    import pyarrow as pa

    with open_seekable(path) as stream:
        head = stream.read(512)
        found = format_of(head)
        if found and not head.startswith(b"PAR1"):
            raise CorpusFileError(f"{path}: not a readable Parquet file: it is {found[0]}; {found[1]}")
        stream.seek(0)
        try:
            yield from _strings(path, stream, column, refusals, span)
        except CorpusFileError:
            raise
        except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
            raise CorpusFileError(f"{path}: not a readable Parquet file: {error}") from error


def _strings(path: Location, stream: BinaryIO, column: str, refusals: Refusals, span: Span) -> Iterator[str]:
    """The strings of a Parquet file's column. Raises CorpusFileError, and what pyarrow raises for a damaged file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(stream) as file:
        schema = file.schema_arrow
        if schema.names.count(column) != 1:
            what = "several columns" if column in schema.names else "no column"
            there = listed(schema.names)
            raise CorpusFileError(f"{path}: {what} {column!r}; set corpus.text_key to one of its columns ({there})")
        kind = schema.field(column).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise CorpusFileError(
                f"{path}: column {column!r} holds {kind}, not strings; set corpus.text_key to the text"
            )
        groups = range(file.num_row_groups)[span.begin : span.end]
        row = sum(file.metadata.row_group(group).num_rows for group in range(groups.start))
        for batch in file.iter_batches(batch_size=1024, row_groups=list(groups), columns=[column]):
            # As bytes: Arrow does not check that strings are UTF-8.
            for raw in batch.column(0).cast(pa.large_binary()):
                row += 1
                if not raw.is_valid:
                    continue
                try:
                    text = raw.as_py().decode()
                except UnicodeDecodeError as error:
                    where = f"{path}:{row}: column {column!r} of this row"
                    refusals.refuse(
                        "not UTF-8", f"{where} is not UTF-8 at byte {error.start}; repair or remove the row"
                    )
                else:
                    yield text


def row_group_bytes(path: Location) -> list[int]:
    """Uncompressed bytes of each row group of a Parquet file; none where it cannot be read that far."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with open_seekable(path) as stream:
        try:
            metadata = pq.ParquetFile(stream).metadata
        except (pa.ArrowException, OSError, ValueError):
            return []
        return [metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)]
