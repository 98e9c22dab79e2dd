"""The library as its users get it: installed in a folder, found by pkg-config and by CMake."""

import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("FRAMEGATE_BUILD", os.path.join(ROOT, "build/release"))
EXAMPLE = os.path.join(ROOT, "framing/example")
TIMEOUT = 120

sys.path.insert(0, os.path.join(ROOT, "tests/http"))
import support  # noqa: E402


def run(*command, **options):
    """What the command printed; a failure shows what it said."""
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT, **options
    )
    if result.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(command), result.stdout.decode()))
    return result.stdout.decode()


class InstalledTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="framegate-library-")
        cls.prefix = os.path.join(cls.folder.name, "prefix")
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        libraries = run("find", cls.prefix, "-name", "libframing.so").strip()
        cls.libraries = os.path.dirname(libraries)
        cls.environment = dict(
            os.environ,
            PKG_CONFIG_PATH=os.path.join(cls.libraries, "pkgconfig"),
            LD_LIBRARY_PATH=cls.libraries,
        )

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def flags(self, *packages):
        return run("pkg-config", "--cflags", "--libs", *packages, env=self.environment).split()

    def compile(self, compiler, source, *packages):
        program = self.path(os.path.basename(source) + ".program")
        warnings = ["-Wall", "-Wextra", "-Werror"]
        run(compiler, *warnings, source, "-o", program, *self.flags(*packages))
        return program

    def asks_for_heads(self, program):
        """The program prints the nodes that hg prints."""
        with support.Server() as server:
            url = "http://%s:%d%s/ro/heads" % (*server.address, support.API)
            said = run(program, url, env=self.environment)
            repository = os.path.join(server.directory, "repository")
            nodes = run("/usr/bin/hg", "-R", repository, "heads", "-T", "{node}\n")
            self.assertEqual(said, nodes)
            self.assertNotEqual(said, "")

    def test_a_program_in_c_finds_it_by_pkg_config(self):
        self.asks_for_heads(
            self.compile("cc", os.path.join(EXAMPLE, "heads.c"), "framing", "libcurl")
        )

    def test_a_failure_is_told(self):
        program = self.compile("cc", os.path.join(EXAMPLE, "heads.c"), "framing", "libcurl")
        result = subprocess.run(
            [program, "http://127.0.0.1:1/"], env=self.environment, stderr=subprocess.PIPE
        )
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"heads: Couldn't connect", result.stderr.replace(b"Could not", b"Couldn't"))

    def test_a_program_in_cplusplus_uses_every_header(self):
        program = self.compile("c++", os.path.join(HERE, "uses_all.cpp"), "framing")
        with open(os.path.join(self.prefix, "include/framing/version.h")) as file:
            version = file.read().split('#define FG_VERSION "')[1].split('"')[0]
        self.assertEqual(run(program, env=self.environment), "idle\n%s\n" % version)

    def test_cmake_finds_both_forms(self):
        build = self.path("example")
        run("cmake", "-S", EXAMPLE, "-B", build, "-DCMAKE_PREFIX_PATH=" + self.prefix)
        run("cmake", "--build", build)
        self.asks_for_heads(os.path.join(build, "heads"))
        self.asks_for_heads(os.path.join(build, "heads_static"))

    def test_a_status_that_is_ignored_is_warned_about(self):
        source = self.path("ignores.c")
        with open(source, "w") as file:
            file.write(
                "#include <framing/stream.h>\n"
                "int main(void) { struct fg_stream stream; fg_stream_init_client(&stream, 1); }\n"
            )
        with self.assertRaisesRegex(AssertionError, "unused.result"):
            self.compile("cc", source, "framing")

    def test_the_shared_library_exports_what_the_headers_declare(self):
        library = os.path.join(self.libraries, "libframing.so")
        names = run("nm", "--dynamic", "--defined-only", library)
        self.assertIn(" T fg_reactor_new\n", names)
        self.assertNotIn("fg_part_", names)
        self.assertIn("(SONAME)", run("readelf", "--dynamic", library))


if __name__ == "__main__":
    unittest.main()
