"""The evaluation report as one HTML file without external files."""

from __future__ import annotations

import base64
import math
from html import escape
from pathlib import Path

import cv2
import numpy as np

from depth_ros.arrays import ImageArray
from depth_ros.evaluation import comparison, plot
from depth_ros.evaluation.plot import Axis
from depth_ros.evaluation.report import Column, EvaluationReport, flat, number
from depth_ros.evaluation.run import ModelScores, WorstFrame

_LEAST = 500  # minimum number of pixels of a point in a plot
_ERRORS = 40  # images with their own row: the worst of each model

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2330;--ground:#fbfbfa;--line:#d8dce2;--soft:#68707d;
--best:#e3f1e5}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7ec;--ground:#14171c;--line:#333a44;
--soft:#98a1ae;--best:#1d3b26}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--ground);
max-width:1340px;margin:2.5rem auto;padding:0 1.25rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.25rem 0 .5rem}
p,figcaption{color:var(--soft);margin:.25rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}
.wide{overflow-x:auto}th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);
text-align:right;white-space:nowrap}th{font-weight:600}th:first-child,td:first-child{text-align:left}
td.best{background:var(--best);font-weight:600}th button{all:unset;cursor:pointer}
th button:focus-visible{outline:2px solid}th[aria-sort] button::after{content:" \\2193"}
th[aria-sort=ascending] button::after{content:" \\2191"}
figure{margin:0 0 1.1rem}img{max-width:100%;border-radius:4px;display:block}
.plots{display:flex;flex-wrap:wrap;gap:2rem}.plots figure{flex:1 1 420px;max-width:600px}
.plot line{stroke:var(--line)}.plot text{fill:var(--soft);font-size:12px}
"""

# Clicking on a column's title sorts the table; clicking again reverses the order.
_SCRIPT = """
document.querySelectorAll('th button').forEach(function(button){
button.addEventListener('click',function(){
var head=button.parentNode,row=head.parentNode,body=row.closest('table').tBodies[0];
var at=Array.from(row.children).indexOf(head);
var up=head.getAttribute('aria-sort')==='descending';
Array.from(row.children).forEach(function(cell){cell.removeAttribute('aria-sort')});
head.setAttribute('aria-sort',up?'ascending':'descending');
var rows=Array.from(body.rows);rows.sort(function(a,b){
var x=a.cells[at].textContent,y=b.cells[at].textContent;
var d=isNaN(x-y)?x.localeCompare(y,undefined,{numeric:true}):x-y;return up?d:-d});
rows.forEach(function(r){body.appendChild(r)})})});
"""


def save(report: EvaluationReport, path: Path) -> None:
    """Write the page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(report), encoding="utf-8")


def page(report: EvaluationReport) -> str:
    """Return the page's HTML."""
    protocol, title = report.protocol, escape(report.title)
    far = f", up to {protocol.far_m:g} m" if math.isfinite(protocol.far_m) else ""
    crop = "" if protocol.crop == "none" else f", crop {protocol.crop}"
    body = [
        f"<h1>{title}</h1>",
        f"<p>{escape(protocol.note + far + crop)}. Means over images, each counting the same.</p>",
        _models(report),
        f'<div class="plots">{_depth_plot(report)}{_confidence_plot(report)}</div>',
        *(_model(result, report) for result in report.results),
    ]
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}<script>{_SCRIPT}</script></body></html>"
    )


def _models(report: EvaluationReport) -> str:
    columns, best = report.shown(), report.best()
    summaries = [result.summary() for result in report.results]
    texts = {name: [number(one[name], c) for one in summaries] for name, c in columns.items()}
    rows = []
    for row, result in enumerate(report.results):
        cells = [
            # If all shown numbers are equal, none is marked as the best.
            (texts[name][row], len(set(texts[name])) > 1 and summaries[row][name] == best[name])
            for name in columns
        ]
        rows.append((result.model, cells))
    return _table("model", list(columns.values()), rows)


def _model(result: ModelScores, report: EvaluationReport) -> str:
    columns = {name: c for name, c in report.shown().items() if name != "frames_per_s"}
    images = sorted(result.images, key=lambda image: -_or_least(image.scores.abs_rel))[:_ERRORS]
    rows = [
        (image.name, [(number(flat(image)[name], c), False) for name, c in columns.items()])
        for image in images
    ]
    count = f"the {len(rows)} worst of {len(result.images)} images"
    return (
        f"<h2>{escape(result.model)}: worst frames</h2>"
        "<p>Image, prediction, truth in the same colours, and error: black is 0, brightest from "
        f"{comparison.ERROR_AT_WHITE:.0%} on.</p>{''.join(map(_figure, result.worst))}"
        f"<h2>{escape(result.model)}: {count}</h2><p>Click on a title to sort.</p>"
        f"{_table('image', list(columns.values()), rows)}"
    )


def _or_least(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _table(
    first: str, columns: list[Column], rows: list[tuple[str, list[tuple[str, bool]]]]
) -> str:
    heads = "".join(
        f'<th scope="col" title="{escape(c.meaning)}"><button>{escape(c.title)}</button></th>'
        for c in columns
    )
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(map(_cell, cells))}</tr>" for name, cells in rows
    )
    head = f'<th scope="col"><button>{first}</button></th>{heads}'
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _cell(cell: tuple[str, bool]) -> str:
    text, best = cell
    return f'<td class="best">{text}</td>' if best else f"<td>{text}</td>"


def _figure(shown: WorstFrame) -> str:
    drawn = comparison.comparison(shown.rgb, shown.depth_m, shown.truth_m)
    caption = f"{escape(shown.name)}: AbsRel {shown.abs_rel:.3f}"
    image = f'<img alt="{caption}" src="{_data_url(drawn)}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _data_url(rgb: ImageArray) -> str:
    _, encoded = cv2.imencode(".png", rgb[..., ::-1])
    return f"data:image/png;base64,{base64.b64encode(encoded.tobytes()).decode()}"


def _depth_plot(report: EvaluationReport) -> str:
    series = [(r.model, *r.error_by_depth.points(_LEAST)) for r in report.results]
    series = [line for line in series if len(line[1])]
    if not series:
        return ""
    nearest = min(float(x.min()) for _, x, _ in series)
    farthest = max(float(x.max()) for _, x, _ in series)
    powers = range(math.floor(math.log2(nearest)), math.ceil(math.log2(farthest)) + 1)
    highest = max(float(y.max()) for _, _, y in series)
    x = Axis("true depth, metres", [2.0**power for power in powers], logarithmic=True)
    y = Axis("AbsRel", plot.nice_ticks(highest))
    return _plot("Error over depth", plot.lines(series, x, y))


def _confidence_plot(report: EvaluationReport) -> str:
    series = [(r.model, *r.right_by_confidence.points(_LEAST)) for r in report.results]
    series = [line for line in series if len(line[1])]
    if not series:
        return ""
    calibrated = np.array([0.0, 1.0])
    ticks = plot.nice_ticks(1.0)
    axes = Axis("confidence of the model", ticks), Axis("share within 25 % of the truth", ticks)
    series.append(("perfectly calibrated", calibrated, calibrated))
    return _plot("Reliability", plot.lines(series, *axes))


def _plot(title: str, svg: str) -> str:
    return f"<figure><h2>{title}</h2>{svg}</figure>"
