"""TLS on both listeners, the rule that pushing needs it, and another certificate after SIGHUP."""

import json
import signal
import socket
import ssl
import unittest
import warnings

from support import (
    API, HEADS, PUSHKEY, FolderTest, Server, bearer, make_certificate, post,
    token_line, web,
)


class TlsServer(Server):
    """Speaks TLS to the public listener."""

    trusted = None
    plain = False

    def connect(self, context=None):
        connection = super().connect()
        if self.plain:
            return connection
        context = context or ssl.create_default_context(cafile=self.trusted)
        return context.wrap_socket(connection, server_hostname="localhost")

    def shown(self):
        """The name in the certificate that a new connection gets."""
        with self.connect() as connection:
            return dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"]


class Tls(FolderTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificate, cls.key = make_certificate(cls.folder, "first")
        tokens = cls.write("tokens", token_line("alice", "token"))
        cls.server = TlsServer("--tls-certificate", cls.certificate, "--tls-key", cls.key,
                               "--token-file", tokens, "--allow-push", "alice")
        cls.server.trusted = cls.certificate
        cls.addClassCleanup(cls.server.stop)

    def test_commands_and_pushing(self):
        self.assertEqual(post(self.server, "/ro/heads").status, 200)
        self.assertEqual(post(self.server, "/rw/pushkey", PUSHKEY).status, 401)
        self.assertEqual(post(self.server, "/rw/pushkey", PUSHKEY, bearer("token")).status, 200)

    def test_large_bodies_and_replies(self):
        nodes = [b"x" * 20] * 2000
        body = web.requests((b"stream", {b"bytes": 3000000}), *[(b"known", {b"nodes": nodes})] * 40)
        answer = post(self.server, "/ro/multirequest", body)
        self.assertEqual(answer.status, 200)
        sizes = {}
        for one in answer.frames():
            sizes[one[0]] = sizes.get(one[0], 0) + len(one[5])
        self.assertEqual(sizes[1], 3000000)
        self.assertEqual(sorted(sizes), list(range(1, 83, 2)))

    def test_old_versions_are_refused(self):
        context = ssl.create_default_context(cafile=self.certificate)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            self.server.connect(context).close()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=self.certificate)
            context.minimum_version = context.maximum_version = version
            self.server.connect(context).close()

    def test_what_is_no_tls_is_cut_off(self):
        with socket.create_connection(self.server.address, web.TIMEOUT) as connection:
            connection.sendall(web.post_head(API + "/ro/heads", len(HEADS)) + HEADS)
            self.assertTrue(web.closes(connection))
        self.assertEqual(post(self.server, "/ro/heads").status, 200)

    def test_the_admin_listener_at_a_loopback_address_has_none(self):
        self.assertIn("totals", self.server.state())


class Reload(FolderTest):
    def reload(self, server, says):
        before = server.stderr().count(says)
        server.process.send_signal(signal.SIGHUP)
        server.wait_until(lambda state: server.stderr().count(says) > before, says)

    def test_a_new_certificate_is_shown_and_a_broken_one_is_not(self):
        certificate, key = make_certificate(self.folder, "current")
        new, new_key = make_certificate(self.folder, "new")
        with TlsServer("--tls-certificate", certificate, "--tls-key", key) as server:
            trusted = self.write("trusted.pem", read(certificate) + read(new))
            server.trusted = trusted
            self.assertEqual(server.shown(), "current")
            with server.connect() as connection:
                file = connection.makefile("rwb")
                self.write("current.pem", read(new))
                self.reload(server, "current.key is not the key of the certificate")
                self.assertEqual(server.shown(), "current")
                self.write("current.key", read(new_key))
                self.reload(server, "framegate: reloaded")
                self.assertEqual(server.shown(), "new")
                # A connection that was open goes on with what it has.
                file.write(web.post_head(API + "/ro/heads", len(HEADS)) + HEADS)
                file.flush()
                self.assertEqual(web.read_answer(file).status, 200)
            self.write("current.pem", "nonsense")
            self.reload(server, "not reloaded")
            self.assertEqual(server.shown(), "new")


class Admin(FolderTest):
    def test_the_admin_listener_elsewhere_has_tls(self):
        certificate, key = make_certificate(self.folder, "first")
        tokens = self.write("tokens", token_line("ops", "look"))
        with TlsServer("--tls-certificate", certificate, "--tls-key", key, "--admin-token-file",
                       tokens, "--admin-listen", "0.0.0.0:0") as server:
            server.trusted = certificate
            server.address = ("127.0.0.1", server.admin[1])
            answer = server.get("/state", headers=[bearer("look")])
            self.assertEqual(answer.status, 200)
            self.assertIn("totals", json.loads(answer.body))
            self.assertEqual(server.get("/state").status, 401)


def read(path):
    with open(path) as file:
        return file.read()


if __name__ == "__main__":
    unittest.main()
