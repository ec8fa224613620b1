"""Serves a double until whoever started it is gone: python -m double PROJECT."""

import sys

from double.server import main

main(sys.argv[1])
