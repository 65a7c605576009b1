"""Names in an artifact store: homes and buckets of earlier releases have these."""

from orchestrator.cluster import artifact_layout


def test_the_names_are_those_that_earlier_releases_wrote() -> None:
    names = {name: value for name, value in vars(artifact_layout).items() if name.isupper()}
    assert names == {
        "DATASETS": "artifacts",
        "RUNS": "runs",
        "TRUNKS": "trunks",
        "IMPLEMENTATIONS": "implementations",
        "PREPARATIONS": "preparations",
        "MANIFEST": "manifest.json",
        "WEIGHTS": "final.ckpt",
    }
