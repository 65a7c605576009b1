from __future__ import annotations

import csv
import io
from pathlib import Path

from orchestrator.use_cases.ledgers import (
    AUDIT_COLUMNS,
    LEDGER_COLUMNS,
    audit_length,
    audit_rows,
    csv_text,
    ledger_rows,
)
from orchestrator.use_cases.submission import submit
from tests.unit.orchestrator.use_cases.homes import open_home, planned


def test_rows_have_exactly_the_columns_and_survive_csv(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    submit(home, planned())
    for rows, columns in ((ledger_rows(home), LEDGER_COLUMNS), (audit_rows(home), AUDIT_COLUMNS)):
        assert [tuple(row) for row in rows] == [columns]
        (read,) = csv.DictReader(io.StringIO(csv_text(rows, columns)))
        assert read == {name: str(value) for name, value in rows[0].items()}
    assert ledger_rows(home, "nobody") == [] and ledger_rows(home, "me") == ledger_rows(home)
    assert audit_length(home) == 1 and audit_rows(home, limit=1, offset=1) == []
    (entry,) = audit_rows(home)
    assert (entry["user"], entry["action"], entry["address"]) == ("me", "submit", "this machine")
    assert str(entry["at"]).endswith("+00:00")
