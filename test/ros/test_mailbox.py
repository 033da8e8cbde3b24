"""The mailbox between the node's threads: the newest wins."""

from __future__ import annotations

import threading

from depth_ros.ros.mailbox import Mailbox

TIMEOUT_S = 60.0


def test_the_newest_item_is_taken_and_the_others_are_reported() -> None:
    mailbox = Mailbox[int]()
    assert [mailbox.put(item) for item in (1, 2, 3)] == [False, True, True]
    assert mailbox.take() == [3]
    assert mailbox.put(4) is False


def test_a_taker_waits_for_an_item() -> None:
    mailbox = Mailbox[int]()
    taken: list[list[int] | None] = []
    taker = threading.Thread(target=lambda: taken.append(mailbox.take()))
    taker.start()
    mailbox.put(5)
    taker.join(TIMEOUT_S)
    assert taken == [[5]]


def test_a_closed_mailbox_lets_its_taker_go() -> None:
    mailbox = Mailbox[int]()
    taken: list[list[int] | None] = []
    taker = threading.Thread(target=lambda: taken.append(mailbox.take()))
    taker.start()
    mailbox.close()
    taker.join(TIMEOUT_S)
    assert taken == [None]


def test_what_a_closed_mailbox_holds_is_out_of_date() -> None:
    mailbox = Mailbox[int]()
    mailbox.put(6)
    mailbox.close()
    assert mailbox.take() is None
    mailbox.put(7)
    assert mailbox.take() is None


def test_all_that_wait_are_taken_at_once_whoever_waits_longest_first() -> None:
    mailbox = Mailbox[str]()
    sent = [("left 1", "left"), ("front 1", "front"), ("left 2", "left"), ("right 1", "right")]
    assert [mailbox.put(*each) for each in sent] == [False, False, True, False]
    assert mailbox.take() == ["left 2", "front 1", "right 1"]
    mailbox.put("front 2", "front")
    assert mailbox.take() == ["front 2"]
