"""An unreachable hub: a quick error that names the cure; cached files are used."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from depth_ros import cli, models
from depth_ros.errors import ModelError
from depth_ros.models import hub
from test.models.metric3d import test_model as metric3d
from test.models.moge import checkpoint as moge

NOBODY = "http://127.0.0.1:9"  # the port of "discard", where nobody listens


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", NOBODY)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


class Busy(BaseHTTPRequestHandler):
    """Refuses every request."""

    def do_HEAD(self) -> None:
        self.send_error(503)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def busy() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", ["zoedepth-nyu", "nobody/nothing", "depthcrafter"])
@pytest.mark.usefixtures("unreachable")
def test_a_model_of_the_hub_names_the_cure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[str] = []
    for asking in ("transformers.utils.cached_file", "huggingface_hub.list_repo_files"):
        monkeypatch.setattr(asking, lambda *_, **__: requests.append(name))
    load = models.load_clip if name == "depthcrafter" else models.load
    with pytest.raises(ModelError, match=r"hub cannot be reached.*weights:=FOLDER.*--weights"):
        load(name)
    assert not requests, "its libraries would try five times"
    assert not constants.HF_HUB_OFFLINE, "the network may come back"


@pytest.mark.usefixtures("unreachable")
def test_the_command_line_reports_it_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["models", "zoedepth-nyu", "--check"]) == 1
    error = capsys.readouterr().err
    assert "the hub cannot be reached" in error
    assert "--weights FOLDER" in error
    assert error.count("\n") == 1


@pytest.mark.usefixtures("unreachable")
def test_what_is_in_the_cache_is_used_without_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError), hub.available("somebody/something"):
        pass
    folder = tmp_path / "models--somebody--something"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (folder / "snapshots" / ("0" * 40) / "config.json").write_text("{}")
    with hub.available("somebody/something"):
        assert constants.HF_HUB_OFFLINE, "its libraries would try five times"
    assert not constants.HF_HUB_OFFLINE


def test_a_server_that_refuses_a_request_is_reachable(
    busy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", busy)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with hub.available("somebody/something"):
        assert not constants.HF_HUB_OFFLINE


def test_a_disabled_hub_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"is switched off \(HF_HUB_OFFLINE\)"):
        models.load("zoedepth-nyu")


@pytest.mark.usefixtures("unreachable")
def test_a_folder_needs_no_hub(checkpoint: Path) -> None:
    assert models.load(str(checkpoint)).entry.source == str(checkpoint)


@pytest.mark.usefixtures("unreachable")
def test_what_can_be_no_hub_id_is_refused() -> None:
    with pytest.raises(ModelError, match="is neither a folder nor a hub id"):
        models.load("/nothing")


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("name", ["moge-2-small", "metric3d-v2-small"])
def test_a_model_of_its_authors_own_files_is_used_from_the_cache(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="hub cannot be reached"):
        models.load(name)
    folder = tmp_path / f"models--{models.MODELS[name].source.replace('/', '--')}"
    held = folder / "snapshots" / ("0" * 40)
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    held.mkdir(parents=True)
    if name.startswith("moge"):
        moge.pickled(held)
    else:
        metric3d.write(held)
    assert models.load(name).entry.name == name
