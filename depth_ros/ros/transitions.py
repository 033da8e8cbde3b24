"""Lifecycle transitions in their own threads, while the executor continues; errors are logged."""

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
    """A node that can report failures."""

    def tell(self, what: str, error: BaseException) -> None:
        """Report what failed, and why."""


def guarded(what: str) -> Callable[[_Callback], _Callback]:
    """Let a node's transition callback report its error, which rclpy does not.

    SystemExit ends a thread silently, and would leave the node in the transition for ever.
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
    """Let a node's ChangeState service run each transition in its own thread.

    rclpy's lifecycle callbacks are synchronous: while a model loads for minutes, the rest of the
    node would be blocked. The service's callback group must be reentrant, so that the state can be
    queried meanwhile. A transition that is invalid in the current state, for example during another
    transition, is refused; in rclpy it would end the node.
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
            await asyncio.sleep(0)  # rclpy resumes it when it wakes up or has other work
        return response

    return answer
