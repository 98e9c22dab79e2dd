"""What keeps one request's body from being read as the next request, and odd paths."""

import unittest

import support
from support import API, MEDIA_TYPE, request

HEADS = request(b"heads")
GOOD = "Accept: {0}\r\nContent-Type: {0}\r\n".format(MEDIA_TYPE)
PATH = API + "/ro/heads"


def post(fields, body=HEADS, version="HTTP/1.1"):
    head = "POST %s %s\r\nHost: x\r\n%s%s\r\n" % (PATH, version, GOOD, fields)
    return head.encode("latin-1") + body


class Smuggling(support.ServerTest):
    def refused(self, data, *statuses):
        """Refused, and the connection ends, so that nothing after it is read as a request."""
        with self.server.connect() as connection:
            follow = support.make_head("GET", "/api", [])
            connection.sendall(data + follow)
            file = connection.makefile("rb")
            answer = support.read_answer(file)
            self.assertIn(answer.status, statuses, answer)
            try:
                # Not empty where the library itself answers: it repeats a part of its text.
                self.assertNotIn(b"HTTP/1.", file.read())
            except ConnectionResetError:
                pass

    def test_post_without_a_length_is_411(self):
        self.refused(post(""), 411)

    def test_a_chunked_body_is_411(self):
        self.refused(post("Transfer-Encoding: chunked\r\n", b"5\r\nxxxxx\r\n0\r\n\r\n"), 411)

    def test_a_length_and_a_transfer_encoding_are_411(self):
        for encoding in ("chunked", "identity", "gzip", "xchunked", "chunked, identity"):
            fields = "Content-Length: 4\r\nTransfer-Encoding: %s\r\n" % encoding
            self.refused(post(fields, b"0\r\n\r\n"), 411, 400)

    def test_two_lengths_are_refused_also_where_they_agree(self):
        self.refused(post("Content-Length: 20\r\nContent-Length: 20\r\n"), 411, 400)
        self.refused(post("Content-Length: 20\r\nContent-Length: 3\r\n"), 411, 400)

    def test_a_length_that_is_no_number_is_refused(self):
        for length in ("+20", "-1", "0x14", "20,20", "20 20", "", "2e1", "\u00b2"):
            self.refused(post("Content-Length: %s\r\n" % length), 411, 400, 413)

    def test_a_length_beyond_64_bits_is_refused(self):
        for length in ("18446744073709551615", "18446744073709551616", "9" * 60):
            self.refused(post("Content-Length: %s\r\n" % length), 413, 400)

    def test_a_blank_before_the_colon_is_refused(self):
        self.refused(post("Content-Length : 20\r\n"), 400, 411)
        self.refused(post("Content-Length: 20\r\nX Y: z\r\n"), 400)

    def test_a_field_name_that_is_no_token_is_refused(self):
        for name in ("X(y", "X\u00e9", "X\x01", "[x]"):
            self.refused(post("Content-Length: 20\r\n%s: z\r\n" % name), 400)

    def test_a_folded_field_does_not_hide_a_length(self):
        self.refused(post("X: y\r\n Content-Length: 20\r\n"), 400, 411)

    def test_get_with_a_body_is_refused(self):
        for fields in (["Content-Length: 5"], ["Transfer-Encoding: chunked"]):
            self.refused(support.make_head("GET", "/api", fields) + b"12345", 400)

    def test_transfer_encoding_in_http_1_0_is_refused(self):
        data = post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", "HTTP/1.0")
        self.refused(data, 411, 400)

    def test_two_requests_in_one_write_get_two_answers(self):
        with self.server.connect() as connection:
            connection.sendall(2 * post("Content-Length: %d\r\n" % len(HEADS)))
            file = connection.makefile("rb")
            self.assertEqual(support.read_answer(file).status, 200)
            self.assertEqual(support.read_answer(file).status, 200)


class Paths(support.ServerTest):
    options = ("--max-target", "200", "--max-header-fields", "10", "--max-header", "2000")

    def status(self, target, method="GET"):
        data = ("%s %s HTTP/1.1\r\nHost: x\r\n\r\n" % (method, target)).encode("latin-1")
        return self.server.raw(data).status

    def test_a_nul_does_not_end_the_path(self):
        for target in ("/api\0/foo", "/api?x=\0y"):
            if self.server.is_library_1():
                # It takes no NUL in the first line, and answers to no line that it cannot take.
                with self.server.connect() as connection:
                    connection.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode())
                    self.assertEqual(connection.makefile("rb").read(), b"")
            else:
                self.assertEqual(self.status(target), 400)
        self.assertEqual(self.status("/api%00"), 404)
        self.assertEqual(self.status("/api%00/foo"), 404)
        self.assertEqual(self.status("/api?x=%00"), 200)

    def test_percent_encoding_is_undone_part_by_part(self):
        self.assertEqual(self.status("/%61pi"), 200)
        self.assertEqual(self.status("/api%2Fexp-http-v2-0001"), 404)
        self.assertEqual(self.status("/api/%2e%2e/api"), 404)
        self.assertEqual(self.status("/api/../api"), 404)
        self.assertEqual(self.status("/ap%6"), 404)
        self.assertEqual(self.status("/ap%zz"), 404)

    def test_an_absolute_uri_is_its_path(self):
        self.assertEqual(self.status("http://example.com/api"), 200)
        self.assertEqual(self.status("http://example.com"), 404)
        self.assertEqual(self.status("http://example.com?cmd=capabilities"), 200)

    def test_a_target_without_a_slash_is_400(self):
        self.assertEqual(self.status("api"), 400)
        self.assertEqual(self.status("*", "OPTIONS"), 400)

    def test_bytes_of_the_peer_come_back_as_printable_text(self):
        answer = self.server.get("/api/\x80<script>\x07")
        self.text(answer, 404, "Unknown API: \\x80<script>\\x07")
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")

    def test_a_target_over_the_limit_is_414(self):
        self.assertEqual(self.status("/" + "x" * 199), 404)
        self.assertEqual(self.status("/" + "x" * 200), 414)

    def test_header_fields_over_the_limit_are_431(self):
        nine = ["X-%d: y" % number for number in range(9)]
        self.assertEqual(self.server.get("/api", headers=nine).status, 200)
        self.assertEqual(self.server.get("/api", headers=nine + ["Z: y"]).status, 431)

    def test_header_bytes_over_the_limit_are_431(self):
        self.assertEqual(self.server.get("/api", headers=["X: " + "y" * 1990]).status, 200)
        self.assertEqual(self.server.get("/api", headers=["X: " + "y" * 1999]).status, 431)


if __name__ == "__main__":
    unittest.main()
