"""The command line: one verb per file, heavy imports inside its run()."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType

from depth_ros import __version__
from depth_ros.cli import (
    arguments,
    convert,
    demo,
    evaluate,
    exit_codes,
    export,
    infer,
    models,
    play,
    profile,
    record,
    settings,
    train,
    view,
)
from depth_ros.cli.warning import warn
from depth_ros.errors import DepthError, SettingError, one_line
from depth_ros.nearest import unknown

VERBS: tuple[ModuleType, ...] = (
    infer,
    train,
    evaluate,
    demo,
    convert,
    view,
    play,
    record,
    models,
    profile,
    export,
    settings,
)
"""Each has HELP, add_arguments(parser) and run(options), which returns the exit code."""

_TRACEBACK = "DEPTH_ROS_TRACEBACK"
"""The environment variable that shows a traceback of unexpected errors."""


def main(words: list[str] | None = None) -> int:
    """Run one verb and return its exit code, see guarded()."""
    return guarded(partial(_run, sys.argv[1:] if words is None else words))


def guarded(work: Callable[[], int]) -> int:
    """Return the exit code that work returns, see exit_codes; errors of it print one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files need not be Unicode
            stream.reconfigure(errors="backslashreplace")
    try:
        code = work()
        sys.stdout.flush()  # raises BrokenPipeError for a closed pipe
        return code
    except SettingError as error:
        return _fail(error, exit_codes.WRONG)
    except BrokenPipeError:  # of `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.FAILED
    except (DepthError, OSError) as error:  # OSError: a file cannot be read or written
        return _fail(error, exit_codes.FAILED)
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except Exception as error:  # a bug, here or in a library: also one line
        if os.environ.get(_TRACEBACK):
            raise
        message = f"{type(error).__name__}: {one_line(error)}"
        return _fail(f"unexpected {message}; {_TRACEBACK}=1 shows where", exit_codes.FAILED)


def _fail(error: Exception | str, code: int) -> int:
    warn(" ".join(str(error).split()))
    return code


def _run(words: list[str]) -> int:
    _check_verb(words)
    options = parser().parse_args(words)
    code: int = options.run(options)
    return code


def _check_verb(words: list[str]) -> None:
    """Raise for an unknown verb, with similar ones in the message."""
    known = [name(verb) for verb in VERBS]
    verb = next((text for text in words if not text.startswith("-")), None)
    if verb is not None and verb not in known:
        raise SettingError(unknown("command", verb, known, "depth_ros --help"))


def parser() -> arguments.Parser:
    """Return the parser of all verbs."""
    parser = arguments.Parser(
        prog="depth_ros",
        description="Metric depth and point clouds from any calibrated camera.",
        epilog=exit_codes.__doc__,
    )
    parser.add_argument("--version", action="version", version=f"depth_ros {__version__}")
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for verb in VERBS:
        sub = verbs.add_parser(name(verb), help=verb.HELP, description=verb.__doc__)
        verb.add_arguments(sub)
        sub.set_defaults(run=verb.run)
    return parser


def name(verb: ModuleType) -> str:
    """Return the name of a verb's module on the command line."""
    return verb.__name__.rpartition(".")[2]
