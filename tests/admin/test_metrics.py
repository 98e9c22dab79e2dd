"""GET /metrics: by Prometheus' own parser, by its conventions, and equal to the state."""

import re
import unittest

import support
from prometheus_client.parser import text_string_to_metric_families
from support import API, web


class Metrics(support.AdminTest):
    def families(self):
        status, fields, body = self.ask("/metrics")
        self.assertEqual(status, 200)
        self.assertEqual(fields["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        self.text = body.decode()
        return {family.name: family for family in text_string_to_metric_families(self.text)}

    def values(self, family):
        return {tuple(one.labels.values()): one.value for one in family.samples}

    def work(self):
        self.server.run("heads", web.request(b"heads"))
        self.server.run("multirequest", web.requests(b"heads", b"nope", b"heads"))
        self.server.run("heads", web.frame(1, 2, 1, support.COMMAND_REQUEST, 1))
        self.server.get("/nothing")
        return self.server.wait_until(lambda state: not state["exchanges"])

    def offered(self, state):
        """Commands with their counters, but those for debugging where they are switched off."""
        debug = state["configuration"]["debugreflect"]
        return [one for one in state["commands"].items() if debug or not one[0].startswith("debug")]

    def test_conventions(self):
        self.work()
        families = self.families()
        self.assertGreater(len(families), 25)
        for name, family in families.items():
            self.assertRegex(name, r"^(framegate|process)_[a-z_]+$")
            self.assertTrue(family.documentation.endswith("."), name)
            self.assertIn(family.type, ("counter", "gauge", "histogram"))
            self.assertNotRegex(name, "milli|micro|_ms|_us|kilo|megabyte")
            if family.type == "counter":
                self.assertTrue(all(one.name.endswith("_total") for one in family.samples), name)
            else:
                self.assertNotIn("_total", name)

    def test_each_line(self):
        """Stricter than the parser: order, no metric twice, every one with help and type."""
        self.work()
        self.families()
        seen, current = set(), None
        for line in self.text.splitlines():
            if line.startswith("# HELP "):
                current = line.split()[2]
                self.assertNotIn(current, seen)
                seen.add(current)
                continue
            if line.startswith("# TYPE "):
                self.assertEqual(line.split()[2], current)
                continue
            found = re.fullmatch(r'([a-z_]+)(\{[a-z_]+="[^"\\]*"(,le="[^"]+")?\})? -?[0-9.]+', line)
            self.assertTrue(found, line)
            self.assertIn(found[1], (current, current + "_bucket", current + "_sum", current + "_count"))
        samples = [line.rsplit(" ", 1)[0] for line in self.text.splitlines() if line[0] != "#"]
        self.assertEqual(len(samples), len(set(samples)))
        self.assertTrue(self.text.endswith("\n"))

    def test_they_equal_the_state(self):
        state = self.work()
        families = self.families()
        totals = state["totals"]
        for name, key in (("requests", "requests"), ("requests_ended", "ended"), ("protocol_errors", "protocol_errors"),
                          ("received_bytes", "bytes_in"), ("sent_bytes", "bytes_out")):
            self.assertEqual(self.values(families["framegate_" + name]), {(): totals[key]}, name)
        self.assertEqual(
            self.values(families["framegate_responses"]),
            {(status,): count for status, count in totals["status"].items()},
        )
        self.assertEqual(
            self.values(families["framegate_requests_aborted"]),
            {(reason,): count for reason, count in totals["aborted_by"].items()},
        )
        runs = self.values(families["framegate_commands"])
        errors = self.values(families["framegate_command_errors"])
        for name, command in self.offered(state):
            self.assertEqual(runs[(name,)], command["runs"])
            self.assertEqual(errors[(name,)], command["errors"])
        hits = self.values(families["framegate_limit_hits"])
        for name, limit in state["limits"].items():
            if limit["hits"] is not None:
                self.assertEqual(hits[(name,)], limit["hits"])
        kept = self.values(families["framegate_bundle_cache_requests"])
        bundles = state["bundles"]
        self.assertEqual(kept, {("hit",): bundles["hits"], ("shared",): bundles["shared"],
                                ("miss",): bundles["misses"]})
        limit = self.values(families["framegate_bundle_cache_limit_bytes"])
        self.assertEqual(limit, {(): bundles["limit_bytes"]})
        frames = self.values(families["framegate_received_frames"])
        self.assertEqual(frames[("command-request",)], totals["frames_in_by_type"]["command-request"])

    def test_the_gateways_condition(self):
        fields = [support.web.ACCEPT, support.web.CONTENT_TYPE]
        wrong = ["Authorization: Bearer wrong"]
        before = self.values(self.families()["framegate_login_failures"])
        self.server.post(API + "/rw/heads", web.request(b"heads"), fields)
        for _ in range(2):
            self.server.post(API + "/rw/heads", web.request(b"heads"), fields + wrong)
        self.server.wait_until(lambda state: not state["exchanges"])
        families = self.families()
        after = self.values(families["framegate_login_failures"])
        self.assertEqual(after[("missing",)] - before[("missing",)], 1)
        self.assertEqual(after[("wrong",)] - before[("wrong",)], 2)
        state = self.server.state()
        for name, value in (("ready", 1), ("reload_successful", 1),
                            ("connections_max", state["limits"]["max-connections"]["value"])):
            self.assertEqual(self.values(families["framegate_" + name]), {(): value}, name)
        started = state["time"] - state["uptime_seconds"]
        (read,) = self.values(families["framegate_reload_success_timestamp_seconds"]).values()
        self.assertLess(abs(read - started), 3)
        self.assertNotIn("framegate_certificate_expiry_timestamp_seconds", families)  # no TLS
        self.assertEqual("debugcount" in self.text, state["configuration"]["debugreflect"])

    def test_histograms(self):
        state = self.work()
        family = self.families()["framegate_command_duration_seconds"]
        for name, command in self.offered(state):
            mine = [one for one in family.samples if one.labels["command"] == name]
            buckets = [(float(one.labels["le"]), one.value) for one in mine if "le" in one.labels]
            self.assertEqual(buckets, sorted(buckets))
            counts = [count for _, count in buckets]
            self.assertEqual(counts, sorted(counts))
            others = {one.name.rsplit("_", 1)[1]: one.value for one in mine if "le" not in one.labels}
            self.assertEqual((buckets[-1][0], buckets[-1][1]), (float("inf"), others["count"]))
            self.assertEqual(others["count"], command["runs"])
            self.assertAlmostEqual(others["sum"], command["latency"]["sum_seconds"], 5)
            for bound, count in buckets[:-1]:
                below = sum(one["count"] for one in command["latency"]["buckets"]
                            if one["below_seconds"] <= bound * 1.0000001)
                self.assertEqual(count, below, (name, bound))


if __name__ == "__main__":
    unittest.main()
