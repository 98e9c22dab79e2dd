"""Each row of the HTTP table, in its order, against the running program."""

import unittest

import support
from support import API, APPLICATION, BYTES_RESPONSE, ERROR_RESPONSE, MEDIA_TYPE, PROTOCOL
from support import COMMAND_DATA, COMMAND_REQUEST, cbor, frame, needs_fake, request, requests

ACCEPT = "Accept: " + MEDIA_TYPE
CONTENT_TYPE = "Content-Type: " + MEDIA_TYPE
HEADS = request(b"heads")


class Table(support.ServerTest):
    options = ("--max-body", "100000")

    def test_api_lists_the_apis(self):
        for path in ("/api", "/api/"):
            answer = self.server.get(path)
            self.text(answer, 200, "exp-http-v2-0001")

    def test_an_unknown_api_is_404_and_the_known_ones_are_named(self):
        for path in ("/api/foo", "/api/foo/ro/heads", "/api/exp-http-v2-0001x"):
            answer = self.server.get(path)
            self.text(answer, 404, "Unknown API: " + path.split("/")[2])
            self.assertIn("\nexp-http-v2-0001\n", answer.body.decode())

    def test_the_api_names_itself(self):
        for path in (API, API + "/"):
            self.text(self.server.get(path), 200, "exp-http-v2-0001")

    def test_one_path_part_after_the_api_is_404(self):
        answer = self.server.get(API + "/ro")
        self.text(answer, 404, "do not know how to process api/exp-http-v2-0001/ro")

    def test_too_many_path_parts_are_404(self):
        answer = self.server.get(API + "/ro/heads/more")
        self.text(answer, 404, "do not know how to process")

    def test_an_unknown_permission_is_404(self):
        self.text(self.server.get(API + "/rx/heads"), 404, "unknown permission: rx")

    def test_what_is_not_post_is_405(self):
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "FOO"):
            answer = self.server.get(API + "/ro/heads", method)
            self.text(answer, 405, "commands require POST requests")
            self.assertEqual(answer.headers["allow"], "POST")

    def test_head_is_405_too(self):
        with self.server.connect() as connection:
            connection.sendall(support.make_head("HEAD", API + "/ro/heads", []))
            answer = support.read_answer(connection, "HEAD")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "POST"))

    def test_405_comes_before_404_for_the_command(self):
        self.assertEqual(self.server.get(API + "/ro/nonexistent").status, 405)

    def test_debugreflect_is_404_where_it_is_off(self):
        answer = self.server.run("debugreflect", HEADS)
        self.text(answer, 404, "debugreflect service not available")

    def test_an_unknown_command_is_404(self):
        answer = self.server.run("nonexistent", HEADS)
        self.text(answer, 404, "unknown wire protocol command: nonexistent")

    def test_the_command_comes_before_accept(self):
        self.assertEqual(self.server.run("nonexistent", HEADS, headers=[]).status, 404)

    def test_an_accept_header_that_does_not_admit_the_type_is_406(self):
        for accept in (None, "text/html", "*/*;q=0", MEDIA_TYPE + ";q=0, */*", "application/*;q=0"):
            headers = [CONTENT_TYPE] + (["Accept: " + accept] if accept else [])
            answer = self.server.run("heads", HEADS, headers=headers)
            self.text(answer, 406, "client MUST specify Accept header with value: " + MEDIA_TYPE)

    def test_an_accept_header_that_admits_it(self):
        for accept in (MEDIA_TYPE, "*/*", "application/*", "text/html, " + MEDIA_TYPE + ";q=0.1"):
            headers = [CONTENT_TYPE, "Accept: " + accept]
            self.assertEqual(self.server.run("heads", HEADS, headers=headers).status, 200, accept)

    def test_accept_may_come_in_several_fields(self):
        headers = [CONTENT_TYPE, "Accept: text/html", ACCEPT]
        self.assertEqual(self.server.run("heads", HEADS, headers=headers).status, 200)

    def test_accept_comes_before_content_type(self):
        self.assertEqual(self.server.run("heads", HEADS, headers=[]).status, 406)

    def test_another_content_type_is_415(self):
        for kind in (None, "text/plain", MEDIA_TYPE + "4", "application/mercurial-exp-framing-000"):
            headers = [ACCEPT] + (["Content-Type: " + kind] if kind else [])
            answer = self.server.run("heads", HEADS, headers=headers)
            self.text(answer, 415, "client MUST send Content-Type header with value: " + MEDIA_TYPE)

    def test_content_type_parameters_are_ignored(self):
        for kind in (MEDIA_TYPE + "; charset=utf-8", MEDIA_TYPE.upper(), MEDIA_TYPE + " ;x"):
            headers = [ACCEPT, "Content-Type: " + kind]
            self.assertEqual(self.server.run("heads", HEADS, headers=headers).status, 200, kind)

    def test_a_refused_small_request_leaves_the_connection_usable(self):
        with self.server.connect() as connection:
            file = connection.makefile("rb")
            for _ in range(2):
                connection.sendall(support.post_head(API + "/ro/heads", 5, [ACCEPT]) + b"12345")
                self.assertEqual(support.read_answer(file).status, 415)
            connection.sendall(support.post_head(API + "/ro/heads", len(HEADS)) + HEADS)
            self.assertEqual(support.read_answer(file).status, 200)

    def test_a_body_over_the_limit_is_413_before_it_is_sent(self):
        answer = self.server.raw(support.post_head(API + "/ro/heads", 100001))
        self.text(answer, 413, "100000")

    def test_a_body_over_the_limit_is_413_and_the_connection_ends(self):
        answer = self.server.run("heads", b"x" * 100001)
        self.text(answer, 413, "100000")

    def test_no_100_continue_for_a_body_over_the_limit(self):
        with self.server.connect() as connection:
            fields = [ACCEPT, CONTENT_TYPE, "Expect: 100-continue"]
            connection.sendall(support.post_head(API + "/ro/heads", 100001, fields))
            self.assertTrue(connection.makefile("rb").readline().startswith(b"HTTP/1.1 413"))

    def test_a_body_of_just_the_limit_is_taken(self):
        data = frame(1, 1, 1, COMMAND_REQUEST, 1 | 8, cbor({b"name": b"heads"}))
        left = 100000 - len(data)
        while left > 0:
            size = min(left - 8, 60000)
            left -= size + 8
            data += frame(1, 1, 0, COMMAND_DATA, 1 if left else 2, b"x" * size)
        self.assertEqual(len(data), 100000)
        self.assertEqual(self.server.run("heads", data).status, 200)

    @needs_fake
    def test_a_push_command_through_ro_is_403_and_does_not_run(self):
        for url in ("pushkey", "multirequest"):
            answer = self.server.run(url, request(b"pushkey"))
            self.text(answer, 403, "insufficient permissions to execute command: pushkey")
        self.assertEqual(self.server.state()["commands"]["pushkey"]["runs"], 0)

    @needs_fake
    def test_nothing_runs_after_a_refused_push_command(self):
        before = self.server.state()["commands"]
        answer = self.server.run("multirequest", requests(b"heads", b"pushkey", b"known"))
        self.assertEqual(answer.status, 403)
        after = self.server.state()["commands"]
        self.assertEqual(after["heads"]["runs"] - before["heads"]["runs"], 1)
        self.assertEqual(after["known"], before["known"])

    def test_rw_runs_pull_commands(self):
        answer = self.server.post(API + "/rw/heads", HEADS)
        self.assertEqual(answer.status, 200)

    def test_rw_is_401_without_credentials_wherever_one_comes_from(self):
        for fields in ([], ["X-Forwarded-For: 127.0.0.1"], ["Authorization: Bearer wrong"]):
            answer = self.server.post(API + "/rw/heads", HEADS, [ACCEPT, CONTENT_TYPE, *fields])
            self.text(answer, 401, "permission denied")

    def test_a_reactor_error_is_400_with_one_protocol_error_frame(self):
        body = frame(3, 2, 1, COMMAND_REQUEST, 1, cbor({b"name": b"heads"}))
        (only,) = self.framed(self.server.run("heads", body), 400)
        self.assertEqual((only[0], only[3], only[4]), (3, ERROR_RESPONSE, PROTOCOL))
        self.assertIn(b"even numbered stream", only[5])

    def test_ready_responses_come_before_the_protocol_error(self):
        body = requests(b"heads", b"capabilities") + frame(5, 1, 0, COMMAND_DATA, 2)
        found = self.framed(self.server.run("multirequest", body), 400)
        self.assertEqual(
            [(one[0], one[3]) for one in found],
            [(1, BYTES_RESPONSE), (3, BYTES_RESPONSE), (5, ERROR_RESPONSE)],
        )
        self.assertEqual(found[2][4], PROTOCOL)

    def test_only_one_error_frame_follows_however_much_is_wrong(self):
        body = request(b"heads") + b"\xff" * 5000
        found = self.framed(self.server.run("multirequest", body), 400)
        self.assertEqual([one[3] for one in found], [BYTES_RESPONSE, ERROR_RESPONSE])

    def test_a_truncated_frame_is_a_protocol_error(self):
        body = requests(b"heads", b"heads")
        cut_payload = self.framed(self.server.run("multirequest", body[:-1]), 400)
        self.assertEqual([one[0] for one in cut_payload], [1, 3])
        self.assertEqual(cut_payload[1][4], PROTOCOL)
        cut_header = self.framed(self.server.run("multirequest", body[: len(HEADS) + 3]), 400)
        self.assertEqual([one[0] for one in cut_header], [1, 0])
        self.assertEqual(cut_header[1][4], PROTOCOL)

    def test_the_wrong_command_for_the_url_is_a_protocol_error_and_does_not_run(self):
        before = self.server.state()["commands"]["capabilities"]
        (only,) = self.framed(self.server.run("heads", request(b"capabilities")), 400)
        self.assertEqual(only[3:5], (ERROR_RESPONSE, PROTOCOL))
        self.assertEqual(self.server.state()["commands"]["capabilities"], before)

    def test_a_second_command_is_a_protocol_error_after_the_first_response(self):
        found = self.framed(self.server.run("heads", requests(b"heads", b"heads")), 400)
        self.assertEqual(
            [one[:1] + one[3:5] for one in found],
            [(1, BYTES_RESPONSE, 2 | 4), (3, ERROR_RESPONSE, PROTOCOL)],
        )

    def test_requests_cut_short_get_one_frame_each_ascending(self):
        name = cbor({b"name": b"heads"})
        body = frame(7, 1, 1, COMMAND_REQUEST, 1 | 4, name[:3])
        body += frame(3, 1, 0, COMMAND_REQUEST, 1 | 8, name)
        body += frame(5, 1, 0, COMMAND_REQUEST, 1, name)
        found = self.framed(self.server.run("multirequest", body), 400)
        self.assertEqual([one[0] for one in found], [5, 3, 7])
        self.assertEqual([one[3] for one in found], [BYTES_RESPONSE, ERROR_RESPONSE, ERROR_RESPONSE])
        self.assertEqual({one[4] for one in found[1:]}, {PROTOCOL})

    def test_an_unknown_command_is_an_application_error(self):
        body = requests(b"heads", b"nonexistent", b"heads")
        found = self.framed(self.server.run("multirequest", body))
        self.assertEqual([one[0] for one in found], [1, 3, 5])
        self.assertEqual(found[1][3:5], (ERROR_RESPONSE, APPLICATION))
        self.assertIn(b"nonexistent", found[1][5])

    def test_bad_arguments_are_an_application_error(self):
        (only,) = self.framed(self.server.run("known", request(b"known")))
        self.assertEqual(only[3:5], (ERROR_RESPONSE, APPLICATION))
        self.assertIn(b"nodes", only[5])

    @needs_fake
    def test_a_command_that_fails_is_an_application_error(self):
        (only,) = self.framed(self.server.run("fail", request(b"fail")))
        self.assertEqual(only[3:], (ERROR_RESPONSE, APPLICATION, b"failed as asked"))

    def test_zero_frames_are_an_empty_answer(self):
        self.assertEqual(self.framed(self.server.run("heads", b"")), [])


class Rw(support.ServerTest):
    options = ("--allow-push", "*")  # of those with credentials

    @needs_fake
    def test_rw_runs_push_commands(self):
        found = self.framed(self.server.post(API + "/rw/pushkey", request(b"pushkey")))
        self.assertEqual(found[0][5], cbor(True))


class NoRw(support.ServerTest):
    options = ("--allow-push=",)

    def test_rw_is_403(self):
        for name in ("/rw/heads", "/rw/nonexistent"):
            answer = self.server.post(API + name, HEADS)
            self.text(answer, 403, "permission denied")

    def test_ro_is_open(self):
        self.assertEqual(self.server.run("heads", HEADS).status, 200)


class Reflect(support.ServerTest):
    options = ("--debugreflect", "--max-reply", "100000")

    def test_it_shows_each_frame_and_the_end_and_runs_nothing(self):
        answer = self.server.run("debugreflect", requests(b"heads", b"known"))
        self.text(answer, 200, "received: 1 1 1 ")
        lines = answer.body.decode().splitlines()
        self.assertEqual(len(lines), 6, lines)
        self.assertIn('["runcommand", ', lines[1])
        self.assertEqual(lines[4], "received: <no frame>")
        self.assertEqual(self.server.state()["totals"]["commands"], 0)

    def test_a_protocol_error_is_a_result_like_others(self):
        answer = self.server.run("debugreflect", frame(1, 2, 1, COMMAND_REQUEST, 1))
        self.text(answer, 200, '["error", ')

    def test_a_truncated_frame_is_400(self):
        answer = self.server.run("debugreflect", request(b"heads")[:-1])
        self.text(answer, 400, "error: ")

    def test_the_text_has_a_limit(self):
        body = frame(1, 1, 1, COMMAND_REQUEST, 5, b"\xff" * 60000)
        self.text(self.server.run("debugreflect", body), 413, "limit")


class Handshake(support.ServerTest):
    upgrade = "X-HgUpgrade-1: exp-http-v2-0001"
    proto = "X-HgProto-1: cbor"

    def ask(self, *fields):
        return self.server.get("/?cmd=capabilities", headers=fields)

    def test_without_upgrade_it_is_the_first_version(self):
        for fields in ((), (self.upgrade,), (self.proto,), (self.upgrade, "X-HgProto-1: 0.1 0.2")):
            answer = self.ask(*fields)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["content-type"], "application/mercurial-0.1")

    def check_cbor(self, answer, api):
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "application/mercurial-cbor")
        self.assertTrue(answer.body.startswith(b"\xa3Dapis" + (b"\xa1" if api else b"\xa0")))
        self.assertEqual(b"Pexp-http-v2-0001" in answer.body, api)
        self.assertIn(cbor(b"apibase") + cbor(b"api/"), answer.body)

    def test_with_upgrade_it_is_cbor(self):
        self.check_cbor(self.ask(self.upgrade, self.proto), True)
        self.check_cbor(self.ask(self.upgrade + " foo", "X-HgProto-1: 0.1 cbor comp=zstd"), True)

    def test_other_apis_are_left_out(self):
        self.check_cbor(self.ask("X-HgUpgrade-1: foo bar", self.proto), False)

    def test_values_over_several_fields_are_joined(self):
        fields = ("X-HgUpgrade-2: -v2-0001", "X-HgUpgrade-1: exp-http", "X-HgProto-1: cb")
        self.check_cbor(self.ask(*fields, "X-HgProto-2: or"), True)

    def test_post_is_405(self):
        answer = self.server.post("/?cmd=capabilities")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD"))

    def test_another_cmd_is_404(self):
        answer = self.server.get("/?cmd=nonsense")
        self.assertEqual(answer.status, 404)
        self.assertEqual(answer.body, b"unknown wire protocol command: nonsense\n")


if __name__ == "__main__":
    unittest.main()
