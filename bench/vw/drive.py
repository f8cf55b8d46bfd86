"""CPU seconds that Vowpal Wabbit's own file driver takes over a file, all its threads: from text, and from its cache.

usage: drive.py FILE OPTIONS. Prints {"textCpuSeconds": …, "cacheCpuSeconds": …}. The parser and the model are Vowpal
Wabbit's C++; Python only starts them.
"""

import json
import os
import sys
import tempfile
import time

import vowpalwabbit


def cpu_seconds(options):
    begun = time.process_time()
    # with -d it drives the whole file before it is there
    vw = vowpalwabbit.Workspace(options + " --quiet")
    vw.finish()
    return time.process_time() - begun


def main(file, options):
    with tempfile.TemporaryDirectory() as folder:
        cache = f"--cache_file {os.path.join(folder, 'cache')}"
        text = cpu_seconds(f"{options} -d {file}")
        cpu_seconds(f"{options} -d {file} {cache}")
        cached = cpu_seconds(f"{options} -d {file} {cache}")
    print(json.dumps({"textCpuSeconds": text, "cacheCpuSeconds": cached}))


main(*sys.argv[1:])
