"""Frames between launch and publication: in order, a few at most, and none lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

pytest.importorskip("rclpy")

from depth_ros.ros.flights import Flights

TIMEOUT_S = 60.0


def begun(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def waits(thread: threading.Thread) -> bool:
    thread.join(0.05)
    return thread.is_alive()


def ended(thread: threading.Thread) -> bool:
    thread.join(TIMEOUT_S)
    return not thread.is_alive()


def launch(flights: Flights[int], item: int) -> None:
    with flights.place():
        assert flights.put(item)


def test_what_was_put_first_is_taken_first() -> None:
    flights: Flights[int] = Flights(3)
    for item in range(3):
        launch(flights, item)
    taken = []
    for _ in range(3):
        with flights.take() as found:
            taken.append(found)
    assert taken == [0, 1, 2]


def test_a_place_is_free_when_what_was_taken_is_done() -> None:
    flights: Flights[int] = Flights(2)
    launch(flights, 0)
    launch(flights, 1)
    third = begun(lambda: launch(flights, 2))
    assert waits(third)
    with flights.take():
        assert waits(third)
    assert ended(third)


def test_a_place_in_which_nothing_is_put_is_free_again() -> None:
    flights: Flights[int] = Flights(1)
    for _ in range(3):
        with pytest.raises(ValueError), flights.place():
            raise ValueError
    launch(flights, 0)


def test_never_more_are_under_way_than_may_be() -> None:
    flights: Flights[int] = Flights(2)
    under_way, seen, lock = [0], [0], threading.Lock()

    def change(by: int) -> None:
        with lock:
            under_way[0] += by
            seen[0] = max(seen[0], under_way[0])

    def launcher() -> None:
        for item in range(300):
            with flights.place():
                change(1)
                flights.put(item)

    thread, taken = begun(launcher), []
    for _ in range(300):
        with flights.take() as item:
            taken.append(item)
            change(-1)
    assert ended(thread)
    assert taken == list(range(300))
    assert seen[0] <= 2


def test_once_closed_nobody_waits_for_a_place() -> None:
    flights: Flights[int] = Flights(1)
    launch(flights, 0)
    second = begun(lambda: launch(flights, 1))
    assert waits(second)
    flights.close()
    assert ended(second)


def test_what_was_put_before_the_end_is_taken_and_nothing_after_it() -> None:
    flights: Flights[int] = Flights(3)
    launch(flights, 0)
    launch(flights, 1)
    flights.close()
    flights.end()
    assert not flights.put(2)
    taken = []
    for _ in range(3):
        with flights.take() as found:
            taken.append(found)
    assert taken == [0, 1, None]


def test_the_end_wakes_who_waits() -> None:
    flights: Flights[int] = Flights(1)
    found: list[int | None] = []

    def take() -> None:
        with flights.take() as item:
            found.append(item)

    thread = begun(take)
    assert waits(thread)
    flights.end()
    assert ended(thread)
    assert found == [None]


def test_what_is_left_is_given_once() -> None:
    flights: Flights[int] = Flights(2)
    launch(flights, 0)
    launch(flights, 1)
    flights.end()
    assert flights.left() == [0, 1]
    assert flights.left() == []
    with flights.take() as found:
        assert found is None
