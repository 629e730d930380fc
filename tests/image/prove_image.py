"""The image, built as the Dockerfile says and run as an engine would: user, files, read-only root, signals, health.

`make image-test` runs it, `make test` does not: it takes minutes, and root on Debian with buildah and debootstrap.
VLMRUN_IMAGE names a folder in which tests/tools/build-image has left an image already.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from exporter.version import __version__
from tests.e2e.scrape import Scrape
from tests.e2e.waiting import until
from tests.image import container
from tests.image.built import BUILD_IMAGE, CANNOT, ROOT, Image
from tests.image.container import Container, new_volume, run
from tests.realservers import need

USER = 65532


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    lacking = container.lacking()
    need(not lacking, lacking)
    if built := os.environ.get("VLMRUN_IMAGE"):
        yield Image(Path(built).resolve())
        return
    folder = tmp_path_factory.mktemp("image")
    base = ROOT / "build" / "image-base.tar"
    done = subprocess.run([BUILD_IMAGE, folder, base], capture_output=True, text=True, check=False)
    need(done.returncode != CANNOT, done.stderr.strip())
    assert done.returncode == 0, done.stderr
    yield Image(folder)
    shutil.rmtree(folder)


@pytest.fixture
def volume(image: Image, tmp_path: Path) -> Path:
    return new_volume(image, tmp_path)


def test_the_configuration_says_how_it_is_run(image: Image) -> None:
    config = image.config
    assert config["User"] == f"{USER}:{USER}"
    assert config["Entrypoint"] == ["vlmrun-exporter"] and not config["Cmd"]
    assert config["WorkingDir"] == "/"
    assert config["Volumes"] == {"/data": {}}
    assert config["ExposedPorts"] == {"9877/tcp": {}}
    assert config["StopSignal"] == "SIGTERM"
    health = config["Healthcheck"]
    assert health["Test"] == ["CMD", "vlmrun-exporter", "healthcheck"]
    seconds = {name: value / 1e9 for name, value in health.items() if name in ("Interval", "Timeout", "StartPeriod")}
    assert seconds == {"Interval": 30, "Timeout": 10, "StartPeriod": 30}


def test_the_labels_say_what_it_is_and_what_it_was_built_from(image: Image) -> None:
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in image.config["Labels"].items()}
    assert labels["version"] == __version__
    assert labels["licenses"] == "Apache-2.0"
    assert labels["title"] == "vlmrun-exporter"
    assert labels["revision"] == image.environment["VLMRUN_EXPORTER_REVISION"]


def test_all_files_are_roots_and_the_user_can_change_none(image: Image) -> None:
    for entry in image.entries():
        if entry.path == "/data":
            assert (entry.status.st_uid, entry.status.st_gid) == (USER, USER)
            assert not entry.has(stat.S_IRWXO)
            continue
        assert USER not in (entry.status.st_uid, entry.status.st_gid), entry.path
        # /tmp and its like, and devices: a read-only root, or an engine's mounts, take care of them.
        if entry.is_file:
            assert not entry.has(stat.S_IWOTH), entry.path
    for entry in image.entries("opt"):
        assert (entry.status.st_uid, entry.status.st_gid) == (0, 0), entry.path
        assert entry.is_link or not entry.has(stat.S_IWGRP | stat.S_IWOTH), entry.path


def test_no_program_changes_its_user(image: Image) -> None:
    assert not [entry.path for entry in image.entries() if entry.is_file and entry.has(stat.S_ISUID | stat.S_ISGID)]


def test_neither_pip_nor_compiler_nor_sources_are_left(image: Image) -> None:
    programs = {"pip", "pip3", "cc", "gcc", "make", "git", "curl", "wget"}
    packages = {"pip", "ensurepip", "setuptools", "hatchling"}
    paths = [Path(entry.path) for entry in image.entries()]
    assert not [path for path in paths if path.parent.name in ("bin", "sbin") and path.name in programs]
    assert not [path for path in paths if path.name in packages]
    assert not (image.rootfs / "build").exists()


def test_it_ships_nothing_but_the_locked_requirements_and_itself(image: Image) -> None:
    (packages,) = (image.rootfs / "opt/vlmrun-exporter/lib").glob("python*/site-packages")
    shipped = {path.name.partition("-")[0].lower().replace("_", "-") for path in packages.glob("*.dist-info")}
    text = (ROOT / "requirements.txt").read_text("utf-8")
    locked = {line.partition("==")[0] for line in text.splitlines() if "==" in line and not line.startswith(" ")}
    assert shipped == locked | {"vlmrun-exporter"}


def test_only_what_dockerignore_lets_through_was_copied(image: Image) -> None:
    (package,) = (image.rootfs / "opt/vlmrun-exporter/lib").glob("python*/site-packages/exporter")
    shipped = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.suffix not in ("", ".pyc")}
    tree = ROOT / "exporter"
    wanted = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.suffix not in ("", ".pyc")}
    assert shipped == wanted | {f"alerts/rules/{path.name}" for path in (ROOT / "rules").glob("*.rules.yml")}


def test_all_bytecode_is_there(image: Image) -> None:
    (packages,) = (image.rootfs / "opt/vlmrun-exporter/lib").glob("python*/site-packages")
    for source in packages.rglob("*.py"):
        (compiled,) = source.parent.glob(f"__pycache__/{source.stem}.cpython-*.pyc")
        # The second word: 1 is "by hash, never looked at again" (PEP 552).
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0", compiled


def test_it_says_its_version(image: Image, volume: Path) -> None:
    done = run(image, volume, "vlmrun-exporter", "--version")
    assert (done.returncode, done.stdout) == (0, f"vlmrun-exporter {__version__}\n")


def test_the_demo_serves_metrics_as_a_user_without_rights(image: Image, volume: Path) -> None:
    with Container(image, volume, "demo") as demo:
        demo.ready()
        status = demo.status()
        assert status["NSpid"].split()[-1] == "1"
        assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(USER)}
        assert not status["Groups"]
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        scrape = Scrape(demo.http.get("/metrics").raise_for_status().text)
        ((revision,),) = scrape.by("vlmrun_exporter_build_info", "revision")
        assert revision == (image.environment["VLMRUN_EXPORTER_REVISION"] or "unknown")
        until(lambda: Scrape(demo.http.get("/metrics").text).sum("vlmrun_completions_total") > 0, 60, "it counts")
        assert [path.name for path in volume.iterdir()], "the ledger is not in the volume"
        code, seconds = demo.stop()
    assert (code, list(volume.iterdir())) == (0, [])
    assert seconds < 5


def test_the_root_is_read_only_and_the_volume_is_not(image: Image, volume: Path) -> None:
    script = (
        "import errno, os, sys, tempfile\n"
        "for folder in ('/', '/tmp', '/var/tmp', '/opt/vlmrun-exporter', '/run', '/dev/shm'):\n"
        "    try:\n"
        "        os.close(os.open(folder + '/x', os.O_CREAT | os.O_WRONLY))\n"
        "    except OSError as error:\n"
        "        assert error.errno in (errno.EROFS, errno.EACCES, errno.ENOENT), error\n"
        "    else:\n"
        "        sys.exit(folder)\n"
        "print(tempfile.gettempdir())\n"
    )
    done = run(image, volume, "python3", "-c", script)
    assert (done.returncode, done.stdout) == (0, "/data\n"), done.stderr


def test_the_ledger_of_the_default_configuration_is_in_the_volume(image: Image, volume: Path) -> None:
    # No answer from the API is needed: nothing listens on this port.
    config = volume / "config.yaml"
    config.write_text("accounts: [{name: default, base_url: 'http://127.0.0.1:9/v1', api_key: {env: KEY}}]\n", "utf-8")
    with Container(image, volume, "--config.file=/data/config.yaml", KEY="of-no-worth") as exporter:
        exporter.ready()
        ledger = (volume / "ledger.db").stat()
        assert (ledger.st_uid, ledger.st_gid) == (USER, USER)
        code, seconds = exporter.stop()
    assert code == 0 and seconds < 5, exporter.logs
    assert not list(volume.rglob("*-wal")), "the ledger was not closed"


def test_a_volume_of_somebody_else_is_refused_with_a_reason(image: Image, volume: Path) -> None:
    os.chown(volume, 0, 0)
    done = run(image, volume, "vlmrun-exporter", VLMRUN_API_KEY="of-no-worth")
    assert done.returncode == 1
    assert "/data" in done.stderr or "data/ledger.db" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_sigterm_ends_it_at_any_time_from_its_first_moments_on(image: Image, volume: Path, command: str) -> None:
    with Container(image, volume, command, VLMRUN_API_KEY="of-no-worth") as exporter:
        until(lambda: exporter.catches(signal.SIGTERM), container.START_SECONDS, "SIGTERM has a handler", every=0.001)
        code, seconds = exporter.stop()
    assert code == 0 and seconds < 5, exporter.logs


def test_healthcheck_tells_healthy_from_not(image: Image, volume: Path) -> None:
    check = image.config["Healthcheck"]["Test"][1:]
    with Container(image, volume, "demo") as demo:
        demo.ready()
        assert demo.exec(*check).returncode == 0
        os.kill(demo.pid, signal.SIGSTOP)
        hung = demo.exec(*check)
        os.kill(demo.pid, signal.SIGCONT)
        assert hung.returncode == 1, "a process that answers no more is not healthy"
        demo.stop()
        gone = demo.exec(*check)
    assert gone.returncode == 1 and "unhealthy" in gone.stderr


def test_tls_and_its_health_check_need_no_rights(image: Image, volume: Path) -> None:
    # The process closes itself to others, /proc included, and hands OpenSSL its certificate by way of /proc.
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(volume / "tls.key")
    certificate.cert_chain_pems[0].write_to_path(volume / "tls.crt")
    (volume / "web.yml").write_text("tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n", "utf-8")
    for file in volume.iterdir():
        os.chown(file, USER, USER)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    check = image.config["Healthcheck"]["Test"][1:]
    with (
        Container(image, volume, "demo", VLMRUN_EXPORTER_WEB_CONFIG_FILE="/data/web.yml") as demo,
        httpx.Client(base_url=f"https://127.0.0.1:{demo.port}", verify=trust, trust_env=False) as https,
    ):
        until(lambda: demo.exec(*check).returncode == 0, container.START_SECONDS, "the health check is good", every=0.2)
        assert https.get("/-/healthy").status_code == 200
        code, _ = demo.stop()
    assert code == 0, demo.logs
