"""The mailbox between the node's threads: the newest wins."""

from __future__ import annotations

import threading
from typing import TypeVar

import pytest

from depth_ros.ros.mailbox import Mailbox

Item = TypeVar("Item")
TIMEOUT_S = 60.0


def taken(mailbox: Mailbox[Item], most: int | None = None) -> list[Item] | None:
    """Take items, and be done with them at once."""
    with mailbox.take(most) as items:
        return items


def test_the_newest_item_is_taken_and_the_others_are_reported() -> None:
    mailbox = Mailbox[int]()
    assert [mailbox.put(item) for item in (1, 2, 3)] == [None, 1, 2]
    assert taken(mailbox) == [3]
    assert mailbox.put(4) is None


def test_a_taker_waits_for_an_item() -> None:
    mailbox = Mailbox[int]()
    found: list[list[int] | None] = []
    taker = threading.Thread(target=lambda: found.append(taken(mailbox)))
    taker.start()
    mailbox.put(5)
    taker.join(TIMEOUT_S)
    assert found == [[5]]


def test_a_closed_mailbox_lets_its_taker_go() -> None:
    mailbox = Mailbox[int]()
    found: list[list[int] | None] = []
    taker = threading.Thread(target=lambda: found.append(taken(mailbox)))
    taker.start()
    mailbox.close()
    taker.join(TIMEOUT_S)
    assert found == [None]


def test_what_a_closed_mailbox_holds_is_out_of_date() -> None:
    mailbox = Mailbox[int]()
    mailbox.put(6)
    assert mailbox.close() == [6]
    assert taken(mailbox) is None
    assert mailbox.put(7) == 7
    assert mailbox.close() == []
    assert taken(mailbox) is None


def test_all_that_wait_are_taken_at_once_whoever_waits_longest_first() -> None:
    mailbox = Mailbox[str]()
    sent = [("left 1", "left"), ("front 1", "front"), ("left 2", "left"), ("right 1", "right")]
    assert [mailbox.put(*each) for each in sent] == [None, None, "left 1", None]
    assert taken(mailbox) == ["left 2", "front 1", "right 1"]
    mailbox.put("front 2", "front")
    assert taken(mailbox) == ["front 2"]


def test_several_workers_share_what_waits_and_no_two_work_for_one_sender() -> None:
    mailbox = Mailbox[str]()
    for item in ("front 1", "left 1", "right 1"):
        mailbox.put(item, item.split()[0])
    with mailbox.take(1) as first, mailbox.take(2) as second:
        assert (first, second) == (["front 1"], ["left 1", "right 1"])
        assert mailbox.put("front 2", "front") is None
        assert mailbox.put("front 3", "front") == "front 2"
        mailbox.put("rear 1", "rear")
        assert taken(mailbox) == ["rear 1"]
    assert taken(mailbox) == ["front 3"]


def test_a_sender_is_free_again_when_its_worker_is_done_or_fails() -> None:
    mailbox, found = Mailbox[int](), list[list[int] | None]()
    mailbox.put(1)
    with pytest.raises(ZeroDivisionError), mailbox.take():
        mailbox.put(2)
        other = threading.Thread(target=lambda: found.append(taken(mailbox)))
        other.start()
        raise ZeroDivisionError
    other.join(TIMEOUT_S)
    assert found == [[2]]
