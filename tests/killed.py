"""Runs the command line and ends it with SIGKILL at a given point: python tests/killed.py POINT ARGUMENTS...

A point is `before:module.function`, `after:module.function` (with `before:WORD:module.function` only at a call that has
a text with the word in its arguments), `statement:N` (before the Nth statement of the publish
transaction; one past the last is before its commit), `files:N` (as soon as an attempt of stage has N files) or
`load:STEP:N` (before a step, such as publish, of the Nth load of a plan with a day in each, staged without Spark).
"""

import importlib
import os
import signal
import sys
import threading
import time
from contextlib import nullcontext
from itertools import count

from pyarrow import fs
from without_spark import staged_in_this_process

from jobs import plan, stage, staging
from jobs.warehouse import duckdb


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(point):
    kind, _, where = point.partition(":")
    if kind in ("before", "after"):
        word, _, where = where.rpartition(":")
        module, _, name = where.rpartition(".")
        module = importlib.import_module(module)
        original = getattr(module, name)

        def dying(*arguments, **more):
            if not any(word in argument for argument in arguments if isinstance(argument, str)) and word:
                return original(*arguments, **more)
            if kind == "before":
                die()
            original(*arguments, **more)
            return die()

        setattr(module, name, dying)
    elif kind == "statement":
        translate = duckdb.to_duckdb

        def cut(script):
            statements = list(translate(script))
            if "UPDATE etl_head" not in script:
                yield from statements
                return
            yield from statements[: int(where) - 1]
            die()

        duckdb.to_duckdb = cut
    elif kind == "files":
        # One object a group, so that some tasks are over when others have not begun.
        plan.GROUP_OBJECTS = 1
        new_attempt = staging.new_attempt

        def watched(table, load_id):
            uri = new_attempt(table, load_id)

            def watch():
                files, path = staging.filesystem(uri)
                written = fs.FileSelector(path, recursive=True, allow_not_found=True)
                while sum("/month=" in found.path and found.is_file for found in files.get_file_info(written)) < int(
                    where
                ):
                    time.sleep(0.005)
                die()

            threading.Thread(target=watch, daemon=True).start()
            return uri

        staging.new_attempt = watched
    elif kind == "load":
        plan.LOAD_DAYS = 1
        stage.session, stage._on_spark = nullcontext, staged_in_this_process
        step, _, number = where.partition(":")
        module = importlib.import_module(f"jobs.{step}")
        original, left = getattr(module, step), count(int(number) - 1, -1)

        def counted(*arguments):
            return original(*arguments) if next(left) else die()

        setattr(module, step, counted)
    else:
        raise SystemExit(f"unknown point {point}")


if __name__ == "__main__":
    kill_at(sys.argv.pop(1))
    from jobs.cli import main

    main()
