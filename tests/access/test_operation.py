"""As a service: what the manager is told, and the account that it runs as."""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import unittest

from support import HEADS, FolderTest, Server, bcrypt, make_certificate, post, web

ACCOUNT = "nobody"
needs_root = unittest.skipUnless(os.geteuid() == 0, "needs root")


class Notify(FolderTest):
    def check(self, name, bind):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.settimeout(web.TIMEOUT)
            manager.bind(bind)
            with Server(environment={"NOTIFY_SOCKET": name}) as server:
                self.assertEqual(manager.recv(1000), b"READY=1")
                server.process.send_signal(signal.SIGHUP)
                self.assertRegex(manager.recv(1000), rb"^RELOADING=1\nMONOTONIC_USEC=[0-9]+$")
                self.assertEqual(manager.recv(1000), b"READY=1")
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(manager.recv(1000), b"STOPPING=1")

    def test_the_manager_is_told(self):
        path = self.path("notify")
        self.check(path, path)

    def test_in_the_abstract_namespace(self):
        name = "framegate-test-%d" % os.getpid()
        self.check("@" + name, "\0" + name)

    def test_a_socket_that_is_not_there_does_not_matter(self):
        with Server(environment={"NOTIFY_SOCKET": self.path("none")}) as server:
            self.assertEqual(post(server, "/ro/heads").status, 200)


class User(FolderTest):
    @needs_root
    def test_it_becomes_the_account_after_reading_what_is_roots(self):
        certificate, key = make_certificate(self.folder, "mine")
        users = self.write("users", "alice:%s\n" % bcrypt("x"))
        for path in (key, users):
            os.chmod(path, 0o600)
        account = pwd.getpwnam(ACCOUNT)
        with Server("--user", ACCOUNT, "--password-file", users, "--listen", "127.0.0.1:0",
                    "--access-log", "off") as server:
            self.assertEqual(post(server, "/ro/heads").status, 200)
            with open("/proc/%d/status" % server.process.pid) as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
            self.assertEqual(status["Uid"].split(), [str(account.pw_uid)] * 4)
            self.assertEqual(status["Gid"].split(), [str(account.pw_gid)] * 4)
            self.assertEqual(int(status["CapEff"], 16), 0)
            for task in os.listdir("/proc/%d/task" % server.process.pid):
                with open("/proc/%d/task/%s/status" % (server.process.pid, task)) as file:
                    self.assertIn("Uid:\t" + "\t".join([str(account.pw_uid)] * 4), file.read())
            # What only root may read it cannot read again: all stays as it was.
            server.process.send_signal(signal.SIGHUP)
            server.wait_until(lambda state: "not reloaded" in server.stderr())
            self.assertIn("Permission denied", server.stderr())
            self.assertEqual(post(server, "/ro/heads").status, 200)

    def refused(self, *command):
        result = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=web.TIMEOUT)
        self.assertEqual(result.returncode, 1, result.stderr)
        return result.stderr

    def serve(self, user):
        return [web.PROGRAM, "serve", "--repository", "/", "--listen", "127.0.0.1:0",
                "--admin-listen", "127.0.0.1:0", "--user", user]

    def test_an_account_that_cannot_be(self):
        self.assertIn("there is no account 'no-such-one'", self.refused(*self.serve("no-such-one")))
        self.assertIn("--user: the account must not be root", self.refused(*self.serve("root")))

    @needs_root
    def test_another_account_needs_root(self):
        program = shutil.copy(web.PROGRAM, self.folder)
        os.chmod(self.folder, 0o755)
        said = self.refused("setpriv", "--reuid=1", "--regid=1", "--clear-groups", program,
                            *self.serve(ACCOUNT)[1:])
        self.assertIn("cannot become the user 'nobody'", said)


@unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
class Unit(FolderTest):
    """The unit is looked at without a manager: package systemd has what looks."""

    unit = os.environ.get("FRAMEGATE_UNIT", os.path.join(web.ROOT, "build/release/framegate.service"))

    def test_its_exposure_is_below_two(self):
        command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20"]
        result = subprocess.run([*command, self.unit], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=web.TIMEOUT)
        found = re.search(r"Overall exposure level for framegate.service: ([0-9.]+)", result.stdout)
        self.assertIsNotNone(found, result.stdout)
        self.assertLess(float(found[1]), 2.0)
        self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    unittest.main()
