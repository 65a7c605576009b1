"""The container without an engine: what its files promise, and the image's commands replayed from nothing."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orchestrator.api.guard import OPEN_PATHS, BindError, check_bind
from orchestrator.cli.app import app
from tests.conftest import ROOT

DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())


def _instructions() -> list[tuple[str, str]]:
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    return [(w, rest) for w, _, rest in (line.partition(" ") for line in lines if line and not line.startswith("#"))]


def test_every_copied_path_exists_and_every_package_is_copied() -> None:
    copied = {source for word, rest in _instructions() if word == "COPY" for source in rest.split()[:-1]}
    for source in copied:
        assert (ROOT / source).exists(), source
    assert {"analysis", "model", "orchestrator", "sweeps", "tokenizer", "constraints.txt"} <= copied


def test_the_image_brings_a_compiler_for_the_native_kernels_and_keeps_what_it_builds() -> None:
    (installed,) = (rest for word, rest in _instructions() if word == "RUN" and "apt-get install" in rest)
    assert {"c++", "g++", "clang++"} & set(installed.split()), "the names that model.cpu.build looks for"
    environment = dict(rest.split("=", 1) for word, rest in _instructions() if word == "ENV")
    volumes = [Path(rest) for word, rest in _instructions() if word == "VOLUME"]
    assert any(volume in Path(environment["XDG_CACHE_HOME"]).parents for volume in volumes)


def test_what_the_image_installs_is_pinned_with_hashes_to_the_versions_that_are_tested() -> None:
    pinned = {
        name: (version, rest.count("--hash=sha256:"))
        for name, version, rest in re.findall(
            r"^([a-z0-9-]+)==(\S+)(.*(?:\n    .*)*)", (ROOT / "docker" / "requirements.txt").read_text(), re.MULTILINE
        )
    }
    assert all(hashes for _, hashes in pinned.values())
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    tested = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    assert {name: version for name, (version, _) in pinned.items() if tested.get(name, version) != version} == {}
    assert len(pinned.keys() & tested) > 80
    torch = set((ROOT / "Makefile").read_text().partition("TORCH := ")[2].partition("\n\n")[0].split())
    assert _needed("isoflop", {"postgres"}) - pinned.keys() - torch == {"isoflop"}


def _needed(name: str, extras: Collection[str] = ()) -> set[str]:
    """What an installed distribution needs here, itself included."""
    found, open_ = set[str](), [(name, tuple(extras))]
    while open_:
        name, wanted = open_.pop()
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.requires(name) or ():
            need = Requirement(line)
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                open_.append((canonicalize_name(need.name), tuple(need.extras)))
    return found


OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "isoflop"}
KUBERAY = list(yaml.safe_load_all((ROOT / "docker" / "kuberay.yaml").read_text()))
SLURM = ROOT / "docker" / "slurm.sh"


def _containers() -> dict[str, dict[str, Any]]:
    spec = KUBERAY[0]["spec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return {c["name"]: c for group in groups for c in group["template"]["spec"]["containers"]}


def test_manifests_name_settings_volumes_and_verbs_that_exist() -> None:
    documented = set(re.findall(r"`(ISOFLOP_[A-Z_]+)`", (ROOT / "docs" / "operations.md").read_text()))
    texts = [SLURM.read_text(), (ROOT / "docker" / "kuberay.yaml").read_text(), json.dumps(COMPOSE)]
    used = set(re.findall(r"\b(ISOFLOP_[A-Z_]+)\b", " ".join(texts)))
    assert used <= documented
    verbs = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    assert _containers()["serve"]["command"][1] in verbs
    for group in (KUBERAY[0]["spec"]["headGroupSpec"], *KUBERAY[0]["spec"]["workerGroupSpecs"]):
        volumes = {v["name"] for v in group["template"]["spec"].get("volumes", [])}
        for container in group["template"]["spec"]["containers"]:
            assert {m["name"] for m in container.get("volumeMounts", [])} <= volumes
    ports = {p["containerPort"] for c in _containers().values() for p in c.get("ports", [])}
    assert {p["port"] for p in KUBERAY[1]["spec"]["ports"]} == ports
    assert KUBERAY[1]["spec"]["selector"]["ray.io/cluster"] == KUBERAY[0]["metadata"]["name"]


def test_every_process_of_ray_on_kubernetes_asks_for_the_token() -> None:
    options = KUBERAY[0]["spec"]["autoscalerOptions"]
    environments = [options["env"], *(container["env"] for container in _containers().values())]
    assert len(environments) == 4
    for environment in environments:
        by_name = {variable["name"]: variable for variable in environment}
        assert by_name["RAY_AUTH_MODE"]["value"] == "token" and by_name["PYTHONSAFEPATH"]["value"] == "1"
        assert by_name["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "isoflop", "key": "ray-token"}
    assert not {"ISOFLOP_TOKEN", "ISOFLOP_DATABASE_URL"} & {
        variable["name"] for name in ("ray-head", "ray-worker") for variable in _containers()[name]["env"]
    }


def test_every_container_runs_without_rights_and_within_limits() -> None:
    user = next(rest for word, rest in _instructions() if word == "USER")
    for name, service in COMPOSE["services"].items():
        assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"] and service["pids_limit"], name
    for name, service in OURS.items():
        assert (service["user"], service["read_only"]) == (user, True), name
        assert any(each.startswith("/tmp:") for each in service["tmpfs"]), name
    groups = [KUBERAY[0]["spec"]["headGroupSpec"], *KUBERAY[0]["spec"]["workerGroupSpecs"]]
    for spec in (group["template"]["spec"] for group in groups):
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] and f"{pod['runAsUser']}:{pod['runAsGroup']}" == user
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    for name, container in _containers().items():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
        }, name  # fmt: skip
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}, name
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert {"/tmp", "/var/lib/isoflop"} <= mounts, f"{name}: what the image's variables name must be writable"
    folders = {
        (name, variable["name"]): Path(variable["value"])
        for name, container in _containers().items()
        for variable in container["env"]
        if variable["name"] in ("ISOFLOP_HOME", "ISOFLOP_SCRATCH")
    }
    assert len(folders) == 3, "the service has both, a worker its scratch folder"
    for (name, variable), folder in folders.items():
        mounts = {mount["mountPath"] for mount in _containers()[name]["volumeMounts"]}
        assert str(folder.parent) in mounts, f"{variable}: a volume belongs to root, and others may write into it"


def test_liveness_is_apart_from_readiness_and_strangers_reach_no_port_of_ray() -> None:
    serve = _containers()["serve"]
    paths = {probe: serve[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert set(paths.values()) == set(OPEN_PATHS) & {"/healthz", "/readyz"}, "a kubelet has no token"
    assert "/healthz" in next(rest for word, rest in _instructions() if word == "HEALTHCHECK")
    policy = KUBERAY[2]["spec"]
    labels = {"ray.io/cluster": KUBERAY[0]["metadata"]["name"]}
    assert policy["podSelector"]["matchLabels"] == labels and policy["policyTypes"] == ["Ingress"]
    own, others = policy["ingress"]
    assert own == {"from": [{"podSelector": {"matchLabels": labels}}]}
    assert [each["port"] for each in others["ports"]] == [8337]


def test_the_proxy_reaches_the_service_and_does_not_buffer_events() -> None:
    text = (ROOT / "docker" / "Caddyfile").read_text()
    name, port = re.findall(r"UPSTREAM:([a-z-]+):(\d+)", text)[0]
    assert COMPOSE["services"][name]["command"][-1] == port
    assert "flush_interval -1" in text and name in COMPOSE["services"]["proxy"]["depends_on"]


STAND_INS = {
    "scontrol": "echo one; echo two",
    "hostname": "echo 10.0.0.1",
    "sleep": "true",
    "isoflop": 'cp "$RAY_AUTH_TOKEN_PATH" "$OUT/token"; stat -c %a "$RAY_AUTH_TOKEN_PATH" >"$OUT/mode"; env >"$OUT/driver"',
    # What follows the options of srun is run at once, the folder of the second node under another name.
    "srun": "while [[ $1 == --* ]]; do [[ $1 == --exclude* ]] && sub=2; shift; done; "
    'exec "${@//isoflop-ray-/isoflop-test$sub-}"',
    "ray": 'echo "$@" >"$OUT/$2"; env >"$OUT/$2.env"; stat -c "%a %n" "$PWD" >"$OUT/$2.folder"',
}
"""Commands in whose place the Slurm script runs these."""


def test_the_slurm_script_starts_ray_in_private_folders_with_a_token(tmp_path: Path) -> None:
    binaries, out = tmp_path / "bin", tmp_path / "out"
    for folder in (binaries, out):
        folder.mkdir()
    for name, text in STAND_INS.items():
        (binaries / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
        (binaries / name).chmod(0o755)
    slurm = {"JOB_ID": "77", "JOB_NODELIST": "one,two", "JOB_NUM_NODES": "2", "CPUS_PER_TASK": "4"}
    environment = {f"SLURM_{name}": value for name, value in slurm.items()} | {
        "PATH": f"{binaries}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "OUT": str(out),
        "ISOFLOP_DATABASE_URL": "postgresql://me:secret@host/x",
        "ISOFLOP_TOKEN": "secret",
    }
    done = subprocess.run(
        ["bash", str(SLURM), "s.yaml"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    token = (out / "token").read_text()
    assert len(bytes.fromhex(token)) == 32 and (out / "mode").read_text() == "600\n"
    assert not list(tmp_path.glob(".isoflop-ray-token*")), "it goes with the job"
    starts = sorted(path.name for path in out.glob("--*") if "." not in path.name.replace("10.0.0.1", ""))
    assert starts == ["--address=10.0.0.1:20077", "--head"]
    for start in starts:
        variables = (out / f"{start}.env").read_text()
        assert "RAY_AUTH_MODE=token" in variables and "PYTHONSAFEPATH=1" in variables
        assert "secret" not in variables
        mode, folder = (out / f"{start}.folder").read_text().split()
        assert mode == "700" and folder.startswith("/tmp/isoflop-") and not Path(folder).exists()
    assert f"--temp-dir={(out / '--head.folder').read_text().split()[1]}/r" in (out / "--head").read_text()
    assert "secret" in (out / "driver").read_text()


def test_every_setting_is_documented() -> None:
    source = "".join(path.read_text() for path in (ROOT / "orchestrator").rglob("*.py"))
    documented = (ROOT / "docs" / "operations.md").read_text()
    for name in set(re.findall(r"\bISOFLOP_[A-Z_]+\b", source)):
        assert f"`{name}`" in documented, name


def test_the_slurm_script_parses_and_refuses_what_cannot_work() -> None:
    assert subprocess.run(["bash", "-n", str(SLURM)], check=False).returncode == 0
    bare = {"PATH": os.environ["PATH"]}
    for arguments, words in ([], "usage"), (["s.yaml"], "ISOFLOP_DATABASE_URL"):
        command = ["bash", str(SLURM), *arguments]
        done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert words in done.stderr


def test_the_services_run_verbs_that_exist() -> None:
    verbs = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for name, service in OURS.items():
        assert service["command"][0] in verbs, name
        assert (ROOT / "docker" / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    assert any("ENTRYPOINT" in word and "isoflop" in rest for word, rest in _instructions())


def test_the_service_is_published_on_loopback_and_needs_a_token() -> None:
    serve = COMPOSE["services"]["serve"]
    assert all(p.startswith("127.0.0.1:") for s in OURS.values() for p in s.get("ports", []))
    # Not `:?`: compose interpolates the whole file, and `run demo` must not need a token.
    assert serve["environment"]["ISOFLOP_TOKEN"] == "${ISOFLOP_TOKEN:-}"
    host = serve["command"][serve["command"].index("--host") + 1]
    with pytest.raises(BindError):
        check_bind(host, closed=False)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_image_commands_work_in_a_clean_environment(tmp_path: Path) -> None:
    """COPY and RUN, the system's packages apart, replayed in an empty folder; then the entry point is used."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=120)
    kept = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "HTTP", "http", "REQUESTS_"))}
    path = f"{tmp_path / 'venv' / 'bin'}:/usr/bin:/bin"
    environment = kept | {"PATH": path, "HOME": str(tmp_path), "ISOFLOP_HOME": str(tmp_path / "state"), "PIP_ARGS": ""}
    image = tmp_path / "image"
    image.mkdir()
    for word, rest in _instructions():
        if word == "COPY":
            *sources, target = shlex.split(rest)
            for source in sources:
                to = image / (Path(source).name if target == "./" else target)
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, to)
        elif word == "RUN" and "/var/lib/isoflop" not in rest and "apt-get" not in rest and "useradd" not in rest:
            done = subprocess.run(
                ["sh", "-ec", rest],
                cwd=image,
                env=environment,
                capture_output=True,
                text=True,
                timeout=1200,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-3000:]
    away = tmp_path / "away"
    away.mkdir()
    for command in (["isoflop", "--help"], ["isoflop", "doctor"], ["isoflop", "run", "tiny", "budgets=[2e9]", "--yes"]):
        done = subprocess.run(
            command, cwd=away, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr[-3000:]
        assert done.returncode == (1 if "run" in command else 0), done.stderr[-3000:]
    listing = subprocess.run(
        ["isoflop", "ls", "-o", "csv"],
        cwd=away,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "tiny" in listing.stdout
