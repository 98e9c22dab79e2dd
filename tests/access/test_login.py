"""Who may read and push: passwords, tokens, hgweb's lists, what a 401 and a 403 say."""

import signal
import threading
import unittest

from support import (
    ACCEPT, API, CONTENT_TYPE, HEADS, PUSHKEY, FolderTest, Server, basic, bcrypt, bearer, post,
    sha512, token_line, web,
)

PASSWORDS = "# users\nalice:%s\nbob:%s\ncarol:%s\n\n" % (
    bcrypt("wonderland"), sha512("builder"), bcrypt("colon:in it"))
TOKENS = token_line("robot", "r0b0t-token") + token_line("alice", "alice-token")


class AccessTest(FolderTest):
    options = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        passwords, tokens = cls.write("users", PASSWORDS), cls.write("tokens", TOKENS)
        cls.server = Server("--password-file", passwords, "--token-file", tokens, *cls.options)
        cls.addClassCleanup(cls.server.stop)

    def check(self, status, path, *fields, body=HEADS):
        answer = post(self.server, path, body, *fields)
        self.assertEqual(answer.status, status, answer)
        self.assertEqual("www-authenticate" in answer.headers, status == 401, answer)
        return answer


class Push(AccessTest):
    options = ("--allow-push", "alice,bob robot", "--deny-push", "bob", "--push-ssl=off",
               "--login-time", "60")

    def test_reading_is_open_and_credentials_do_not_matter(self):
        self.check(200, "/ro/heads")
        self.check(200, "/ro/heads", basic("alice", "wrong"))
        self.check(200, "/ro/heads", "Authorization: Nonsense")

    def test_the_right_password_and_tokens(self):
        for fields in (basic("alice", "wonderland"), bearer("r0b0t-token"), bearer("alice-token"),
                       basic("robot", "r0b0t-token")):
            answer = self.check(200, "/rw/pushkey", fields, body=PUSHKEY)
            self.assertEqual(answer.frames()[0][5], web.cbor(True))

    def test_what_proves_nothing_is_401(self):
        for fields in (
            (), (basic("alice", "wrong"),), (basic("alice", ""),), (basic("alice", "wonderland "),),
            (basic("", "wonderland"),), (basic("nobody", "wonderland"),),
            (bearer("wrong"),), (bearer(""),), (basic("alice", "r0b0t-token"),),
            (basic("bob", "wonderland"),), ("Authorization: Basic !!!",), ("Authorization: Basic",),
            ("Authorization: Basic YWxpY2U=",), ("Authorization: Digest username=alice",),
            (basic("alice", "wonderland\0x"),), (basic("alice", "x" * 600),),
            (basic("alice", "wonderland"), bearer("alice-token")),
            (basic("alice", "wonderland"),) * 2,
        ):
            answer = self.check(401, "/rw/pushkey", *fields, body=PUSHKEY)
            self.assertIn(b"permission denied", answer.body)
            self.assertIn('="framegate"', answer.headers["www-authenticate"])

    def test_one_scheme_is_offered_for_passwords_and_tokens(self):
        with self.server.connect() as connection:
            connection.sendall(web.post_head(API + "/rw/heads", len(HEADS)) + HEADS)
            connection.shutdown(1)
            text = b"".join(iter(lambda: connection.recv(65536), b"")).decode().lower()
        self.assertIn('www-authenticate: basic realm="framegate", charset="utf-8"\r\n', text)
        self.assertEqual(text.count("www-authenticate"), 1)

    def test_who_may_not_is_403_although_known(self):
        self.check(403, "/rw/heads", basic("bob", "builder"))
        self.check(403, "/rw/heads", basic("carol", "colon:in it"))

    def test_the_rows_of_the_table_keep_their_order(self):
        self.check(401, "/rw/nonexistent")
        self.check(404, "/rw/nonexistent", bearer("alice-token"))
        self.assertEqual(self.server.get(API + "/rw/heads").status, 405)
        self.check(404, "/xx/heads")

    def test_push_through_ro_is_403_also_for_who_may_push(self):
        for name in ("pushkey", "multirequest"):
            answer = self.check(403, "/ro/" + name, bearer("alice-token"), body=PUSHKEY)
            self.assertIn(b"insufficient permissions", answer.body)

    def test_a_connection_goes_on_after_a_401_and_a_login(self):
        with self.server.connect() as connection:
            file = connection.makefile("rb")
            for fields, status in (([], 401), ([basic("alice", "wonderland")], 200),
                                   ([basic("alice", "wrong")], 401), ([bearer("alice-token")], 200)):
                head = web.post_head(API + "/rw/heads", len(HEADS), [ACCEPT, CONTENT_TYPE, *fields])
                connection.sendall(head + HEADS)
                self.assertEqual(web.read_answer(file).status, status)

    def test_no_body_is_asked_for_before_the_verdict(self):
        for password, status in (("wrong", b" 401 "), ("wonderland", b" 100 ")):
            fields = [ACCEPT, CONTENT_TYPE, basic("alice", password), "Expect: 100-continue"]
            with self.server.connect() as connection:
                connection.sendall(web.post_head(API + "/rw/heads", len(HEADS), fields))
                self.assertIn(status, connection.makefile("rb").readline())

    def test_the_log_has_the_user_and_no_secret(self):
        self.check(200, "/rw/heads", basic("alice", "wonderland"))
        self.server.wait_until(lambda state: " - alice [" in self.server.stderr())
        self.assertNotIn("wonderland", self.server.stderr())
        self.assertNotIn(basic("alice", "wonderland")[-12:], self.server.stderr())


class Read(AccessTest):
    options = ("--allow-read", "alice, robot", "--deny-read", "carol")

    def test_reading_needs_credentials(self):
        self.check(401, "/ro/heads")
        self.check(401, "/ro/heads", basic("alice", "wrong"))
        self.check(200, "/ro/heads", basic("alice", "wonderland"))
        self.check(200, "/ro/heads", bearer("r0b0t-token"))
        self.check(403, "/ro/heads", basic("bob", "builder"))
        self.check(403, "/ro/heads", basic("carol", "colon:in it"))

    def test_the_handshake_is_for_readers(self):
        self.assertEqual(self.server.get("/?cmd=capabilities").status, 401)
        answer = self.server.get("/?cmd=capabilities", headers=[bearer("alice-token")])
        self.assertEqual(answer.status, 200)

    def test_nobody_pushes_and_nobody_is_asked(self):
        self.check(403, "/rw/heads")
        self.check(403, "/rw/heads", bearer("alice-token"))


class DenyAll(AccessTest):
    options = ("--deny-read", "*")

    def test_nobody_reads(self):
        self.check(401, "/ro/heads")
        self.check(403, "/ro/heads", bearer("alice-token"))


class Everyone(AccessTest):
    options = ("--allow-push", "*", "--push-ssl=off", "--allow-read", "*")

    def test_a_star_is_everyone_who_has_credentials(self):
        self.check(200, "/ro/heads")
        self.check(401, "/rw/heads")
        for user, password in (("alice", "wonderland"), ("bob", "builder")):
            self.check(200, "/rw/heads", basic(user, password))


class Proxies(AccessTest):
    options = ("--allow-push", "*", "--trusted-proxies", "127.0.0.1 10.0.0.0/8")

    def test_rw_needs_tls_and_the_proxy_says_whether(self):
        token = bearer("alice-token")
        self.assertIn(b"TLS", self.check(403, "/rw/heads", token).body)
        self.check(200, "/rw/heads", token, "X-Forwarded-Proto: https")
        self.check(403, "/rw/heads", token, "X-Forwarded-Proto: http")
        self.check(403, "/rw/heads", token, "X-Forwarded-Proto: https", "X-Forwarded-Proto: http")
        self.check(403, "/rw/heads", token, "X-Forwarded-Proto: https,http")

    def peer(self, *fields):
        before = self.server.state()["totals"]["requests"]
        self.check(200, "/ro/heads", *fields)
        state = self.server.wait_until(
            lambda state: state["totals"]["requests"] > before and not state["exchanges"])
        return state["finished"][0]["peer"].rsplit(":", 1)[0]

    def test_the_peer_is_the_last_address_that_is_no_proxy(self):
        for value, peer in (("192.0.2.1", "192.0.2.1"), ("192.0.2.9, 192.0.2.1", "192.0.2.1"),
                            ("192.0.2.1, 10.1.2.3", "192.0.2.1"), ("2001:db8::1", "[2001:db8::1]"),
                            ("192.0.2.1:4711, 10.1.2.3", "192.0.2.1"), ("nonsense", "127.0.0.1"),
                            ("192.0.2.7, nonsense, 10.1.2.3", "10.1.2.3")):
            self.assertEqual(self.peer("X-Forwarded-For: " + value), peer, value)
        self.assertEqual(
            self.peer("X-Forwarded-For: 192.0.2.5", "X-Forwarded-For: 192.0.2.6, 10.1.1.1"),
            "192.0.2.6")


class CrowdedProxy(AccessTest):
    options = ("--trusted-proxies", "127.0.0.1", "--max-connections-per-address", "2")

    def hold(self, client):
        """A connection with a request of that client in progress: its body has not come."""
        connection = self.server.connect()
        self.addCleanup(connection.close)
        fields = [web.ACCEPT, web.CONTENT_TYPE, "X-Forwarded-For: " + client]
        connection.sendall(web.post_head(API + "/ro/heads", len(HEADS), fields))
        return connection

    def in_progress(self, count):
        self.server.wait_until(
            lambda state: [one["phase"] for one in state["exchanges"]] == ["body"] * count)

    def test_each_client_has_the_limit_for_itself(self):
        before = self.server.state()["limits"]["max-connections-per-address"]["hits"]
        held = [self.hold(client) for client in ("192.0.2.1",) * 2 + ("192.0.2.2",) * 2]
        self.in_progress(4)
        for client in ("192.0.2.1", "192.0.2.2"):
            answer = self.check(429, "/ro/heads", "X-Forwarded-For: " + client)
            self.assertEqual(answer.headers["retry-after"], "1")
            self.assertIn(b"in progress of this address reach the limit of 2", answer.body)
        self.check(200, "/ro/heads", "X-Forwarded-For: 192.0.2.3")
        self.check(200, "/ro/heads")  # the proxy's own
        hits = self.server.state()["limits"]["max-connections-per-address"]["hits"]
        self.assertEqual(hits, before + 2)
        held[0].close()
        self.in_progress(3)
        self.check(200, "/ro/heads", "X-Forwarded-For: 192.0.2.1")
        for connection in held[1:]:
            connection.sendall(HEADS)
            self.assertEqual(web.read_answer(connection).status, 200)

    def test_a_connection_that_is_kept_counts_while_it_has_a_request(self):
        held = [self.hold("192.0.2.4") for _ in range(2)]
        for connection in held:
            connection.sendall(HEADS)
            self.assertEqual(web.read_answer(connection).status, 200)
        for client in ("192.0.2.4", "192.0.2.5"):
            self.check(200, "/ro/heads", "X-Forwarded-For: " + client)


class NoProxies(AccessTest):
    options = ("--allow-push", "*", "--trusted-proxies", "192.0.2.0/24")

    def test_nobody_else_is_believed(self):
        answer = self.check(403, "/rw/heads", bearer("alice-token"), "X-Forwarded-Proto: https",
                            "X-Forwarded-For: 192.0.2.1")
        self.assertIn(b"TLS", answer.body)


class Admin(AccessTest):
    @classmethod
    def setUpClass(cls):
        FolderTest.setUpClass.__func__(cls)
        tokens = cls.write("admin", token_line("ops", "look"))
        # urllib in wait_until has no token: these tests ask by hand
        cls.server = Server("--admin-token-file", tokens, "--admin-listen", "0.0.0.0:0")
        cls.server.admin = ("127.0.0.1", cls.server.admin[1])
        cls.addClassCleanup(cls.server.stop)

    def ask(self, path, *fields):
        public, self.server.address = self.server.address, self.server.admin
        try:
            return self.server.get(path, headers=fields)
        finally:
            self.server.address = public

    def test_nothing_is_shown_without_a_token(self):
        for fields in ((), (bearer("wrong"),), (basic("ops", "wrong"),), (basic("x", "look"),)):
            for path in ("/state", "/", "/nothing"):
                answer = self.ask(path, *fields)
                self.assertEqual(answer.status, 401, path)
                self.assertEqual(answer.body, b"permission denied\n")
                self.assertIn("framegate admin", answer.headers["www-authenticate"])

    def test_a_token_opens_it(self):
        for field in (bearer("look"), basic("ops", "look")):
            self.assertEqual(self.ask("/state", field).status, 200)
        self.assertEqual(self.ask("/healthz").status, 200)

    def test_the_public_listener_shows_nothing_of_it(self):
        for path in ("/state", "/metrics", "/healthz"):
            self.assertEqual(self.server.get(path, headers=[bearer("look")]).status, 404)


class Slow(FolderTest):
    """Passwords that take long to check hold up nobody, and not too many are checked."""

    def serve(self, *options, cost=10):
        users = self.write("users", "alice:%s\n" % bcrypt("wonderland", cost))
        return Server("--password-file", users, "--allow-push", "*", "--push-ssl=off", *options)

    def test_a_right_password_is_checked_once(self):
        with self.serve("--threads", "1", cost=12) as server:
            self.assertEqual(post(server, "/rw/heads", HEADS, basic("alice", "wonderland")).status, 200)
            first = server.wait_until(lambda s: s["finished"])["finished"][0]["microseconds"]
            for _ in range(20):
                answer = post(server, "/rw/heads", HEADS, basic("alice", "wonderland"))
                self.assertEqual(answer.status, 200)
            state = server.wait_until(lambda s: len(s["finished"]) >= 21)
            times = sorted(one["microseconds"] for one in state["finished"])
            # Not a wait: the median of the others against the one that did the work.
            self.assertLess(times[10] * 10, first, times)

    def test_too_many_at_once_are_503_and_counted(self):
        with self.serve("--workers", "1", "--max-logins", "1", "--login-time", "0", cost=12) as server:
            statuses = []

            def login():
                answer = post(server, "/rw/heads", HEADS, basic("alice", "wrong"))
                statuses.append((answer.status, answer.headers.get("retry-after")))

            threads = [threading.Thread(target=login) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertIn((503, "1"), statuses)
            self.assertIn((401, None), statuses)
            self.assertEqual(set(statuses), {(503, "1"), (401, None)})
            hits = server.state()["limits"]["max-logins"]
            self.assertEqual(hits["hits"], statuses.count((503, "1")))

    def test_503_for_logins_does_not_push_out_failures(self):
        with self.serve("--workers", "1", "--max-logins", "1", "--login-time", "0", "--threads", "1",
                        cost=14) as server:
            self.assertEqual(post(server, "/ro/heads", HEADS[:-1]).status, 400)
            wrong = basic("alice", "wrong")
            busy = threading.Thread(target=post, args=(server, "/rw/heads", HEADS, wrong))
            busy.start()
            server.wait_until(lambda state: state["exchanges"])
            statuses = [post(server, "/rw/heads", HEADS, wrong).status for _ in range(64 + 32)]
            busy.join()
            self.assertEqual(set(statuses), {503})
            self.assertIn(400, [one["status"] for one in server.state()["failed"]])

    def test_an_unknown_user_costs_as_much(self):
        with self.serve("--login-time", "0", cost=12) as server:
            cpu = []
            for user in ("alice", "nobody", "x" * 60):
                before = self.cpu(server)
                for _ in range(3):
                    self.assertEqual(post(server, "/rw/heads", HEADS, basic(user, "wrong")).status, 401)
                cpu.append(self.cpu(server) - before)
            # In ticks of processor time, which other programs do not add to.
            self.assertLess(max(cpu), 2 * min(cpu), cpu)

    def cpu(self, server):
        with open("/proc/%d/stat" % server.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def test_a_login_that_runs_while_it_stops_is_answered(self):
        with self.serve(cost=12) as server:
            with server.connect() as connection:
                fields = [ACCEPT, CONTENT_TYPE, basic("alice", "wonderland")]
                connection.sendall(web.post_head(API + "/rw/heads", len(HEADS), fields) + HEADS)
                server.wait_until(lambda state: state["exchanges"])
                server.process.send_signal(signal.SIGTERM)
                self.assertEqual(web.read_answer(connection).status, 200)


if __name__ == "__main__":
    unittest.main()
