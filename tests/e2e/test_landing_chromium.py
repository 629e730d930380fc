"""The landing page in a real browser."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from tests import realservers
from tests.e2e.process import Exporter, configuration, write
from tests.e2e.standin import Standin

WIDTH, HEIGHT = 1200, 900


def browse(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run the browser once, with a profile in ``folder``, and with its console on standard error."""
    binary = realservers.require("chromium")
    command = [
        str(binary),
        "--headless=new",
        "--no-sandbox",  # as root, in containers
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--enable-logging=stderr",
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={WIDTH},{HEIGHT}",
        *flags,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True)


def screenshot(folder: Path, url: str) -> tuple[bytes, str]:
    """Return a picture of a page as PNG, and what the browser's console said."""
    picture = folder / "page.png"
    console = browse(folder, f"--screenshot={picture}", url).stderr
    return picture.read_bytes(), "\n".join(line for line in console.splitlines() if ":CONSOLE" in line)


def test_the_landing_page_is_drawn_as_it_is_meant(calm: Standin, tmp_path: Path) -> None:
    blank, _ = screenshot(tmp_path, "about:blank")
    with Exporter(write(tmp_path / "config.yaml", configuration(calm.url, tmp_path))) as exporter:
        exporter.ready()
        picture, console = screenshot(tmp_path, f"{exporter.url}/")
        text = browse(tmp_path, "--dump-dom", f"{exporter.url}/").stdout
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">II", picture[16:24]) == (WIDTH, HEIGHT)
    # A blank page packs to next to nothing.
    assert len(picture) > 5 * len(blank)
    # Neither the policy nor anything else had to be complained about: the style is in force.
    assert console == ""
    for source in ("completions", "executions", "requests"):
        assert f"<h3>{source}</h3>" in text
    assert "Account default" in text
