"""The configuration file: hgweb's format, what is refused and where, --check-config, SIGHUP."""

import os
import re
import signal
import subprocess
import unittest

from support import HEADS, FolderTest, Server, basic, bcrypt, bearer, post, sha512, token_line, web

PROGRAM = web.PROGRAM


class ConfigTest(FolderTest):
    def check(self, text, *options, status=1, name="config", warnings=0):
        """What --check-config says of a file; the message without the path."""
        path = self.write(name, text)
        result = subprocess.run(
            [PROGRAM, "serve", "--check-config", "--config", path, *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=web.TIMEOUT, text=True,
        )
        fine = "" if status else "%s: fine\n" % path
        self.assertEqual((result.returncode, result.stdout), (status, fine), result.stderr)
        self.assertEqual(result.stderr.count("\n"), status + warnings)
        return result.stderr.replace(path, "FILE")

    def good(self, text, *options, warnings=0):
        return self.check(text, *options, status=0, warnings=warnings)


class Format(ConfigTest):
    def test_hgwebs_own_format(self):
        tokens = self.write("tokens", token_line("alice", "token"))
        self.good(
            "# a comment\n; another\n[framegate]\nrepository = /x\nmax-body=5M\n\n"
            "token-file = %s\n[web]\nallow_read = *\nallow-push = alice, bob\n  carol dave\n"
            "\terin\ndeny_push = mallory\ndeny_read =\npush_ssl = False\n" % tokens, warnings=4)

    def test_who_may_but_cannot_log_in_is_named(self):
        tokens = self.write("tokens", token_line("alice", "token"))
        said = self.good("[framegate]\nrepository = /x\ntoken-file = %s\n[web]\n"
                         "allow_read = alice robot\n" % tokens, warnings=1)
        self.assertIn("FILE:5: allow-read: 'robot' has neither a password nor a token", said)

    def test_every_setting_of_the_program_can_stand_in_a_file(self):
        text = subprocess.run([PROGRAM, "serve", "--help"], stdout=subprocess.PIPE, text=True).stdout
        entries = [" ".join(entry.split()) for entry in re.split(r"\n(?=  --)", text)[1:]]
        seen = 0
        for entry in entries:
            key = re.match(r"--([a-z-]+)", entry)[1]
            default = re.search(r"\(default ([^;)]+)", entry)
            web_key = "(in a file under [web])" in entry
            if key in ("config", "check-config") or (not default and not web_key):
                continue
            seen += 1
            value = default[1] if default else ("on" if key == "push-ssl" else "")
            section = "web" if web_key else "framegate"
            other = "framegate" if web_key else "web"
            start = "[framegate]\nrepository = /x\n"
            self.good("%s[%s]\n%s = %s\n" % (start, section, key, value))
            said = self.check("%s[%s]\n%s = %s\n" % (start, other, key, value))
            self.assertIn("FILE:4: there is no setting '%s' in section [%s]" % (key, other), said)
        self.assertGreater(seen, 35)

    def test_what_is_refused_has_its_line(self):
        start = "[framegate]\nrepository = /x\n"
        for text, says in (
            ("frob = 1\n", "FILE:3: there is no setting 'frob' in section [framegate]"),
            ("\n\n[other]\nx = 1\n", "FILE:6: there is no setting 'x' in section [other]"),
            ("[web]\nallow_pushh = x\n", "FILE:4: there is no setting 'allow_pushh'"),
            ("max-body = 5X\n", "FILE:3: max-body: '5X' is not a number"),
            ("max-body = 1\nmax-body = 2\n", "FILE:4: max-body: given twice"),
            ("[web]\nallow-push = a\nallow_push = b\n", "FILE:5: allow-push: given twice"),
            ("max-body\n", "FILE:3: this is neither [SECTION] nor KEY = VALUE"),
            ("max-body: 5\n", "FILE:3: this is neither"),
            ("max-body = 5 ; five\n", "FILE:3: a comment needs a line of its own"),
            ("max-body = 5\n  6\n", "FILE:4: an indented line, but what is above is no list"),
            ("[web]\nallow-read = a\n[framegate]\n  x = y\n", "FILE:6: an indented line"),
            ("[web\nx = 1\n", "FILE:3: a [SECTION] that is indented or has no end"),
            ("  [web]\n", "FILE:3: a [SECTION] that is indented"),
            ("[web]\nallow-read = " + "a " * 150 + "\n", "FILE:4: the line is too long"),
            ("[web]\nallow-read = 'a b'\n", "FILE:4: allow-read: ''a b'' has a quote"),
            ("[web]\nallow_read = alice # robot\n", "FILE:4: allow-read: '#' starts a word"),
            ("[web]\npush_ssl = maybe\n", "FILE:4: push-ssl: 'maybe' is none of off, on"),
            ("%include other\n", "FILE:3: this is neither"),
            ("max-body = 1\0\n", "FILE:3: a NUL"),
            ("repository = /y\n", "FILE:3: repository: given twice"),
            ("trusted-proxies = 10.0.0.0/33\n", "FILE:3: trusted-proxies: '10.0.0.0/33' is not an address or network"),
            ("[web]\nallow-push = alice\n", "FILE:4: allow-push: nobody has credentials"),
            ("[web]\nallow-read = alice\n", "FILE:4: allow-read: nobody has credentials"),
            ("tls-key = /x\n", "FILE:3: tls-key: --tls-certificate and --tls-key need each"),
            ("admin-listen = 0.0.0.0:0\n", "FILE:3: admin-listen: only a loopback"),
            ("body-time-max = 1\n", "FILE:3: body-time-max: 1 is less than"),
            ("tls-priorities = NONSENSE\n", "FILE:3: tls-priorities: "),
            ("user = no-such-account-here\n", "FILE:3: user: there is no account"),
            ("bundle-cache = /nonexistent/x\n", "FILE:3: bundle-cache: cannot make /nonexistent/x"),
            ("access-log = /nonexistent/x\n", "FILE:3: access-log: cannot make /nonexistent/x"),
            ("user = no-such-account-here\ntoken-file = /nonexistent\n", "/nonexistent"),
        ):
            with self.subTest(text):
                self.assertIn(says, self.check(start + text))

    def test_pushing_that_could_never_be_is_refused(self):
        tokens = self.write("tokens", token_line("alice", "token"))
        text = "[framegate]\nrepository=/x\ntoken-file=%s\n[web]\nallow-push=alice\n" % tokens
        self.assertIn("rw needs TLS", self.check(text))
        self.good(text + "push_ssl=false\n")

    def test_without_hg_nobody_can_push(self):
        tokens = self.write("tokens", token_line("alice", "token"))
        text = ("[framegate]\nrepository=/x\ntoken-file=%s\nhg=nosuchhg\n[web]\npush_ssl=no\n"
                % tokens)
        self.good(text)
        self.assertIn("FILE:4: hg: there is no program 'nosuchhg' in PATH",
                      self.check(text + "allow-push=alice\n"))

    def test_the_command_line(self):
        command = [PROGRAM, "serve", "--check-config", "--repository"]
        for options, status, says in (
            (["/x"], 0, "framegate serve: fine\n"),
            (["/nonexistent"], 1, "framegate serve: --repository: no repository at /nonexistent\n"),
            (["/x", "--push-ssl", "off"], 1, "do you mean --push-ssl=off?"),
            (["/x", "--max-body", "1T"], 0, ": fine\n"),
            (["/x", "--config", "/tmp"], 1, "cannot read /tmp: Is a directory\n"),
            (["/x", "--tls-priorities", "NONSENSE"], 1, "--tls-priorities: "),
        ):
            result = subprocess.run([*command, *options], stdout=subprocess.PIPE, text=True,
                                    stderr=subprocess.STDOUT, timeout=web.TIMEOUT)
            self.assertEqual(result.returncode, status, result.stdout)
            self.assertIn(says, result.stdout)

    def test_checking_leaves_nothing_behind(self):
        for name in ("log", "cache"):
            option = "access-log" if name == "log" else "bundle-cache"
            self.good("[framegate]\nrepository = /x\n%s = %s\n" % (option, self.path(name)))
            self.assertFalse(os.path.exists(self.path(name)))

    def test_the_files_that_it_names_are_checked(self):
        for name, text, says in (
            ("users", "alice:wonderland\n", ":1: the password of alice is no bcrypt"),
            ("users", "#\nalice:$apr1$x$y\n", ":2: the password of alice is no bcrypt"),
            ("users", "alice:$2y$05$short\n", ":1: the password"),
            ("users", "alice\n", ":1: a line is USER:SECRET"),
            ("users", "al ice:%s\n" % bcrypt("x"), ":1: a user has 1 to 64"),
            ("users", "alice:%s\nalice:%s\n" % (bcrypt("x"), sha512("y")), "alice is there twice"),
            ("users", "", "there is no user"),
            ("tokens", "alice:abc\n", ":1: after the user there are not the 64"),
            ("tokens", "alice:%s\n" % ("g" * 64), ":1: after the user"),
            ("tokens", "# none\n", "there is no token"),
        ):
            path = self.write(name, text)
            option = "password-file" if name == "users" else "token-file"
            said = self.check("[framegate]\nrepository = /x\n%s = %s\n" % (option, path))
            self.assertIn(says, said.replace("FILE", path), text)

    def test_no_file_and_no_repository(self):
        self.assertIn("--repository DIR is missing", self.check("[web]\n"))
        result = subprocess.run([PROGRAM, "serve", "--config", self.path("none")],
                                stderr=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot read " + self.path("none"), result.stderr)

    def test_the_command_line_goes_over_the_file_wherever_it_stands(self):
        self.good("[framegate]\nmax-connections = 1\nthreads = 2\nrepository = /x\n",
                  "--max-connections", "2")
        path = self.write("low", "[framegate]\nmax-body = 10\n")
        with Server("--max-body", "20", "--config", path) as server:
            self.assertEqual(server.state()["limits"]["max-body"]["value"], 20)
        with Server("--config", path) as server:
            self.assertEqual(server.state()["limits"]["max-body"]["value"], 10)


class Reload(ConfigTest):
    def reload(self, server, says):
        before = server.stderr().count(says)
        server.process.send_signal(signal.SIGHUP)
        server.wait_until(lambda state: server.stderr().count(says) > before, says)

    def config(self, allow, extra=""):
        return self.write("config", "[framegate]\ntoken-file = %s\npassword-file = %s\n%s\n[web]\n"
                          "allow-push = %s\npush_ssl = no\n"
                          % (self.path("tokens"), self.path("users"), extra, allow))

    def test_who_may_do_what_changes_and_a_broken_file_changes_nothing(self):
        self.write("tokens", token_line("alice", "token") + token_line("bob", "other"))
        self.write("users", "carol:%s\n" % bcrypt("old"))
        with Server("--config", self.config("alice carol")) as server:
            def push(*fields):
                return post(server, "/rw/heads", HEADS, *fields).status

            self.assertEqual((push(bearer("token")), push(bearer("other"))), (200, 403))
            self.assertEqual(push(basic("carol", "old")), 200)
            self.write("users", "carol:%s\n" % sha512("new"))
            self.config("bob carol")
            self.reload(server, "framegate: reloaded")
            self.assertEqual((push(bearer("token")), push(bearer("other"))), (403, 200))
            # A password that was remembered is forgotten.
            self.assertEqual((push(basic("carol", "old")), push(basic("carol", "new"))), (401, 200))
            self.config("alice", extra="nonsense = 1")
            self.reload(server, "not reloaded, all stays as it was: %s:4: " % self.path("config"))
            self.assertEqual((push(bearer("token")), push(bearer("other"))), (403, 200))
            self.write("tokens", "nonsense")
            self.config("alice")
            self.reload(server, "not reloaded, all stays as it was: %s:1: " % self.path("tokens"))
            self.assertEqual(push(bearer("other")), 200)

    def test_what_waits_for_a_new_start_is_named(self):
        self.write("tokens", token_line("alice", "token"))
        self.write("users", "carol:%s\n" % bcrypt("old"))
        with Server("--config", self.config("alice", "max-body = 10")) as server:
            self.config("alice", "max-body = 20\nworkers = 3")
            self.reload(server, "framegate: reloaded")
            said = server.stderr()
            self.assertIn("framegate: max-body has changed, which waits for a new start\n", said)
            self.assertIn("framegate: workers has changed", said)
            self.assertEqual(said.count("waits for a new start"), 2)
            self.assertEqual(server.state()["limits"]["max-body"]["value"], 10)

    def test_the_access_log_is_opened_again(self):
        log = self.path("log")
        with Server("--access-log", log) as server:
            post(server, "/ro/heads")
            server.wait_until(lambda state: os.path.getsize(log) > 0)
            os.rename(log, log + ".1")
            self.reload(server, "framegate: reloaded")
            post(server, "/ro/heads")
            server.wait_until(lambda state: os.path.exists(log) and os.path.getsize(log) > 0)
            with open(log + ".1") as old, open(log) as new:
                self.assertEqual((len(old.readlines()), len(new.readlines())), (1, 1))

    def test_under_load_no_request_is_lost(self):
        self.write("tokens", token_line("alice", "token"))
        self.write("users", "carol:%s\n" % bcrypt("old"))
        with Server("--config", self.config("alice")) as server:
            for _ in range(30):
                server.process.send_signal(signal.SIGHUP)
                for _ in range(5):
                    self.assertEqual(post(server, "/rw/heads", HEADS, bearer("token")).status, 200)


if __name__ == "__main__":
    unittest.main()
