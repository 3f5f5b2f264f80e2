"""The demo with everything that watches it: real Prometheus and Alertmanager, and a browser at the page."""

import argparse
import contextlib
import re
import sys
import tempfile
import unittest
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
for folder in ("support", "monitoring", "browser"):
    sys.path.insert(0, str(TESTS / folder))
import checks  # noqa: E402
import live_queries  # noqa: E402
from paths import ALERTING_RULES, ALERTMANAGER_CONFIG, RECORDING_RULES  # noqa: E402
from programs import BIN, ProgramTest, wait_until  # noqa: E402
from servers import alertmanager, get_json, prometheus  # noqa: E402

SCREENSHOTS = None
STORY_SECONDS = 25


# What the page says of the alerts that the story is about.
MADE_OF = {
    "billed-not-delivered-declared": ["to United States (US)", "to Taiwan (TW)", "to Singapore (SG)"],
    "china-by-third-countries": ["from Singapore (SG)", "from Philippines (PH)", "from Malaysia (MY)", "straight from US"],
    "does-not-add-up": ["singapore-since-deepseek", "billed-not-delivered-declared", "billed-not-shipped"],
    "controlled-parts-without-licence": ["SYNTHETIC-SG-", "declared for Malaysia (MY)", "sent to China (CN)"],
}


class Demo(ProgramTest):
    def setUp(self):
        super().setUp()
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def test_prometheus_alertmanager_and_a_person_see_the_story(self):
        demo = self.start(BIN / "surgewatch", "demo", "--http-port", 0, "--grpc-port", 0, "--seconds", STORY_SECONDS)
        page = wait_until(lambda: re.search(r"page +http://(\S+)/", demo.output()), "the page's address").group(1)
        alerts_url = self.stack.enter_context(alertmanager(ALERTMANAGER_CONFIG))
        prometheus_url = self.stack.enter_context(
            prometheus({"surgewatch-gateway": page}, [RECORDING_RULES, ALERTING_RULES], alerts_url))

        with self.subTest("the page, while the story is told"):
            profile = self.stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            driver = self.stack.enter_context(checks.browser(profile))
            checks.open_page(driver, f"http://{page}/")
            checks.check_chart_drawn(driver)
            wait_until(lambda: "The page stays at" in demo.output(), "the end of the story", 90)
            checks.check_singapore(driver)
            checks.check_chart_drawn(driver)
            for rule, parts in MADE_OF.items():
                checks.check_made_of(driver, rule, parts)
            checks.check_contrast(driver)
            checks.check_landmarks(driver)
            checks.check_no_console_errors(driver)
            checks.check_only_local_requests(driver, f"http://{page}/")
            SCREENSHOTS.mkdir(parents=True, exist_ok=True)
            checks.screenshot(driver, SCREENSHOTS / "demo.png")

        with self.subTest("every query of the dashboards has data"):
            lines = []
            good = live_queries.check(prometheus_url, 2, "8s", lines.append)
            self.assertTrue(good, "\n".join(lines))
            # The story has alerts: what is about them must show them.
            self.assertFalse([line for line in lines if line.startswith("empty Alerts in force")])

        with self.subTest("the alert reaches Alertmanager"):
            def arrived():
                return [a["labels"] for a in get_json(alerts_url + "/api/v2/alerts")
                        if a["labels"].get("rule") == "singapore-since-deepseek"]
            (labels,) = wait_until(arrived, "Singapore's alert at Alertmanager")
            self.assertEqual((labels["bill_to"], labels["severity"], labels["team"]), ("SG", "warning", "compliance"))
        self.assertEqual(self.end(demo), 0, demo.errors())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--screenshots", type=Path, required=True)
    arguments, rest = parser.parse_known_args()
    SCREENSHOTS = arguments.screenshots
    unittest.main(argv=sys.argv[:1] + rest)
