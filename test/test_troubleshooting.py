"""docs/troubleshooting.md against the messages in the code: neither has what the other lacks."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from depth_ros import errors

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "depth_ros"
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
RAISED = {name for name, value in vars(errors).items() if isinstance(value, type)}
RAISED |= {"ArgumentTypeError", "DatasetError"}
LOGGED = {"warning", "error", "fatal", "report", "inform"}


def skeleton(node: ast.AST) -> str | None:
    """Return a text with … for each value in it; None for what is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
        return re.sub("…+", "…", "".join(map(str, parts)))
    return None


def message_of(node: ast.AST) -> str | None:
    """Return the message of a call that raises an error or logs a line."""
    if not isinstance(node, ast.Call) or not node.args:
        return None
    name = ast.unparse(node.func).rpartition(".")[2]
    return skeleton(node.args[0]) if name in (RAISED if name[:1].isupper() else LOGGED) else None


def messages(path: Path) -> set[str]:
    """Return the messages of a module, but those that consist of values."""
    texts = map(message_of, ast.walk(ast.parse(path.read_text())))
    return {text for text in texts if text and len(re.findall("[a-z]", text)) > 7}


def described() -> list[str]:
    """Return the messages that the page describes: code at the begin of a list's item."""
    return [text for _, text in re.findall(r"^(?:- |  )(`+)(?!`)(.+?)\1\\$", PAGE, re.M)]


def test_every_message_has_its_cause_and_cure() -> None:
    found = {path.relative_to(ROOT): messages(path) for path in sorted(PACKAGE.rglob("*.py"))}
    missing = {str(path): sorted(texts - set(described())) for path, texts in found.items()}
    missing = {path: texts for path, texts in missing.items() if texts}
    assert not missing, f"describe them in docs/troubleshooting.md: {missing}"


def test_every_message_that_is_described_exists() -> None:
    texts = {
        skeleton(node)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
    }
    gone = [text for text in described() if text not in texts]
    assert not gone, f"no such message is in the code any more: {gone}"


def test_every_list_of_messages_ends_in_a_cure() -> None:
    items = re.findall(r"^- `.*\\\n(?:  .*\n)*", PAGE, re.M)
    assert len(items) > 50
    for item in items:
        assert not item.rstrip("\n").endswith("\\"), item
