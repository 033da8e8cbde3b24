"""Lifecycle transitions: beside the executor, which goes on meanwhile, and told when they fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.node import Node

_Callback = Callable[[Any, LifecycleState], TransitionCallbackReturn]


class Talker(Protocol):
    """A node that can say what it cannot do."""

    def tell(self, what: str, error: BaseException) -> None:
        """Say what the node cannot do, and why."""


def guarded(what: str) -> Callable[[_Callback], _Callback]:
    """Let a node's callback of a transition tell what it fails of: rclpy would not.

    SystemExit, which ends a thread in silence, would leave the node in the midst of the transition
    for ever.
    """

    def decorate(callback: _Callback) -> _Callback:
        @wraps(callback)
        def transition(node: Talker, state: LifecycleState) -> TransitionCallbackReturn:
            try:
                return callback(node, state)
            except (Exception, SystemExit) as error:
                node.tell(what, error)
                return TransitionCallbackReturn.ERROR

        return transition

    return decorate


def run_beside_the_executor(node: Node) -> None:
    """Let a node's ChangeState service run each transition in a thread of its own.

    rclpy's lifecycle callbacks are synchronous: on a model that takes minutes to load, all else of
    the node would stand still. The service's callback group must be a reentrant one, so that the
    state can be asked for meanwhile. A transition that the state does not have, one beside another
    that is under way among them, is refused: rclpy would let it end the node.
    """
    for service in node.services:
        if service.srv_type is ChangeState:
            service.callback = _in_a_thread(node, service.callback)


def _in_a_thread(node: Node, change_state: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    async def answer(request: Any, response: Any) -> Any:
        done = threading.Event()

        def change() -> None:
            try:
                change_state(request, response)
            except RuntimeError:  # rclpy's RCLError; rcl has logged it
                response.success = False
            finally:
                done.set()
                if node.executor is not None:
                    node.executor.wake()

        threading.Thread(target=change, name="depth transition", daemon=True).start()
        while not done.is_set():
            await asyncio.sleep(0)  # rclpy resumes it when it is woken, or has other work
        return response

    return answer
