#!/usr/bin/env python3
"""House rules that need no compiler: nothing of this machine in the files, links in the documentation lead somewhere."""
import pathlib, re, subprocess, sys

root = pathlib.Path(__file__).resolve().parent.parent
files = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split("\n")
problems = []
HOSTS = ["cra" + "tes.io", "pypi" + ".org", "registry.npm" + "js.org", "deb." + "debian.org"]
PATHS = re.compile(r"(?<![\w$./-])/(work|root)/")
for name in filter(None, files):
    path = root / name
    if path.name == "Cargo.lock" or not path.is_file():
        continue
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        continue
    for number, line in enumerate(text.splitlines(), 1):
        if any(host in line for host in HOSTS):
            problems.append(f"{name}:{number}: names a package registry's address")
        if PATHS.search(line) and name != ".ci/house.py":
            problems.append(f"{name}:{number}: names a path of one machine: {line.strip()[:80]}")
        if "#[ignore" in line and name.endswith(".rs"):
            problems.append(f"{name}:{number}: an ignored test")
    if name.endswith(".md"):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            if "://" not in target and not (path.parent / target).exists():
                problems.append(f"{name}: the link to {target} leads nowhere")
print("\n".join(problems) or f"{len(files)} files follow the house rules")
sys.exit(bool(problems))
