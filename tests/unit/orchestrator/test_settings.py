"""Where state lives, and which combinations of settings are refused."""

from pathlib import Path

import pytest

from orchestrator import settings
from orchestrator.environment import SettingsError
from orchestrator.home import Home, HomeError, find_home
from orchestrator.settings import Settings, choose_device, device_count, read_settings, worker_count


def test_the_variable_wins_over_the_folder_over_the_user(tmp_path: Path) -> None:
    assert find_home({"ISOFLOP_HOME": "x"}, tmp_path).root == tmp_path / "x"
    assert "isoflop" in str(find_home({}, tmp_path).root)
    (tmp_path / ".isoflop").mkdir()
    assert find_home({}, tmp_path).root == tmp_path / ".isoflop"


def test_a_home_that_cannot_be_made_names_the_variable(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(HomeError, match="ISOFLOP_HOME"):
        Home(blocker / "home", "test").create()


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"ISOFLOP_RAY_ADDRESS": "10.9.8.7:6379"}, "ISOFLOP_DATABASE_URL"),
        ({"ISOFLOP_RAY_ADDRESS": "ray://head.example:10001"}, "ISOFLOP_DATABASE_URL"),
        ({"ISOFLOP_WORKERS": "0"}, "ISOFLOP_WORKERS"),
        ({"ISOFLOP_WORKERS": "two"}, "ISOFLOP_WORKERS"),
        ({"ISOFLOP_WORKERS": "²"}, "ISOFLOP_WORKERS is '²': give a whole number from 1 to 100000"),
        ({"ISOFLOP_WORKERS": "9" * 5000}, "ISOFLOP_WORKERS"),
        ({"ISOFLOP_WORKERS": "100001"}, "ISOFLOP_WORKERS"),
        ({"ISOFLOP_GPU_SHARES": "1001"}, "ISOFLOP_GPU_SHARES"),
        ({"ISOFLOP_HEAD_SECONDS": "inf"}, "ISOFLOP_HEAD_SECONDS"),
        ({"ISOFLOP_CHECKPOINT_SECONDS": "nan"}, "ISOFLOP_CHECKPOINT_SECONDS"),
        ({"ISOFLOP_USER_HOURS": "0"}, "ISOFLOP_USER_HOURS"),
        ({"ISOFLOP_CORPUS_FOLDERS": "/tmp:relative"}, "ISOFLOP_CORPUS_FOLDERS lists 'relative'"),
        ({"ISOFLOP_CORPUS_FOLDERS": "/no/such/folder"}, "ISOFLOP_CORPUS_FOLDERS lists '/no/such/folder'"),
        ({"ISOFLOP_CORPUS_FOLDERS": "/tmp:"}, "ISOFLOP_CORPUS_FOLDERS lists ''"),
        ({"ISOFLOP_PREPARE": "cluster"}, "ISOFLOP_PREPARE is 'cluster': choose one of auto, local, ray"),
        ({"ISOFLOP_WARM_UP": "0"}, "ISOFLOP_WARM_UP is '0': give yes or no"),
        ({"ISOFLOP_PREPARE": "ray"}, "ISOFLOP_PREPARE is ray, but there is no cluster: set ISOFLOP_RAY_ADDRESS"),
    ],
)
def test_settings_that_cannot_work_name_their_remedy(tmp_path: Path, environ: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(Home(tmp_path, "test"), environ)


def test_a_service_warms_up_unless_told_not_to(tmp_path: Path) -> None:
    read = [read_settings(Home(tmp_path, "test"), e).warm_up for e in ({}, {"ISOFLOP_WARM_UP": "no"})]
    assert read == [True, False]


def test_folders_of_corpora_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert read_settings(Home(tmp_path, "test"), {}).corpus_folders is None
    listed = {"ISOFLOP_CORPUS_FOLDERS": f"{tmp_path}/link:{tmp_path}"}
    assert read_settings(Home(tmp_path, "test"), listed).corpus_folders == (tmp_path / "real", tmp_path)


def test_sqlite_goes_with_any_ray_on_this_machine(tmp_path: Path) -> None:
    for address in ("local", "auto", "127.0.0.1:6379", "ray://localhost:10001"):
        settings = read_settings(Home(tmp_path, "test"), {"ISOFLOP_RAY_ADDRESS": address})
        assert settings.database_url == ""


def test_postgresql_goes_with_any_address(tmp_path: Path) -> None:
    environ = {"ISOFLOP_RAY_ADDRESS": "10.9.8.7:6379", "ISOFLOP_DATABASE_URL": "postgresql+psycopg://u@h/n"}
    assert read_settings(Home(tmp_path, "test"), environ).database_url.startswith("postgresql")


def test_workers_and_device_follow_the_setting() -> None:
    assert worker_count(Settings("", "local", 3), "cpu", 4) == device_count(Settings("", "local", 3), "cpu") == 3
    assert worker_count(Settings("", "local", None), "cpu", 4) == device_count(Settings("", "local", None), "cpu") >= 1
    assert choose_device("cpu") == "cpu"


def test_a_kind_of_gpu_must_be_at_hand_unless_a_cluster_may_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "gpu_names", lambda: ("NVIDIA A10", "NVIDIA A10", "Tesla T4"))
    assert [choose_device(asked) for asked in ("auto", "cuda", "a10", "t4", "cpu")] == ["cuda"] * 4 + ["cpu"]
    with pytest.raises(SettingsError, match="`device: h100`, and this machine has 2 × NVIDIA A10 and Tesla T4: use"):
        choose_device("h100")
    assert choose_device("h100", "10.0.0.1:6379") == "cuda"
    monkeypatch.setattr(settings, "gpu_names", tuple)
    for asked in ("cuda", "h100"):
        with pytest.raises(SettingsError, match="no NVIDIA GPU, only"):
            choose_device(asked)
    with pytest.raises(SettingsError, match="ISOFLOP_WORKERS"):
        worker_count(Settings("", "10.0.0.1:6379", None), "cuda", 1)


def test_a_gpu_is_one_device_however_many_workers_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "gpu_names", lambda: ("NVIDIA A10", "NVIDIA A10"))
    free, cluster = Settings("", "local", None), Settings("", "10.0.0.1:6379", 32, gpu_shares=4)
    assert (worker_count(free, "cuda", 4), device_count(free, "cuda")) == (8, 2)
    assert (worker_count(cluster, "cuda", 4), device_count(cluster, "cuda")) == (32, 8)
    assert device_count(Settings("", "10.0.0.1:6379", 3, gpu_shares=4), "cuda") == 1
    assert [device_count(Settings("", "local", workers), "cuda") for workers in (1, 2, 8)] == [1, 2, 2]


def test_the_largest_numbers_of_settings(tmp_path: Path) -> None:
    read = read_settings(Home(tmp_path, "test"), {"ISOFLOP_WORKERS": "100000", "ISOFLOP_GPU_SHARES": "1000"})
    assert (read.workers, read.gpu_shares) == (100_000, 1000)
