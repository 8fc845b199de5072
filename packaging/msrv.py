#!/usr/bin/env python3
"""Fails when a dependency of the library wants a newer Rust than the library says.

packaging/msrv.py, from anywhere in the repository. Needs cargo. Names of the standard library are clippy's to judge
(incompatible_msrv)."""

import json
import subprocess
import sys


def version(text):
    return tuple(int(part) for part in ((text or "0") + ".0.0").split(".")[:3])


def main():
    asked = ["cargo", "metadata", "--format-version=1", "--locked", "--all-features"]
    metadata = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    library = next(id for id, package in packages.items() if package["name"] == "stickler")
    promised = packages[library]["rust_version"]
    seen, waiting = set(), [library]
    while waiting:
        id = waiting.pop()
        if id not in seen:
            seen.add(id)
            # What only tests need is built with the Rust that we build with.
            waiting += [
                dep["pkg"]
                for dep in nodes[id]["deps"]
                if any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"])
            ]
    seen.discard(library)
    too_new = [
        f"{packages[id]['name']} {packages[id]['version']} wants {packages[id]['rust_version']}"
        for id in seen
        if version(packages[id]["rust_version"]) > version(promised)
    ]
    if not promised or len(seen) < 30:
        sys.exit(f"rust-version {promised}, {len(seen)} dependencies: that cannot be")
    if too_new:
        sys.exit("\n".join([f"the library promises Rust {promised}", *sorted(too_new)]))
    print(f"Rust {promised} does for the {len(seen)} dependencies of the library")


main()
