"""`surgewatch rules types`, and that the pages of docs/rules say what it says."""

import json
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from programs import SOURCE, ProgramTest  # noqa: E402

PAGES = SOURCE / "docs/rules"
FOLDERS = SOURCE / "lib/detect/rules"


class RuleTypes(ProgramTest):
    def declared(self):
        done = self.run_program("rules", "types", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_lists_every_type_with_its_parameters(self):
        done = self.run_program("rules", "types")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = done.stdout.decode()
        for declared in self.declared():
            self.assertIn(f"{declared['name']}\n  {declared['says']}, against", text)
            for parameter in declared["parameters"]:
                self.assertIn(f"    {parameter['name']} ", text)

    def test_shows_one_type(self):
        text = self.run_program("rules", "types", "ramp").stdout.decode()
        self.assertTrue(text.startswith("ramp\n"), text)
        self.assertNotIn("divergence", text)

    def test_names_the_nearest_type(self):
        done = self.run_program("rules", "types", "surg")
        self.assertEqual(done.returncode, 1)
        self.assertIn("there is no rule type 'surg'; did you mean 'surge'?", done.stderr.decode())

    def test_every_type_is_a_folder_and_a_page(self):
        names = sorted(declared["name"] for declared in self.declared())
        self.assertEqual(names, sorted(path.name for path in FOLDERS.iterdir() if path.is_dir()))
        self.assertEqual(names, sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "README"))

    def test_pages_have_the_tables_that_the_types_declare(self):
        for declared in self.declared():
            name = declared["name"]
            table = self.run_program("rules", "types", name, "--markdown").stdout.decode()
            self.assertIn(f"\n\n{table}\n", (PAGES / f"{name}.md").read_text(),
                          f"put what `surgewatch rules types {name} --markdown` writes into docs/rules/{name}.md")

    def test_the_overview_names_every_type(self):
        overview = (PAGES / "README.md").read_text()
        for declared in self.declared():
            row = f"| [{declared['name']}]({declared['name']}.md) | {declared['says']} | {declared['against']} |\n"
            self.assertIn(row, overview)

    def test_examples_are_configurations(self):
        examples = sorted(FOLDERS.glob("*/example.yaml"))
        self.assertEqual(len(examples), len(self.declared()))
        done = self.run_program("validate", *examples)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_guide_shows_what_is_there(self):
        guide = (SOURCE / "docs/rule-type.md").read_text()
        quoted = re.findall(r"^`([\w/.]+)`\n\n((?:(?:    .*)?\n)+?)(?=\S)", guide, re.MULTILINE)
        self.assertGreaterEqual(len(quoted), 5)
        for path, block in quoted:
            code = re.sub("^    ", "", block, flags=re.MULTILINE).rstrip("\n") + "\n"
            self.assertIn(code, (SOURCE / path).read_text(), path)


if __name__ == "__main__":
    unittest.main()
