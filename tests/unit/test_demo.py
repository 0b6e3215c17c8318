"""The demo's JupyterLab: what it is told before it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.config import manager

from ipyclaude.demo import without_news

_MANAGER: Any = manager.ConfigManager  # it has no types
NOTIFICATION = "@jupyterlab/apputils-extension:notification"


@pytest.mark.parametrize("mine", ["", "elsewhere"])
def test_jupyterlab_does_not_ask_about_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mine: str
) -> None:
    """Jupyter reads the demo's default, and where the person's own files are."""
    env = without_news(tmp_path, {"JUPYTER_CONFIG_PATH": mine, "HOME": "kept"})
    assert env["HOME"] == "kept"
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", env["JUPYTER_CONFIG_PATH"])
    read = _MANAGER(config_dir_name="labconfig")
    assert read.get("default_setting_overrides")[NOTIFICATION] == {"fetchNews": "false"}
    assert env["JUPYTER_CONFIG_PATH"].endswith(mine or "jupyter")
