"""Prints how many lines of each parser the fuzzers' seeds reach: `./run fuzz-coverage`.

The build directory has the fuzzers, built to count lines, and fuzzers.txt, which names the sources
that each is there for. Only the seeds in the repository are run, so the figures don't hang on how
long anybody has fuzzed. Ends with 1 if less than LEAST percent of a file is reached.
"""

import json
import pathlib
import subprocess
import sys

LEAST = 85.0


def seeds_of(fuzzer):
    corpus = pathlib.Path("tests/fuzz/corpus") / fuzzer.removesuffix("_fuzz")
    seeds = sorted(path for path in corpus.iterdir() if path.is_file())
    if not seeds:
        sys.exit(f"coverage.py: {corpus} has no seeds")
    return seeds


def run_seeds(build, fuzzer):
    """Returns the file of what was counted."""
    counted = build / f"{fuzzer}.profraw"
    result = subprocess.run([build / "bin" / fuzzer, *seeds_of(fuzzer)],
                            env={"LLVM_PROFILE_FILE": str(counted)},
                            capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"coverage.py: {fuzzer} ended with {result.returncode}:\n{result.stderr[-4000:]}")
    return counted


def lines_by_file(build, fuzzers):
    """Path in the repository to (lines, lines reached)."""
    profile = build / "fuzzers.profdata"
    counted = [run_seeds(build, fuzzer) for fuzzer in fuzzers]
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", profile, *counted], check=True)
    programs = [build / "bin" / fuzzer for fuzzer in fuzzers]
    objects = [argument for program in programs[1:] for argument in ("-object", program)]
    exported = subprocess.run(["llvm-cov", "export", "-summary-only", f"-instr-profile={profile}",
                               programs[0], *objects], capture_output=True, check=True)
    root = pathlib.Path.cwd()
    result = {}
    for file in json.loads(exported.stdout)["data"][0]["files"]:
        path = pathlib.Path(file["filename"]).resolve()  # ccache writes ".." into it
        if path.is_relative_to(root):
            lines = file["summary"]["lines"]
            result[str(path.relative_to(root))] = (lines["count"], lines["covered"])
    return result


def main():
    build = pathlib.Path(sys.argv[1])
    held = {}
    for line in (build / "fuzzers.txt").read_text().splitlines():
        fuzzer, file = line.split()
        held.setdefault(file, []).append(fuzzer)
    fuzzers = sorted({fuzzer for names in held.values() for fuzzer in names})
    lines = lines_by_file(build, fuzzers)
    short = []
    print(f"{'file':52} {'lines':>6} {'reached':>8} {'%':>6}  by the seeds of")
    total, reached = 0, 0
    for file in sorted(held):
        count, covered = lines[file]
        percent = 100.0 * covered / count
        total, reached = total + count, reached + covered
        print(f"{file:52} {count:6} {covered:8} {percent:6.1f}  {', '.join(held[file])}")
        if percent < LEAST:
            short.append(file)
    print(f"{'all of them':52} {total:6} {reached:8} {100.0 * reached / total:6.1f}")
    if short:
        print(f"less than {LEAST:.0f} % of: {', '.join(short)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
