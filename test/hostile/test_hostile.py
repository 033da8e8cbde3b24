"""Hundreds of damaged, contradictory and senseless messages: an answer, or an error of our own."""

from collections import Counter

import pytest

from benchmarks import hostile

COUNT = 400


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_a_hostile_message_is_answered_as_it_says_or_refused(kind: str) -> None:
    words = [hostile.outcome(kind, number) for number in range(COUNT)]
    assert [word for word in words if word.startswith("FAILURE")] == []
    # Neither all nor nothing: the messages are worth reading.
    counts = Counter(words)
    assert counts["answered"] > COUNT / 10
    assert COUNT - counts["answered"] > COUNT / 10


def test_a_message_is_the_same_whenever_its_number_is_asked_for() -> None:
    for kind in hostile.KINDS:
        assert hostile.outcome(kind, 7) == hostile.outcome(kind, 7)


def test_the_command_counts_and_names_what_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hostile.main(["--messages", "9"]) == 0
    assert "9 messages in" in capsys.readouterr().out

    def read(msg: object) -> None:
        raise ZeroDivisionError("one pixel")

    monkeypatch.setitem(hostile.KINDS, "image", (hostile.image, read))
    assert hostile.main(["--messages", "9", "--first", "300"]) == 1
    assert "image 300: FAILURE ZeroDivisionError: one pixel" in capsys.readouterr().out
