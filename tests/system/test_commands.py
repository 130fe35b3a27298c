# SPDX-License-Identifier: ISC
"""The command lines: options of tlsherd, and tlsherdctl."""

import json
import os
import pwd
import re
import shutil
import socket
import threading

import pytest

import clients
import herd
import pki

NOBODY = pwd.getpwnam("nobody")


def source(path):
    with open(os.path.join(os.environ["top_srcdir"], "src", path),
              encoding="utf-8") as f:
        return f.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return path


def tlsherd(*arguments, **kw):
    return herd.run(herd.TLSHERD, *arguments, **kw)


# tlsherd

@pytest.mark.root
def test_t_whose_parent_is_not_to_be_seen(tmp):
    """As a program that is started inside a container from outside."""
    conf = write(os.path.join(tmp, "t.conf"), herd.site())
    done = herd.run("unshare", "--pid", "--fork", herd.TLSHERD, "-t", "-c",
                    conf)
    if done.stderr.startswith("unshare:"):
        pytest.skip(done.stderr.strip())
    assert (done.returncode, done.stderr) == (
        0, f"{conf}: the configuration is good\n")


def test_t(start, tmp):
    """What another one has bound, too, and nothing is left or created."""
    with start(herd.site(top=f'pid_file = "{tmp}/pid"\nlog = auto')) as d:
        conf = write(f"{tmp}/c", herd.site(
            address=d.address(), top=f'pid_file = "{tmp}/pid"\n'
            f'control_socket = "{tmp}/ctl"'))
        before = sorted(os.listdir(tmp))
        done = tlsherd("-t", "-c", conf)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"{conf}: the configuration is good\n"
        assert sorted(os.listdir(tmp)) == before


@pytest.mark.parametrize("text, line, what", [
    ("wokers = 2", 1, 'unknown directive "wokers"'),
    ('user = "no-such-user-here"', 1, "no-such-user-here"),
    (herd.listener(certificate='certificate "x" {\nchain = "/nothing" }'),
     7, "/nothing"),
    ('chroot = "/nothing"', 1, "/nothing"),
    ('chroot = "/dev/null"', 1, "Not a directory"),
    ('log = "/nothing/log"', 1, "/nothing/log"),
], ids=["form", "user", "chain", "chroot", "no folder", "log"])
def test_t_of_a_bad_file(tmp, text, line, what):
    """Keys are loaded, users looked up and folders looked for, too."""
    conf = write(f"{tmp}/c", text + "\n" +
                 herd.listener(name="good").replace("\n", " "))
    done = tlsherd("-t", "-c", conf)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"{conf}:{line}: ") and what in done.stderr


def test_T(tmp):
    """All directives; what it prints means the same."""
    conf = write(f"{tmp}/c", herd.site(body='alpn = { "h2", "http/1.1" }\n'
                                       'text = "a\\n\\"b\\"\\x01"'))
    shown = tlsherd("-T", "-c", conf)
    assert shown.returncode == 0
    assert shown.stderr == f"{conf}: the configuration is good\n"
    for name in ("session_cache", "tickets", "listen", "certificate"):
        assert re.search(rf"^\s*{name}\b.*{{$", shown.stdout, re.M), name
    for name, value in (("workers", "2"), ("worker_connections", "10000"),
                        ("drain_timeout", '"?60s"?|"?1m"?'),
                        ("idle_timeout", '"?5m"?'), ("size", '"?32M"?')):
        assert re.search(rf"^\s*{name} = ({value})$", shown.stdout, re.M), name
    again = tlsherd("-T", "-c", write(f"{tmp}/again", shown.stdout))
    assert again.stdout == shown.stdout


def test_o(start, tmp):
    """Over the file, several of them, in sections; and after a reload."""
    conf = write(f"{tmp}/c", herd.site(workers=7))
    shown = tlsherd("-o", "workers=3", "-T", "-o", "session_cache.size=64M",
                    "-c", conf, "-o", "log_level=debug").stdout
    assert re.search(r"^workers = 3$", shown, re.M)
    assert re.search(r'^\s*size = "?64M"?$', shown, re.M)
    assert re.search(r'^log_level = "?debug"?$', shown, re.M)
    for bad, says in (("workers=0", '"0"'), ("wokers=1", "wokers"),
                      ("workers", "workers"), ("a.b=1", "a.b")):
        done = tlsherd("-t", "-c", conf, "-o", bad)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1 and says in done.stderr
    with start(herd.site(workers=2), "-o", "workers=1") as d:
        d.wait_workers(1)
        d.reload(herd.site(workers=3))
        d.wait_workers(1)


def test_V():
    done = tlsherd("-V")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("tlsherd ", "OpenSSL 3", "libevent 2", "libConfuse 3",
                 "tlsherd.conf", "workers run as "):
        assert word in done.stdout
    version = done.stdout.split()[1].rstrip(",")
    assert herd.run(herd.CTL, "-V").stdout == f"tlsherdctl {version}\n"


@pytest.mark.parametrize("program", [herd.TLSHERD, herd.CTL, herd.PROBE])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(program, option):
    done = herd.run(program, option)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: " + os.path.basename(program))
    assert done.stderr == ""


@pytest.mark.parametrize("bad", [["-x"], ["word"], ["-c"], ["-t", "word"],
                                 ["--test"]])
def test_wrong_usage(bad):
    done = tlsherd(*bad)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(
        "usage: tlsherd [-fhTtV] [-c file] [-o key=value]\n")


# tlsherdctl

def control(tmp):
    return os.path.join(tmp, "ctl")


def site(tmp, **kw):
    return herd.site(top=f'control_socket = "{control(tmp)}"', **kw)


def ctl(tmp, *arguments, **kw):
    return herd.run(herd.CTL, "-s", control(tmp), *arguments, **kw)


def answer(tmp, command):
    done = ctl(tmp, "--json", command)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1 and done.stdout.endswith("\n")
    return json.loads(done.stdout)


def keys(report):
    return re.findall(rf"^{report}\((\w+),", source(
        "report/fields.def"), re.M)


def test_status(start, tmp):
    with start(site(tmp, workers=3)) as d:
        ctx, session = clients.context(), None
        for _ in range(5):
            _, session = clients.trace(d, ctx=ctx, session=session)
        d.wait_connections(5)
        with clients.connect(d):
            said = herd.wait_for("all handshakes", lambda: (
                now := answer(tmp, "status"))["totals"][
                "handshakes_full"] == 2 and now)
        assert list(said) == keys("DAEMON") + ["workers", "totals"]
        assert said["pid"] == d.pid
        assert said["configuration"] == d.conf_path
        assert said["generation"] == 1
        assert 0 <= said["uptime"] < 60 * herd.SLOW
        assert said["reload_time"] is said["reload_verdict"] is None
        workers = said["workers"]
        assert [list(w) for w in workers] == 3 * [keys("WORKER")]
        assert {w["worker"]: w["pid"] for w in workers} == d.workers()
        assert {w["state"] for w in workers} == {"serving"}
        assert {w["restarts"] for w in workers} == {0}
        totals = said["totals"]
        assert list(totals) == keys("TOTALS")
        assert sum(w["connections"] for w in workers) == 1
        wanted = {"connections": 1, "accepted": 6, "closed": 5,
                  "handshakes_full": 2, "handshakes_resumed": 4,
                  "handshakes_failed": 0, "bytes_in": 5}
        assert {k: totals[k] for k in wanted} == wanted
        assert abs(totals["resumption_rate"] - 4 / 6) < 0.001
        plain = ctl(tmp, "status")
        assert (plain.returncode, plain.stderr) == (0, "")
        assert f"pid {d.pid}" in plain.stdout and d.conf_path in plain.stdout
        assert "2 full, 4 resumed (66.6 %)" in plain.stdout
        for pid in d.workers().values():
            assert re.search(rf"^ +[012] +{pid} +1 +serving ", plain.stdout,
                             re.M)


def test_sessions(start, tmp, version):
    with start(site(tmp, workers=2)) as d:
        ctx, session = clients.context(version), None
        for _ in range(5):
            _, session = clients.trace(d, ctx=ctx, session=session)
        d.wait_connections(5)
        said = answer(tmp, "sessions")
        assert list(said) == ["cache", "ticket_keys", "workers"]
        cache = said["cache"]
        assert list(cache) == keys("CACHE")
        assert (cache["lookups"], cache["hits"], cache["misses"]) == (4, 4, 0)
        assert cache["hit_rate"] == 1
        assert 0 < cache["entries"] <= cache["stores"]
        assert 0 < cache["bytes"] < cache["capacity"] <= 32 << 20
        assert list(said["ticket_keys"]) == keys("TICKET_KEYS")
        assert [list(w) for w in said["workers"]] == 2 * [keys("RESUMPTION")]
        assert sum(w["handshakes_resumed"] for w in said["workers"]) == 4
        assert sum(w["handshakes_full"] for w in said["workers"]) == 1
        plain = ctl(tmp, "sessions")
        assert (plain.returncode, plain.stderr) == (0, "")
        assert "100.0 %" in plain.stdout


def test_status_of_reloads(start, tmp):
    """The verdict, and workers that finish."""
    with start(site(tmp, service="echo")) as d, clients.connect(d) as tls:
        tls.sendall(b"x")
        assert clients.read_exactly(tls, 1) == b"x"
        d.reload()
        said = answer(tmp, "status")
        assert (said["generation"], said["reload_verdict"],
                said["reload_error"]) == (2, "ok", None)
        herd.wait_for("the end of the idle one",
                      lambda: len(answer(tmp, "status")["workers"]) == 3)
        said = answer(tmp, "status")
        assert sorted((w["generation"], w["state"], w["connections"])
                      for w in said["workers"]) == [
            (1, "draining", 1), (2, "serving", 0), (2, "serving", 0)]
        d.reload_refused("workers = banana\n")
        said = answer(tmp, "status")
        assert (said["generation"], said["reload_verdict"]) == (2, "failed")
        assert said["reload_error"].startswith(f"{d.conf_path}:1: workers")
        assert said["reload_error"] in ctl(tmp, "status").stdout


def test_counters_of_the_dead(start, tmp):
    """Totals keep what a worker counted that was killed."""
    with start(site(tmp, workers=1)) as d:
        d.faults_allowed = "was killed by signal 9"
        clients.trace(d)
        d.wait_connections(1)
        pid = d.workers()[0]
        os.kill(pid, 9)
        herd.wait_for("another worker",
                      lambda: d.workers().get(0) not in (None, pid))
        clients.trace(d)
        d.wait_connections(2)
        said = answer(tmp, "status")
        worker, = said["workers"]
        assert worker["restarts"] == 1
        assert worker["handshakes_full"] == 1
        assert said["totals"]["handshakes_full"] == 2
        assert answer(tmp, "sessions")["workers"][0]["handshakes_full"] == 2


def test_control_in_the_configuration(start, tmp):
    with start(site(tmp)) as d:
        for option in ("-c", "--config"):
            done = herd.run(herd.CTL, "status", option, d.conf_path)
            assert done.returncode == 0 and f"pid {d.pid}" in done.stdout
        d.configure("wokers = 1\n" + site(tmp))
        done = herd.run(herd.CTL, "status", "-c", d.conf_path)
        assert done.returncode == 0 and f"pid {d.pid}" in done.stdout
        assert 'did you mean "workers"' in done.stderr
    conf = write(f"{tmp}/without", herd.site())
    done = herd.run(herd.CTL, "-c", conf, "status")
    assert done.returncode == 1
    assert done.stderr == (f"tlsherdctl: {conf} sets no control_socket (-s "
                           "names the socket without the configuration)\n")
    done = herd.run(herd.CTL, "-c", f"{tmp}/nothing", "status")
    assert done.returncode == 1 and f"{tmp}/nothing" in done.stderr


def fails(tmp, what, command="status", status=1):
    done = ctl(tmp, command)
    assert (done.returncode, done.stdout) == (status, "")
    assert what in done.stderr


def test_nobody_there(start, tmp):
    """No socket, one of a daemon that is gone, and what is none."""
    missing = f"no tlsherd is listening on {control(tmp)}"
    fails(tmp, missing)
    with start(site(tmp)):
        assert ctl(tmp, "status").returncode == 0
    assert not os.path.exists(control(tmp))
    fails(tmp, missing)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(control(tmp))
    fails(tmp, missing)
    os.unlink(control(tmp))
    write(control(tmp), "")
    fails(tmp, missing)
    done = herd.run(herd.CTL, "-s", "/" + 200 * "x", "status")
    assert done.returncode == 1 and "too long" in done.stderr


@pytest.mark.parametrize("reply, says", [
    (b"", "closed the connection without an answer"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is not one of a tlsherd"),
])
def test_somebody_else_there(tmp, reply, says):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(control(tmp))
        other.listen()

        def serve():
            with other.accept()[0] as sock:
                sock.recv(1000)
                sock.sendall(reply)
        thread = threading.Thread(target=serve)
        thread.start()
        fails(tmp, says)
        thread.join()


@pytest.mark.root
@pytest.mark.parametrize("mode", ["", "0666", "0660"])
def test_who_may_ask(start, tmp, mode):
    # Nobody may not be let into the build folder.
    command = [shutil.copy(herd.CTL, tmp), "-s", control(tmp), "status"]
    conf = (f"control_mode = {mode}\n" if mode else "") + site(tmp)
    with start(conf):
        assert os.stat(control(tmp)).st_mode & 0o777 == int(mode or "600", 8)
        assert ctl(tmp, "status").returncode == 0

        def be_nobody():
            os.setgroups([])
            os.setgid(NOBODY.pw_gid)
            os.setuid(NOBODY.pw_uid)
        done = herd.run(*command, preexec_fn=be_nobody)
        if mode == "0666":
            assert done.returncode == 0
        else:
            assert (done.returncode, done.stdout) == (1, "")
            assert "Permission denied" in done.stderr


def test_control_usage(tmp):
    for bad, says in ((["dance"], 'unknown command "dance"'),
                      ([], "usage: tlsherdctl"),
                      (["status", "sessions"], "one command at a time"),
                      (["--dance", "status"], "usage: tlsherdctl"),
                      (["-c", "x", "status"], "exclude each other")):
        done = ctl(tmp, *bad)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr
    done = herd.run(herd.CTL, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: tlsherdctl")


# tlsherd-probe

@pytest.mark.parametrize("options, says", [
    (["-a", "-f"], "--all-pairs and --from-first cannot be given together"),
    (["--key", "k"], "--key needs --cert"),
    (["--replay", "5"], "--replay needs --early-data"),
    (["--sessions", "5"], "--sessions needs --replay"),
    (["-2", "--early-data", "/etc/passwd"],
     "--early-data cannot be given with -2: TLS 1.2 has none"),
    (["--replay", "x"], '--replay: "x" is not a number from 1 to 1000000'),
    (["-n", "0"], '-n: "0" is not a number from 1 to 1000000'),
    (["--workers", "1025"],
     '--workers: "1025" is not a number from 1 to 1024'),
    (["--sessions", "100001"],
     '--sessions: "100001" is not a number from 1 to 100000'),
    (["--timeout", "2h"], '--timeout: "2h" is not a duration from 1ms to 1h'),
    (["--timeout", "x"], '--timeout: "x" is not a duration from 1ms to 1h'),
])
def test_probe_usage(options, says):
    done = herd.run(herd.PROBE, *options, "127.0.0.1:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tlsherd-probe: {says}\n"


def test_configuration_doubtful(tmp):
    """-t says what is doubtful, with its date, how much, and is content."""
    key, chain = os.path.join(tmp, "k"), os.path.join(tmp, "c")
    shutil.copy(pki.path("server.key"), key)
    shutil.copy(pki.path("server.pem"), chain)
    os.chmod(key, 0o644)
    section = f"""certificate "default" {{
        chain = "{chain}"
        key = "{key}"
        names = {{ "other.test" }}
    }}"""
    conf = os.path.join(tmp, "t.conf")
    with open(conf, "w", encoding="utf-8") as f:
        f.write(herd.site(certificate=section))
    done = herd.run(herd.TLSHERD, "-t", "-c", conf)
    assert done.returncode == 0, done.stderr
    assert "others can read it (mode 0644)" in done.stderr
    assert 'does not have the name "other.test"' in done.stderr
    assert done.stderr.endswith("is good, with 2 warnings\n")
    os.chmod(tmp, 0o777)
    done = herd.run(herd.TLSHERD, "-t", "-c", conf)
    assert "they can write to the folder (mode 0777)" in done.stderr
    os.chmod(key, 0o606)
    done = herd.run(herd.TLSHERD, "-t", "-c", conf)
    assert done.returncode == 1
    assert "others can write to it (mode 0606)" in done.stderr
    os.chmod(conf, 0o646)
    done = herd.run(herd.TLSHERD, "-t", "-c", conf)
    assert done.returncode == 1
    assert "others can write to it (mode 0646)" in done.stderr
