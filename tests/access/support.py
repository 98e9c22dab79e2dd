"""What the tests of access share: password and token files, certificates, a server with them."""

import base64
import ctypes
import ctypes.util
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import unittest

_spec = importlib.util.spec_from_file_location(
    "web", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../http/support.py")
)
web = importlib.util.module_from_spec(_spec)  # tests/http/support.py
_spec.loader.exec_module(web)

API, ACCEPT, CONTENT_TYPE = web.API, web.ACCEPT, web.CONTENT_TYPE
HEADS = web.request(b"heads")
PUSHKEY = web.request(b"pushkey")


def crypt(password, setting):
    """libxcrypt's crypt(3); Python's own module is about to go."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt"))
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), setting.encode()).decode()


def bcrypt(password, cost=4):
    return crypt(password, "$2y$%02d$abcdefghijklmnopqrstuu" % cost)


def sha512(password):
    return crypt(password, "$6$rounds=1000$saltsalt")


def token_line(user, token):
    return "%s:%s\n" % (user, hashlib.sha256(token.encode()).hexdigest())


def basic(user, password):
    pair = ("%s:%s" % (user, password)).encode()
    return "Authorization: Basic " + base64.b64encode(pair).decode()


def bearer(token):
    return "Authorization: Bearer " + token


def make_certificate(folder, name, days="30"):
    """A certificate for localhost that is signed by its own key; the paths of both."""
    certificate, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-days", days, "-subj", "/CN=" + name,
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    return certificate, key


class Server(web.Server):
    """As in tests/http, but nobody has credentials unless an option says so."""

    def access(self):
        return []


class FolderTest(unittest.TestCase):
    """A folder for files, which goes after the class."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="framegate-access-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    @classmethod
    def write(cls, name, text):
        path = os.path.join(cls.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path


def post(server, path, body=HEADS, *fields):
    return server.post(API + path, body, [ACCEPT, CONTENT_TYPE, *fields])
