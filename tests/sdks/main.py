"""Runs all checks: main.py BINARY [WORDS], WORDS being a part of the names of the checks that are wanted."""

import pathlib, sys, tempfile

import anthropic_checks, anthropic_errors, oauth_checks, openai_checks, openai_errors, programs, responses_checks
from hub import Hub
from upstream import Upstream

binary, only = pathlib.Path(sys.argv[1]).resolve(), " ".join(sys.argv[2:])
passed = failed = 0
with tempfile.TemporaryDirectory() as folder:
    upstream = Upstream()
    hub = Hub(binary, f"{folder}/hub", upstream)
    try:
        for part in (openai_checks, openai_errors, responses_checks, anthropic_checks, anthropic_errors, programs, oauth_checks):
            good, bad = part.suite.run(part.cases(hub, upstream), only)
            passed, failed = passed + good, failed + bad
    finally:
        hub.close()
print(f"{passed} checks passed, {failed} failed")
sys.exit(bool(failed))
