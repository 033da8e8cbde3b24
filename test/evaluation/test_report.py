"""The table, the numbers and the page of two models."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from depth_ros.evaluation import comparison, page, report
from depth_ros.evaluation.alignment import Alignment
from depth_ros.evaluation.protocols import PROTOCOLS
from depth_ros.evaluation.report import EvaluationReport
from depth_ros.evaluation.run import WORST, evaluate
from test.evaluation.fakes import clip, fake_pipeline, truth

VOID = {"meta", "img"}


@pytest.fixture(scope="module")
def two() -> EvaluationReport:
    sure = np.linspace(0, 1, 1200, dtype=np.float32).reshape(30, 40)
    models = [
        fake_pipeline(lambda i: 1.1 * truth(i), name="good <one>", confidence=sure),
        fake_pipeline(lambda i: np.full((30, 40), 3.0, np.float32), name="bad"),
    ]
    protocol, samples = PROTOCOLS["bag"], clip(frames=8, pose=False)
    results = [evaluate(model, protocol, samples) for model in models]
    return EvaluationReport(protocol, Alignment.NONE, results)


class Balanced(HTMLParser):
    """Fails where a tag is closed that is not the last one opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_table_has_a_line_per_model_and_aligned_columns(two: EvaluationReport) -> None:
    titles, good, bad = report.table(two).splitlines()
    assert titles.split()[:3] == ["model", "AbsRel", "delta1"]
    assert "0.100" in good
    assert len(titles) == len(good) == len(bad)
    assert "TAE" not in titles, "what no model has a number for is not shown"


def test_the_best_is_the_least_error_and_the_most_right(two: EvaluationReport) -> None:
    best = two.best()
    assert best["abs_rel"] == pytest.approx(0.1)
    assert best["delta1"] == 1


def test_numbers_are_json_that_any_parser_reads(two: EvaluationReport, tmp_path: Path) -> None:
    report.save_json(two, tmp_path / "new" / "scores.json")
    text = (tmp_path / "new" / "scores.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    read = json.loads(text)
    assert read["protocol"] == "bag"
    assert [model["model"] for model in read["models"]] == ["good <one>", "bad"]
    assert read["models"][0]["mean"]["abs_rel"] == pytest.approx(0.1)
    assert read["models"][0]["mean"]["tae"] is None
    assert len(read["models"][1]["images"]) == 8


def test_the_page_is_whole_and_loads_nothing(two: EvaluationReport, tmp_path: Path) -> None:
    page.save(two, tmp_path / "index.html")
    html = (tmp_path / "index.html").read_text()
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    assert parser.seen.count("svg") == 2, "error over depth, and reliability"
    assert parser.seen.count("table") == 3
    assert not re.search(r'(src|href)="(?!data:)|url\(|@import|http', html)
    assert "good &lt;one&gt;" in html
    assert "<one>" not in html


def test_the_pages_pictures_are_the_worst_frames(two: EvaluationReport) -> None:
    urls = re.findall(r'src="data:image/png;base64,([^"]+)"', page.page(two))
    assert len(urls) == 2 * WORST
    encoded = np.frombuffer(base64.b64decode(urls[0]), np.uint8)
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (240, 4 * 320, 3)


def test_a_model_alone_is_not_marked_as_the_best(two: EvaluationReport) -> None:
    alone = EvaluationReport(two.protocol, two.align, two.results[1:])
    assert 'class="best"' in page.page(two)
    assert 'class="best"' not in page.page(alone)
    assert page.page(alone).count("<svg") == 1, "no confidence, no reliability"


def test_the_error_picture_is_black_where_the_prediction_is_right() -> None:
    truth_m = truth(0)
    depth_m = truth_m.copy()
    depth_m[:, 20:] *= 2
    truth_m[:5, 30:] = np.nan
    row = comparison.comparison(np.zeros((30, 40, 3), np.uint8), depth_m, truth_m)
    error = row[:, 960:].astype(int).sum(axis=2)
    assert error[:, :150].max() < 30
    assert error[60:, 170:].min() > 600
    assert error[:30, 250:].max() < 30


def test_sparse_truth_is_still_seen_when_it_is_shrunk() -> None:
    truth_m = np.full((352, 1216), np.nan, np.float32)
    truth_m[200, ::40] = 10
    row = comparison.comparison(
        np.zeros((352, 1216, 3), np.uint8), np.full((352, 1216), 20, np.float32), truth_m
    )
    shown, error = row[:, 640:960], row[:, 960:]
    assert error.max() > 200
    assert 31 <= (shown.max(axis=2) > 60).sum() < 400, "as dots, not as surfaces"


def test_what_is_the_same_for_all_models_is_not_the_best(two: EvaluationReport) -> None:
    def cells(report: EvaluationReport) -> int:
        return page.page(report).split("worst frames")[0].count('class="best"')

    twins = EvaluationReport(two.protocol, Alignment.NONE, [two.results[0], two.results[0]])
    assert cells(two) > 0
    assert cells(twins) == 0
