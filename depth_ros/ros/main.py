"""The node's process: runs until it is interrupted, and ends even if a thread hangs."""

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
    """Run the node until it is interrupted; exit code 1 if its arguments are invalid."""
    heap.use_one_arena()  # before ROS starts its threads
    heap.keep_freed_memory()  # messages reuse it, on the host of a GPU too
    os.environ.update(transport.environment())
    if torch.cuda.is_available():  # else its thread takes CPU from the network
        os.environ.update(transport.asynchronous())
    try:
        rclpy.init(args=args)
        node = DepthNode(cli_args=args)
        runtimes.prepare_process(node.settings.device)
    except (DepthError, RuntimeError) as error:  # RuntimeError: rclpy, on bad arguments
        print(f"depth_node: {error}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    except KeyboardInterrupt:
        rclpy.try_shutdown()
        return 0
    # Next to the executor: parameters and diagnostics respond while the model is loaded.
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
        if rclpy.ok():  # else the context ended during a callback
            raise
    finally:
        _stop(node)
    _leave_what_hangs(code)
    return code


def _stop(node: DepthNode) -> None:
    # A second Ctrl-C, as launch sends it, must not interrupt the teardown.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    node.on_cleanup(LifecycleState("finalized", 0))
    node.destroy_node()
    rclpy.try_shutdown()
    # Without a garbage collection of torch's objects, which may exceed the timeout of launch.
    gc.freeze()


def _leave_what_hangs(code: int) -> None:
    """End the process if a thread of the node still runs: Python would wait for it or crash."""
    if any(thread.name.startswith("depth") for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
