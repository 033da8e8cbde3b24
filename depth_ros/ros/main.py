"""The node's process: prepared, run until it is interrupted, and ended whatever hangs."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading

import rclpy
import torch
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleState

from depth_ros import runtimes, transport
from depth_ros.errors import DepthError
from depth_ros.ros.node import DepthNode
from depth_ros.runtimes import heap


def main(args: list[str] | None = None) -> int:
    """Run the node until it is interrupted; exit code 1 when its arguments cannot be used."""
    heap.use_one_arena()  # before ROS begins its threads
    heap.keep_freed_memory()  # what messages take and give back, on a GPU's host too
    os.environ.update(transport.environment())
    if torch.cuda.is_available():  # else another thread would have the network's processor
        os.environ.update(transport.asynchronous())
    try:
        rclpy.init(args=args)
        node = DepthNode()
        runtimes.prepare_process(node.settings.device)
    except (DepthError, RuntimeError) as error:  # RuntimeError: what rclpy makes of bad arguments
        print(f"depth_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    except KeyboardInterrupt:
        rclpy.try_shutdown()
        return 0
    # Beside the executor: parameters and diagnostics answer while the model is loaded.
    starter = threading.Thread(target=node.autostart, name="depth transition", daemon=True)
    starter.start()
    code = 0
    try:
        rclpy.spin_until_future_complete(node, node.ended)
        if node.ended.done():
            print(f"depth_node: {node.ended.result()}", file=sys.stderr)
            code = 1
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:
        if rclpy.ok():  # else a callback was interrupted by the end of its context
            raise
    finally:
        _stop(node)
    _leave_what_hangs(code)
    return code


def _stop(node: DepthNode) -> None:
    # A second Ctrl-C, as launch sends it, must not cut the teardown short.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    node.on_cleanup(LifecycleState("finalized", 0))
    node.destroy_node()
    rclpy.try_shutdown()
    # Nor must launch lose its patience while Python looks for garbage in torch.
    gc.freeze()


def _leave_what_hangs(code: int) -> None:
    """End the process here, where a thread of the node does not: Python would wait, or crash."""
    if any(thread.name.startswith("depth") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
