# SPDX-License-Identifier: ISC
"""Fixtures, and the logs of the daemons in the report of a failed test."""

import os
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import clients  # noqa: E402
import herd  # noqa: E402
import pki  # noqa: E402

LOG_LINES = 80


def _folder():
    # Not pytest's tmp_path: workers that are nobody must get in, and the
    # path of a Unix socket must be short.
    path = tempfile.mkdtemp(prefix="herd.")
    os.chmod(path, 0o755)
    return path


@pytest.fixture(scope="session", autouse=True)
def certificates():
    folder = _folder()
    pki.build(folder)
    yield
    shutil.rmtree(folder)


@pytest.fixture
def tmp(request):
    folder = request.node.herd_folder = _folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(tmp):
    """start(conf, …) is herd.Daemon in the test's own folder."""
    def make(conf, *options, **kw):
        return herd.Daemon(tmp, conf, *options, **kw)
    return make


@pytest.fixture(params=list(clients.VERSIONS))
def version(request):
    """Once for each TLS version."""
    return clients.VERSIONS[request.param]


def note_failed(test):
    """For tests/system/run, which gives it another try."""
    path = os.environ.get("TLSHERD_TEST_FAILED")
    if path is None:
        return
    with open(path, "r+", encoding="utf-8") as f:
        if test not in f.read().splitlines():
            f.write(test + "\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        note_failed(item.nodeid)
    folder = getattr(item, "herd_folder", None)
    if not report.failed or folder is None or not os.path.isdir(folder):
        return
    for name in sorted(os.listdir(folder)):
        if name.endswith((".conf", ".log")):
            with open(os.path.join(folder, name), errors="replace",
                      encoding="utf-8") as f:
                lines = f.readlines()
            text = "".join(lines[-LOG_LINES:])
            if len(lines) > LOG_LINES:
                text = f"({len(lines) - LOG_LINES} lines before)\n" + text
            report.sections.append((name, text))


def pytest_runtest_setup(item):
    if item.get_closest_marker("root") and not herd.ROOT:
        pytest.skip("only root can do that")
    for mark in item.iter_markers("needs"):
        if shutil.which(mark.args[0]) is None:
            pytest.skip(f"there is no {mark.args[0]}")
