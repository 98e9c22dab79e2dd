"""What the tests of the admin listener share: answers of every kind, checked against the schemas."""

import functools
import http.client
import importlib.util
import json
import os
import subprocess
import unittest

import jsonschema

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SCHEMAS = os.path.join(ROOT, "www/schema")

_spec = importlib.util.spec_from_file_location("web", os.path.join(HERE, "../http/support.py"))
web = importlib.util.module_from_spec(_spec)  # tests/http/support.py
_spec.loader.exec_module(web)

API, MEDIA_TYPE, TIMEOUT = web.API, web.MEDIA_TYPE, web.TIMEOUT
COMMAND_REQUEST = web.COMMAND_REQUEST


@functools.lru_cache(maxsize=None)
def schema(name):
    with open(os.path.join(SCHEMAS, name + ".json")) as file:
        return json.load(file)


@functools.lru_cache(maxsize=None)
def validator(name):
    store = {"common.json": schema("common")}
    resolver = jsonschema.RefResolver(base_uri="", referrer=schema(name), store=store)
    return jsonschema.Draft202012Validator(schema(name), resolver=resolver)


def validate(name, document):
    """Fails, with the place, if the document is not what the schema describes."""
    error = jsonschema.exceptions.best_match(validator(name).iter_errors(document))
    if error is not None:
        raise AssertionError("%s: %s: %s" % (name, error.json_path, error.message[:2000]))
    return document


def tool(*arguments, data=b""):
    """Runs the program as a command-line tool; the finished process."""
    return subprocess.run(
        [web.PROGRAM, *arguments], input=data, capture_output=True, timeout=TIMEOUT, check=False
    )


class AdminTest(web.ServerTest):
    """One server for all tests of a class, and its admin listener."""

    def ask(self, path, method="GET", body=None, headers=None):
        """One request on a connection of its own; (status, header fields, body)."""
        connection = http.client.HTTPConnection(*self.server.admin, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path, name, status=200):
        """The JSON at path, which is as its schema says."""
        found, fields, body = self.ask(path)
        self.assertEqual((found, fields["Content-Type"]), (status, "application/json"), body[:500])
        return validate(name, json.loads(body))

    def post(self, path, body, headers=None):
        return self.ask(path, "POST", body, headers)

    def exchange(self, ident):
        return self.get("/state/exchanges/%d" % ident, "exchange")

    def last(self, target):
        """The last exchange with this target that is over, with its log."""
        holds = lambda state: [one for one in state["finished"] if one["target"] == target]
        state = self.server.wait_until(
            lambda state: holds(state) and not state["exchanges"], "an exchange with " + target
        )
        return self.exchange(max(holds(state), key=lambda one: one["start"])["id"])


def main():
    unittest.main()
