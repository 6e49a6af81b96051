"""Times the reference methods of ROOT/tools: driver.py ROOT.

Reads one JSON object a line and answers each with one:
{"method": NAME, "repeat": N} -> {"seconds": S}, the time of N runs over all data;
{"method": NAME, "size": true} -> {"bytes": B, "parts": P}: of a detector the most memory that
judging the longest series takes, of a miner what its templates take.
The first answer, before any question, says what is there. Files are read before that, and times
are parsed; only the method's own calls are timed. What would tell the truth is never read.
"""
import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # one core, as for the other side

import csv, gc, json, sys, time, tracemalloc, warnings

root = sys.argv[1]
sys.path.insert(0, os.path.join(root, "tools"))
warnings.simplefilter("ignore")
try:
    import numpy, pandas
    import base_cloudmon, base_loghub, base_nab
except ImportError as e:
    sys.exit(str(e))


def listed(name, column):
    with open(os.path.join(root, name, "cases.csv")) as f:
        return [row[column] for row in csv.DictReader(f)]


series, logs = [], []
for name in ("nab", "cloudmon"):
    for file in listed(name, "file"):
        x = pandas.read_csv(os.path.join(root, name, "data", file + ".gz"), usecols=["timestamp", "value"])
        at = pandas.to_datetime(x.timestamp)
        if at.dt.tz is not None:
            at = at.dt.tz_localize(None)
        series.append((x.value.interpolate().ffill().bfill().astype(float).values, at))
for system in listed("loghub2k", "system"):
    x = pandas.read_csv(os.path.join(root, "loghub2k", "logs", system + ".csv.gz"), dtype=str, keep_default_na=False, usecols=["content"])
    logs.append(list(x.content))


def quiet_after(method):
    return lambda x, at: base_nab.refractory(method(x, at), len(x))


detectors = {
    "rolling z": base_nab.rollz,
    "rolling MAD": base_nab.robust,
    "seasonal median, likelihood": quiet_after(base_nab.seasonal),
    "median + seasonal likelihood": quiet_after(base_nab.combo),
    "seasonal median, MAD": base_cloudmon.seasonal_mad,
}


def drain(lines):
    miner = base_loghub.Drain(*base_loghub.GENERIC)
    for line in lines:
        miner.add(line)
    return miner


miners = {"Drain, one setting": drain}


def run(method):
    if method in detectors:
        for x, at in series:
            detectors[method](x, at)
        return
    for lines in logs:
        miners[method](lines)


def size(method):
    gc.collect()
    tracemalloc.start()
    if method in detectors:
        x, at = max(series, key=lambda s: len(s[0]))
        detectors[method](x, at)
        bytes, parts = tracemalloc.get_traced_memory()[1], 1
    else:
        kept = [miners[method](lines) for lines in logs]
        gc.collect()
        bytes, parts = tracemalloc.get_traced_memory()[0], sum(m.n for m in kept)
    tracemalloc.stop()
    return {"bytes": bytes, "parts": parts}


def answer(a):
    print(json.dumps(a), flush=True)


answer({
    "python": sys.version.split()[0], "numpy": numpy.__version__, "pandas": pandas.__version__,
    "detectors": list(detectors), "miners": list(miners),
    "points": sum(len(x) for x, _ in series), "lines": sum(len(lines) for lines in logs),
})
for question in sys.stdin:
    q = json.loads(question)
    if q.get("size"):
        answer(size(q["method"]))
        continue
    start = time.perf_counter()
    for _ in range(q["repeat"]):
        run(q["method"])
    answer({"seconds": time.perf_counter() - start})
