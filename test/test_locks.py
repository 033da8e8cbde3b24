"""What parallel runs of the tests share: nothing is held twice, and nothing is held for ever."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from test.locks import free_domain, locked


def test_two_at_once_have_different_domains_that_are_free_again_afterwards() -> None:
    with free_domain() as one, free_domain() as other:
        assert one != other
    with free_domain() as again:
        assert again <= max(one, other)


@pytest.mark.parametrize("participant_id", [0, 3])
def test_a_domain_that_somebody_is_in_is_left_out(participant_id: int) -> None:
    with free_domain() as free:
        pass
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.bind(("", 7410 + 250 * free + 2 * participant_id))
        with free_domain() as domain:
            assert domain != free


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with locked(path) as ours, locked(path, wait=False) as again:
        assert ours
        assert not again
    with locked(path, wait=False) as ours:
        assert ours
