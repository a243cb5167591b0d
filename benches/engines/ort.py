"""Times one model in ONNX Runtime: `ort.py MODEL FOLDER THREADS SECONDS`. Reads and writes FOLDER as the peers do."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

LEAST_RUNS = 3


def peak_memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


def main():
    model, folder, threads, seconds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    inputs = dict(np.load(folder / "inputs.npz"))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    creation = time.perf_counter() - start
    session.run(None, inputs)
    start, times = time.perf_counter(), []
    while len(times) < LEAST_RUNS or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        session.run(None, inputs)
        times.append(time.perf_counter() - begin)
    memory = peak_memory()
    names = [output.name for output in session.get_outputs()]
    for number, output in enumerate(session.run(names, inputs)):
        output.tofile(folder / f"ort.{number}.bin")
    (folder / "ort.json").write_text(json.dumps(names))
    print(json.dumps({"session": creation, "times": times, "memory": memory}))


if __name__ == "__main__":
    main()
