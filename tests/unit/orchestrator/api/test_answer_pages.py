"""The pages of further answers over a real store: a question, ranked variants, two variants compared."""

from __future__ import annotations

from fastapi.testclient import TestClient

from orchestrator.use_cases.answering import Answering
from orchestrator.use_cases.workspace import Workspace
from tests.unit.orchestrator.html_page import Page


def test_a_question_has_a_page_of_its_own(workspace: Workspace, client: TestClient) -> None:
    law = Answering(workspace).of("varied").laws()["qk_norm=False"]
    page = Page(client.get("/sweeps/varied/answer?variant=qk_norm%3DFalse&flops=5×10¹²").text)
    assert f"{law.predict(5e12).loss:.3f}" in page.words()
    assert "Nothing was asked." in Page(client.get("/sweeps/varied/answer").text).words()
    assert "'x' is not a number" in Page(client.get("/sweeps/varied/answer?loss=x").text).words()
    assert client.get("/sweeps/nothing/answer?flops=1e12").status_code == 404


def test_variants_are_ranked_and_compared(client: TestClient) -> None:
    ranked = Page(client.get("/sweeps/varied/variants").text)
    assert ranked.words().index("qk_norm=True") < ranked.words().index("qk_norm=False")
    query = {"baseline": "varied", "other": "varied", "other_variant": "qk_norm=False"}
    compared = Page(client.get("/compare", params=query).text)
    assert "is worse" in compared.words() and "spec-multiplier" in compared.scripts
    assert "Choose a baseline" in Page(client.get("/compare?baseline=varied").text).words()
    unknown = client.get("/compare", params=query | {"other_variant": "qk_norm=9"})
    assert "qk_norm=True, qk_norm=False" in Page(unknown.text).words()
    assert client.get("/compare?baseline=varied&other=none").status_code == 404
