# SPDX-License-Identifier: ISC
"""tlsherdctl tells the server to do something."""

import json
import os
import subprocess
import time

import pytest

import clients
import herd
import pki


def site(tmp, more="", **kw):
    return herd.site(top=f'control_socket = "{tmp}/ctl"\n{more}', **kw)


def ctl(tmp, *arguments, **kw):
    return herd.run(herd.CTL, "-s", f"{tmp}/ctl", *arguments, seconds=60,
                    **kw)


def test_reload(start, tmp):
    """It returns when the new configuration serves."""
    with start(site(tmp)) as d:
        d.configure(site(tmp, workers=3))
        done = ctl(tmp, "reload")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "reloaded: generation 2, 3 workers\n"
        assert "reloaded: generation 2" in d.log()
        clients.trace(d)


def test_reload_that_fails(start, tmp):
    with start(site(tmp)) as d:
        d.configure("nonsense = 1\n" + site(tmp))
        done = ctl(tmp, "reload")
        assert (done.returncode, done.stdout) == (1, "")
        assert f'{d.conf_path}:1: unknown directive "nonsense"' in done.stderr
        clients.trace(d)


def test_reload_without_the_socket(start, tmp):
    """The answer is sent before the socket is closed that it goes by."""
    with start(site(tmp)) as d:
        d.configure(herd.site())
        done = ctl(tmp, "reload")
        assert (done.returncode, done.stderr) == (0, "")
        herd.wait_for("the end of the socket",
                      lambda: not os.path.exists(f"{tmp}/ctl"))


def test_two_at_once(start, tmp):
    """Each gets a verdict on what the file says by then."""
    with start(site(tmp)) as d:
        asking = [subprocess.Popen([herd.CTL, "-s", f"{tmp}/ctl", "reload"],
                                   stdout=subprocess.PIPE, text=True)
                  for _ in range(3)]
        said = [p.communicate(timeout=60 * herd.SLOW)[0] for p in asking]
        assert all(s.startswith("reloaded: generation") for s in said)
        assert {p.returncode for p in asking} == {0}
        clients.trace(d)


def test_upgrade(start, tmp):
    with start(site(tmp)) as d:
        done = ctl(tmp, "upgrade")
        assert (done.returncode, done.stdout, done.stderr) == (
            0, "upgraded\n", "")
        assert "upgraded: generation 2" in d.log()
        assert ctl(tmp, "reload").stdout.startswith("reloaded: generation 3")


def test_upgrade_that_fails(start, tmp):
    with start(site(tmp)) as d:
        d.configure("nonsense = 1\n" + site(tmp))
        done = ctl(tmp, "upgrade")
        assert (done.returncode, done.stdout) == (1, "")
        assert "nonsense" in done.stderr
        clients.trace(d)


def test_reopen(start, tmp):
    log = f"{tmp}/herd.log"
    with start(site(tmp, f'log = "{log}"', workers=1), ready=False):
        herd.wait_for("the log", lambda: os.path.exists(log) and
                      "workers are ready" in open(log).read())
        os.rename(log, log + ".1")
        assert ctl(tmp, "reopen").returncode == 0
        herd.wait_for("the new log", lambda: os.path.exists(log))


@pytest.mark.parametrize("order", ["stop", "finish"])
def test_end(start, tmp, order):
    with start(site(tmp)) as d:
        done = ctl(tmp, order)
        assert (done.returncode, done.stderr) == (0, "")
        assert d.wait_end() == 0


def test_finishing_reloads_no_more(start, tmp):
    with start(site(tmp)) as d, clients.connect(d):
        assert ctl(tmp, "finish").returncode == 0
        d.wait_log("finishing")
        done = ctl(tmp, "reload")
        assert (done.returncode, done.stdout) == (1, "")
        assert "finishing" in done.stderr


@pytest.mark.skipif(not herd.ROOT, reason="for root")
def test_who_may_order(start, tmp):
    """Who may ask may not yet order."""
    os.chmod(tmp, 0o755)
    with start(site(tmp, 'control_mode = "0666"')) as d:
        def nobody(*command):
            return herd.run("setpriv", "--reuid=65534", "--clear-groups",
                            herd.CTL, "-s", f"{tmp}/ctl", *command)
        assert nobody("status").returncode == 0
        done = nobody("stop")
        assert (done.returncode, done.stdout) == (1, "")
        assert "only root" in done.stderr
        clients.trace(d)


def test_completion(tmp):
    """bash completes commands and options."""
    script = os.path.join(os.path.dirname(__file__), "..", "..", "etc",
                          "tlsherdctl.bash")
    for word, wanted in (("re", "reload reopen"), ("--js", "--json")):
        done = herd.run("bash", "-c", f"""
            . {script}
            COMP_WORDS=(tlsherdctl {word}) COMP_CWORD=1
            _tlsherdctl
            echo "${{COMPREPLY[@]}}"
            """)
        assert (done.stdout.strip(), done.stderr) == (wanted, "")


def test_workers(start, tmp):
    with start(site(tmp)) as d:
        clients.trace(d)
        done = ctl(tmp, "--json", "workers")
        rows = json.loads(done.stdout)["workers"]
        assert {w["worker"]: w["pid"] for w in rows} == d.workers()
        assert sum(w["accepted"] for w in rows) == 1
        assert all(w["memory"] > 1 << 20 and w["cpu"] >= 0 for w in rows)
        assert str(d.workers()[0]) in ctl(tmp, "workers").stdout


def test_certificates(start, tmp):
    sections = pki.section("one", "server") + pki.section(
        "two", "a", ["a.example"], f"""client_certificate = "optional"
        ca = "{pki.path('clients.pem')}"
        crl = "{pki.path('empty.crl')}\"""")
    with start(site(tmp, certificate=sections)):
        one, two = json.loads(ctl(tmp, "-j", "certificates").stdout)[
            "certificates"]
        assert (one["listener"], one["certificate"], one["chain"]) == (
            "main", "one", pki.path("server.pem"))
        end = herd.run("openssl", "x509", "-noout", "-enddate", "-dateopt",
                       "iso_8601", "-in", pki.path("a.pem")).stdout
        said = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(
            two["expires"]))
        assert end == f"notAfter={said}\n"
        assert abs(two["expires_in"] + time.time() - two["expires"]) < 60
        assert one["crl_due"] is None and two["crl_due"] > time.time()
        assert one["chain_ends"] == one["expires"]


def test_config(start, tmp):
    """The configuration in force, not that of the file."""
    with start(site(tmp, workers=1)) as d:
        d.configure(site(tmp, workers=3))
        said = ctl(tmp, "config").stdout
        assert "\nworkers = 1\n" in "\n" + said
        assert ctl(tmp, "reload").returncode == 0
        assert "\nworkers = 3\n" in "\n" + ctl(tmp, "config").stdout
        assert ctl(tmp, "-j", "config").returncode == 2
